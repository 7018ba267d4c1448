// SPDX-License-Identifier: MIT
// The producer library against a broker that the test plays, over a real Unix socket.
#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <condition_variable>
#include <cstring>
#include <mutex>
#include <set>
#include <thread>

#include "runtime/common/clock.hpp"
#include "runtime/common/dmabuf.hpp"
#include "runtime/common/sync_file.hpp"
#include "runtime/producer/buffer_dmabuf.hpp"
#include "runtime/producer/connection.hpp"
#include "tests/unit/producer/fake_broker.hpp"
#include "tests/unit/support/udmabuf_fixture.hpp"
#include "tests/unit/support/vgem.hpp"

namespace vdmabuf {
namespace {

using producer::Buffer;
using producer::Connection;
using producer::Endpoint;
using producer::FrameInfo;
using producer::ImageInfo;
using producer::Stream;

constexpr std::uint32_t kXr24 = 0x34325258;

class Listener : public producer::StreamListener {
  public:
    void on_release(std::uint32_t slot, std::uint64_t serial) override {
        const std::lock_guard lock(mutex_);
        released_.emplace_back(slot, serial);
        changed_.notify_all();
    }
    void on_presented(const stream::Presented& message) override {
        const std::lock_guard lock(mutex_);
        presented = message.serial;
        changed_.notify_all();
    }
    void on_configure(const stream::Configure& message) override {
        const std::lock_guard lock(mutex_);
        width = message.width;
        changed_.notify_all();
    }
    void on_close() override {
        const std::lock_guard lock(mutex_);
        closed = true;
        changed_.notify_all();
    }
    void on_input(std::span<const input::Event> events, std::uint32_t wide,
                  std::uint32_t high) override {
        const std::lock_guard lock(mutex_);
        input.insert(input.end(), events.begin(), events.end());
        input_extent = {wide, high};
        changed_.notify_all();
    }
    void on_lost() override {
        const std::lock_guard lock(mutex_);
        lost = true;
        changed_.notify_all();
    }

    template <typename Done>
    bool wait(Done done, int ms = 3000) {
        std::unique_lock lock(mutex_);
        return changed_.wait_for(lock, std::chrono::milliseconds(ms), done);
    }
    bool wait_released(std::uint32_t slot, std::uint64_t serial, int ms = 3000) {
        return wait([&] { return std::ranges::count(released_, std::pair(slot, serial)) > 0; }, ms);
    }
    std::size_t releases() {
        const std::lock_guard lock(mutex_);
        return released_.size();
    }

    std::vector<input::Event> input;
    std::pair<std::uint32_t, std::uint32_t> input_extent;
    std::uint64_t presented = 0;
    std::uint32_t width = 0;
    bool closed = false;
    bool lost = false;

  private:
    std::mutex mutex_;
    std::condition_variable changed_;
    std::vector<std::pair<std::uint32_t, std::uint64_t>> released_;
};

class ProducerTest : public testing::Test {
  protected:
    void connect() {
        std::thread open([this] {
            auto opened = Connection::open({Endpoint::Kind::socket, broker.path()}, "test");
            if (opened) connection = *opened;
        });
        EXPECT_TRUE(broker.accept());
        EXPECT_TRUE(broker.greet());
        open.join();
        ASSERT_TRUE(connection);
    }

    // A stream with `count` images; what the broker sees of it is read and checked.
    void make_stream(std::uint32_t count) {
        auto made = connection->create_stream({"title", "app", 64, 32}, &listener);
        ASSERT_TRUE(made);
        window = std::move(*made);
        const auto create = broker.expect<stream::StreamCreate>();
        ASSERT_TRUE(create);
        EXPECT_STREQ(create->title, "title");
        number = create->stream;
        auto reserved = window->reserve_slots(count);
        ASSERT_TRUE(reserved);
        slots = *reserved;
        for (const std::uint32_t slot : slots) {
            auto buffer = connection->alloc(64 * 32 * 4);
            ASSERT_TRUE(buffer);
            buffers.push_back(*buffer);
            ASSERT_TRUE(window->set_image(slot, image_info(), *buffer, &listener));
            const auto shared = broker.expect<stream::BufferCreate>();
            ASSERT_TRUE(shared);
            ASSERT_EQ(broker.fds.size(), 1u);
            memories.push_back(std::move(broker.fds[0]));
            const auto image = broker.expect<stream::StreamImage>();
            ASSERT_TRUE(image);
            EXPECT_EQ(image->slot, slot);
            EXPECT_EQ(image->buffer, shared->id);
            EXPECT_EQ(image->planes[0].pitch, 256u);
        }
    }

    static ImageInfo image_info() {
        ImageInfo info;
        info.width = 64;
        info.height = 32;
        info.fourcc = kXr24;
        info.planes[0].pitch = 256;
        return info;
    }

    std::uint64_t present(std::uint32_t slot) {
        FrameInfo frame;
        frame.slot = slot;
        frame.called_ns = now_ns();
        return window->present(frame);
    }

    test::FakeBroker broker;
    Listener listener;
    std::shared_ptr<Connection> connection;
    std::unique_ptr<Stream> window;
    std::uint32_t number = 0;
    std::vector<std::uint32_t> slots;
    std::vector<std::shared_ptr<Buffer>> buffers;
    std::vector<UniqueFd> memories;
};

TEST_F(ProducerTest, BufferIsSealedZeroedAndShared) {
    connect();
    make_stream(1);
    const int seals = ::fcntl(memories[0].get(), F_GET_SEALS);
    EXPECT_TRUE(seals & F_SEAL_SHRINK);  // UDMABUF_CREATE needs it
    EXPECT_FALSE(seals & F_SEAL_WRITE);  // and refuses this
    void* seen = ::mmap(nullptr, 4096, PROT_READ, MAP_SHARED, memories[0].get(), 0);
    ASSERT_NE(seen, MAP_FAILED);
    EXPECT_EQ(*static_cast<const volatile unsigned*>(seen), 0u);
    const unsigned pattern = 0xC0FFEE;
    std::memcpy(buffers[0]->mapping.data(), &pattern, sizeof pattern);
    EXPECT_EQ(*static_cast<const volatile unsigned*>(seen), pattern);  // the same pages
    ::munmap(seen, 4096);
}

TEST_F(ProducerTest, PresentAndRelease) {
    connect();
    make_stream(2);
    const std::uint64_t serial = present(slots[1]);
    const auto frame = broker.expect<stream::Present>();
    ASSERT_TRUE(frame);
    EXPECT_EQ(frame->serial, serial);
    EXPECT_EQ(frame->slot, slots[1]);
    EXPECT_LE(frame->called_ns, frame->sent_ns);
    broker.release(number, slots[1], serial);
    EXPECT_TRUE(listener.wait_released(slots[1], serial));
}

TEST_F(ProducerTest, ReleaseOfAnotherSerialIsIgnored) {
    connect();
    make_stream(2);
    const std::uint64_t serial = present(slots[0]);
    broker.release(number, slots[0], serial + 7);
    broker.release(number, slots[1], serial);
    broker.release(number + 1, slots[0], serial);
    broker.release(number, slots[0], serial);
    broker.release(number, slots[0], serial);
    ASSERT_TRUE(listener.wait_released(slots[0], serial));
    auto close = stream::make<stream::Close>();
    close.stream = number;
    broker.send(close);
    ASSERT_TRUE(listener.wait([&] { return listener.closed; }));
    EXPECT_EQ(listener.releases(), 1u);
}

TEST_F(ProducerTest, DamageBeyondTheLimitBecomesItsUnion) {
    connect();
    make_stream(1);
    std::vector<stream::Rect> rects;
    for (std::uint32_t i = 0; i < stream::kMaxDamage + 1; ++i) rects.push_back({i, 2 * i, 1, 1});
    FrameInfo frame;
    frame.slot = slots[0];
    frame.damage = rects;
    window->present(frame);
    const auto message = broker.expect<stream::Present>();
    ASSERT_TRUE(message);
    ASSERT_EQ(message->damage_count, 1u);
    EXPECT_EQ(message->damage[0].x, 0u);
    EXPECT_EQ(message->damage[0].width, stream::kMaxDamage + 1);
    EXPECT_EQ(message->damage[0].height, 2 * stream::kMaxDamage + 1);
}

TEST_F(ProducerTest, MalformedMessagesOfTheBrokerAreIgnored) {
    connect();
    make_stream(1);
    std::vector<std::byte> junk(100, std::byte{0x5A});
    broker.send_raw(junk);
    broker.send_raw(std::span(junk).first(3));
    auto release = stream::make<stream::Release>();
    release.stream = number;
    release.slot = 1000;  // out of range
    broker.send(release);
    auto configure = stream::make<stream::Configure>();
    configure.stream = number;
    configure.width = 123;
    broker.send(configure);
    EXPECT_TRUE(listener.wait([&] { return listener.width == 123; }));
    EXPECT_TRUE(connection->usable());
}

class ProducerInputTest : public ProducerTest {
  protected:
    void make_window() {
        broker.features = input::kFeatureInput;
        connect();
        auto made = connection->create_stream({"title", "app", 64, 32, {}, true}, &listener);
        ASSERT_TRUE(made);
        window = std::move(*made);
        announced();
    }
    void announced() {
        const auto create = broker.expect<stream::StreamCreate>();
        ASSERT_TRUE(create);
        EXPECT_EQ(create->flags, stream::kStreamTakesInput);
        number = create->stream;
    }
    input::ToProducer message(std::uint32_t sequence, std::vector<input::Event> events) {
        auto made = input::make<input::ToProducer>();
        made.stream = number;
        made.sequence = sequence;
        made.width = 64;
        made.height = 32;
        for (const input::Event& event : events) made.events[made.count++] = event;
        return made;
    }
    bool heard(std::vector<input::Event> events) {
        // Compared and emptied in one go: the reader may add to it at any time.
        const bool good = listener.wait(
            [&] {
                if (listener.input != events) return false;
                listener.input.clear();
                return true;
            },
            2000);
        if (!good) ADD_FAILURE() << "other events, or none";
        return good;
    }
    const input::Event focus = input::make_event(input::Kind::focus, 0, 1);
    const input::Event no_focus = input::make_event(input::Kind::focus, 0, 0);
    const input::Event press = input::make_event(input::Kind::key, 30, 1);
};

TEST_F(ProducerInputTest, IsToldAndAcknowledged) {
    make_window();
    broker.send(message(7, {focus, press}));
    EXPECT_TRUE(heard({focus, press}));
    EXPECT_EQ(listener.input_extent, std::pair(64u, 32u));
    const auto ack = broker.expect<input::Ack>();
    ASSERT_TRUE(ack);
    EXPECT_EQ(ack->stream, number);
    EXPECT_EQ(ack->sequence, 7u);
}

TEST_F(ProducerInputTest, WhatIsMalformedOrOfNoStreamIsIgnored) {
    make_window();
    auto wrong = message(1, {press});
    wrong.events[0].code = 300;
    broker.send(wrong);
    wrong = message(1, {input::make_event(input::Kind::motion, 0, 0, 64 * 256, 0)});
    broker.send(wrong);
    wrong = message(1, {press});
    wrong.stream = number + 1;
    broker.send(wrong);
    broker.send(message(1, {focus}));
    EXPECT_TRUE(heard({focus}));
    EXPECT_TRUE(broker.expect<input::Ack>());
    EXPECT_FALSE(broker.expect<input::Ack>(50));
}

TEST_F(ProducerInputTest, TheFocusEndsWithTheHost) {
    make_window();
    broker.send(message(1, {focus, press}));
    EXPECT_TRUE(heard({focus, press}));
    ASSERT_TRUE(broker.expect<input::Ack>());
    broker.hang_up();
    EXPECT_TRUE(heard({no_focus}));
    ASSERT_TRUE(broker.accept());
    ASSERT_TRUE(broker.greet());
    announced();
    broker.send(message(1, {focus}));
    EXPECT_TRUE(heard({focus}));
}

TEST_F(ProducerInputTest, IsNotOfferedToBrokersThatDoNotKnowIt) {
    connect();
    auto made = connection->create_stream({"title", "app", 64, 32, {}, true}, &listener);
    ASSERT_TRUE(made);
    const auto create = broker.expect<stream::StreamCreate>();
    ASSERT_TRUE(create);
    EXPECT_EQ(create->flags, 0u);
}

TEST_F(ProducerTest, FormatsFollowTheBroker) {
    connect();
    EXPECT_TRUE(connection->formats().empty());
    const std::uint64_t before = connection->formats_version();
    auto list = stream::make<stream::Formats>();
    list.format_count = 2;
    list.formats[0] = {kXr24, 0, 0};
    list.formats[1] = {kXr24, 0, 7};
    broker.send(list);
    const auto version_after = [&](std::uint64_t old) {
        for (int i = 0; i < 300 && connection->formats_version() == old; ++i) {
            std::this_thread::sleep_for(std::chrono::milliseconds(10));
        }
        return connection->formats_version();
    };
    const std::uint64_t first = version_after(before);
    ASSERT_NE(first, before);
    ASSERT_EQ(connection->formats().size(), 2u);
    EXPECT_EQ(connection->formats()[1].modifier, 7u);
    broker.send(list);  // no change
    list.format_count = 1;
    broker.send(list);
    EXPECT_EQ(version_after(first), first + 1);
    EXPECT_EQ(connection->formats().size(), 1u);
    // Colour spaces are a change as well; sRGB need not be said.
    EXPECT_EQ(connection->colour_spaces(), stream::kSrgbAlone);
    list.colour_spaces = 0xffff0004;
    broker.send(list);
    EXPECT_EQ(version_after(first + 1), first + 2);
    EXPECT_EQ(connection->colour_spaces(), 5u);

    // The next broker has another list.
    broker.hang_up();
    ASSERT_TRUE(broker.accept());
    ASSERT_TRUE(broker.expect<stream::Hello>());
    auto welcome = stream::make<stream::Welcome>();
    welcome.version = 1;
    welcome.max_streams = 64;
    welcome.format_count = 1;
    welcome.formats[0] = {kXr24, 0, 9};
    broker.send(welcome);
    EXPECT_EQ(version_after(first + 2), first + 3);
    EXPECT_EQ(connection->colour_spaces(), stream::kSrgbAlone);
    ASSERT_EQ(connection->formats().size(), 1u);
    EXPECT_EQ(connection->formats()[0].modifier, 9u);
}

TEST_F(ProducerTest, AFencesDescriptorGoesWithItsFrame) {
    connect();
    make_stream(2);
    const UniqueFd fence(::eventfd(0, EFD_CLOEXEC));
    FrameInfo frame;
    frame.slot = slots[0];
    const std::uint64_t before = now_ns();
    const std::uint64_t serial = window->present(frame, UniqueFd(::dup(fence.get())));
    EXPECT_LT(now_ns() - before, 500 * kNsPerMs) << "nobody waits for a fence";
    const auto sent = broker.expect<stream::Present>();
    ASSERT_TRUE(sent);
    EXPECT_EQ(sent->serial, serial);
    ASSERT_EQ(broker.fds.size(), 1u);
    // All eventfds share an inode: what is written to one must be read from the other.
    const auto same = [&](const UniqueFd& other) {
        const std::uint64_t one = 1;
        std::uint64_t count = 0;
        return ::write(fence.get(), &one, sizeof one) == ssize_t{sizeof one} &&
               ::read(other.get(), &count, sizeof count) == ssize_t{sizeof count} && count == 1;
    };
    EXPECT_TRUE(same(broker.fds[0]));
    present(slots[1]);
    ASSERT_TRUE(broker.expect<stream::Present>());
    EXPECT_TRUE(broker.fds.empty());

    // The next broker gets the newest frame, with its fence.
    frame.slot = slots[0];
    broker.release(number, slots[0], serial);
    ASSERT_TRUE(listener.wait_released(slots[0], serial));
    window->present(frame, UniqueFd(::dup(fence.get())));
    ASSERT_TRUE(broker.expect<stream::Present>());
    broker.hang_up();
    ASSERT_TRUE(broker.accept());
    ASSERT_TRUE(broker.greet());
    std::vector<std::byte> message;
    std::uint32_t type = 0;
    do {
        message = broker.next();
        ASSERT_GE(message.size(), sizeof(stream::Header));
        std::memcpy(&type, message.data(), sizeof type);
    } while (type != static_cast<std::uint32_t>(stream::Type::present));
    ASSERT_EQ(broker.fds.size(), 1u);
    EXPECT_TRUE(same(broker.fds[0]));
}

TEST_F(ProducerTest, OnlyDmabufsAreImported) {
    connect();
    const auto buffer = connection->alloc(4096);
    ASSERT_TRUE(buffer);
    EXPECT_FALSE(connection->import(UniqueFd(::dup((*buffer)->fd.get())), 4096));
    EXPECT_FALSE(connection->import(UniqueFd(), 4096));
    EXPECT_FALSE(implicit_fence((*buffer)->fd.get()));
}

class OfDmabufTest : public ProducerTest {
  protected:
    void SetUp() override {
        VDMABUF_NEEDS_UDMABUF();
        card = test::open_vgem();
        if (!card) {
            ASSERT_FALSE(std::getenv("VDMABUF_TEST_NEEDS_UDMABUF")) << "vgem";
            GTEST_SKIP() << "this kernel has no vgem";
        }
    }
    UniqueFd card;
};

TEST_F(OfDmabufTest, AForeignOneBecomesABuffer) {
    connect();
    test::VgemBuffer foreign(card.get(), 16);
    EXPECT_FALSE(connection->import(UniqueFd(::dup(foreign.dmabuf.get())), 17 * 4096));
    auto buffer = connection->import(UniqueFd(::dup(foreign.dmabuf.get())), 15 * 4096, true);
    ASSERT_TRUE(buffer) << buffer.error().text;
    EXPECT_EQ((*buffer)->size, 16u * 4096);
    EXPECT_TRUE((*buffer)->is_dmabuf);
    (*buffer)->mapping.bytes()[77] = std::byte{5};
    auto unmapped = connection->import(UniqueFd(::dup(foreign.dmabuf.get())), 1);
    ASSERT_TRUE(unmapped);
    EXPECT_FALSE((*unmapped)->mapping);

    // The host gets that very dmabuf, whole.
    auto made = connection->create_stream({"title", "app", 64, 32}, &listener);
    ASSERT_TRUE(made);
    ASSERT_TRUE(broker.expect<stream::StreamCreate>());
    const auto reserved = (*made)->reserve_slots(1);
    ASSERT_TRUE(reserved);
    ASSERT_TRUE((*made)->set_image((*reserved)[0], image_info(), *buffer, &listener));
    const auto shared = broker.expect<stream::BufferCreate>();
    ASSERT_TRUE(shared);
    EXPECT_EQ(shared->offset, 0u);
    EXPECT_EQ(shared->size, 16u * 4096);
    ASSERT_EQ(broker.fds.size(), 1u);
    EXPECT_TRUE(is_dmabuf(broker.fds[0].get()));
    const auto view = test::map_all(broker.fds[0].get(), 16 * 4096);
    EXPECT_EQ(view.bytes()[77], std::byte{5});
}

TEST_F(OfDmabufTest, OneIsMadeOfABuffersPages) {
    connect();
    const auto buffer = connection->alloc(5 * 4096);
    ASSERT_TRUE(buffer);
    const auto made = producer::dmabuf_of(**buffer);
    ASSERT_TRUE(made) << made.error().text;
    EXPECT_TRUE(is_dmabuf(made->get()));
    const auto view = test::map_all(made->get(), 5 * 4096);
    (*buffer)->mapping.bytes()[3 * 4096 + 1] = std::byte{6};
    EXPECT_EQ(view.bytes()[3 * 4096 + 1], std::byte{6});
    // Of one that is a dmabuf: the same.
    const auto foreign = connection->import(UniqueFd(::dup(made->get())), 5 * 4096);
    ASSERT_TRUE(foreign);
    const auto same = producer::dmabuf_of(**foreign);
    ASSERT_TRUE(same);
    const auto other_view = test::map_all(same->get(), 5 * 4096);
    EXPECT_EQ(other_view.bytes()[3 * 4096 + 1], std::byte{6});
}

TEST_F(OfDmabufTest, ItsWritersAreItsFence) {
    test::VgemBuffer buffer(card.get(), 1);
    const auto idle = implicit_fence(buffer.dmabuf.get());
    ASSERT_TRUE(idle) << idle.error().text;
    EXPECT_TRUE(is_sync_file(idle->get()));
    EXPECT_TRUE(has_signalled(idle->get()));
    buffer.begin_write();
    const auto busy = implicit_fence(buffer.dmabuf.get());
    ASSERT_TRUE(busy);
    EXPECT_TRUE(is_sync_file(busy->get()));
    EXPECT_FALSE(has_signalled(busy->get()));
    EXPECT_TRUE(has_signalled(idle->get())) << "made before";
    const std::uint64_t before = now_ns();
    buffer.end_write();
    EXPECT_TRUE(has_signalled(busy->get()));
    EXPECT_GE(signal_time_ns(busy->get()), before);
    EXPECT_LE(signal_time_ns(busy->get()), now_ns());
    EXPECT_FALSE(is_sync_file(buffer.dmabuf.get()));
}

TEST_F(ProducerTest, PingIsAnswered) {
    connect();
    auto ping = stream::make<stream::Ping>();
    ping.token = 42;
    broker.send(ping);
    EXPECT_TRUE(broker.next(200).empty());
    EXPECT_THAT(broker.pongs, testing::ElementsAre(42));
}

TEST_F(ProducerTest, EverythingIsAnnouncedAgainAfterTheBrokerHasGone) {
    connect();
    make_stream(3);
    const std::uint64_t older = present(slots[0]);
    const std::uint64_t newest = present(slots[1]);
    ASSERT_TRUE(broker.expect<stream::Present>());
    ASSERT_TRUE(broker.expect<stream::Present>());
    broker.hang_up();
    ASSERT_TRUE(broker.accept());
    ASSERT_TRUE(broker.greet());
    const auto create = broker.expect<stream::StreamCreate>();
    ASSERT_TRUE(create);
    EXPECT_EQ(create->stream, number);
    std::set<stream::BufferId> ids;
    for (int i = 0; i < 3; ++i) {
        const auto shared = broker.expect<stream::BufferCreate>();
        ASSERT_TRUE(shared);
        ids.insert(shared->id);
        ASSERT_TRUE(broker.expect<stream::StreamImage>());
    }
    EXPECT_EQ(ids.size(), 3u);
    // The picture comes back without the app's help, and only the newest frame.
    const auto frame = broker.expect<stream::Present>();
    ASSERT_TRUE(frame);
    EXPECT_EQ(frame->serial, newest);
    EXPECT_TRUE(listener.wait_released(slots[0], older));
    broker.release(number, slots[1], newest);
    EXPECT_TRUE(listener.wait_released(slots[1], newest));
}

TEST_F(ProducerTest, FramesAreReleasedWhileTheBrokerIsAway) {
    connect();
    make_stream(2);
    broker.stop_listening();
    broker.hang_up();
    // An app that only ever waits for its images: at about 60 Hz, and for ever.
    const std::uint64_t start = now_ns();
    std::uint64_t serial = present(slots[0]);
    for (std::uint32_t i = 1; i <= 12; ++i) {
        const std::uint64_t before = serial;
        serial = present(slots[i % 2]);
        ASSERT_TRUE(listener.wait_released(slots[(i + 1) % 2], before, 2500)) << i;
    }
    const std::uint64_t took = now_ns() - start;
    EXPECT_GT(took, 10 * 16 * kNsPerMs) << "not paced: the app would spin";
    broker.listen_again();
    ASSERT_TRUE(broker.accept(3000));
    ASSERT_TRUE(broker.greet());
    ASSERT_TRUE(broker.expect<stream::StreamCreate>());
}

TEST_F(ProducerTest, AnImageSetWhileTheBrokerIsAwayIsAnnouncedLater) {
    connect();
    make_stream(1);
    broker.stop_listening();
    broker.hang_up();
    ASSERT_EQ(::usleep(50000), 0);
    auto buffer = connection->alloc(64 * 32 * 4);
    ASSERT_TRUE(buffer);
    auto reserved = window->reserve_slots(1);
    ASSERT_TRUE(reserved);
    ASSERT_TRUE(window->set_image(reserved->front(), image_info(), *buffer, &listener));
    const std::uint64_t serial = present(reserved->front());
    broker.listen_again();
    ASSERT_TRUE(broker.accept(3000));
    ASSERT_TRUE(broker.greet());
    ASSERT_TRUE(broker.expect<stream::StreamCreate>());
    for (int i = 0; i < 2; ++i) {
        ASSERT_TRUE(broker.expect<stream::BufferCreate>());
        ASSERT_TRUE(broker.expect<stream::StreamImage>());
    }
    const auto frame = broker.expect<stream::Present>();
    ASSERT_TRUE(frame);
    EXPECT_EQ(frame->serial, serial);
}

TEST_F(ProducerTest, ABrokerThatStandsStillDoesNotHangTheApp) {
    connect();
    make_stream(2);
    const std::uint64_t first = present(slots[0]);
    present(slots[1]);
    // Nothing is read, nothing released, the socket stays open.
    EXPECT_TRUE(listener.wait_released(slots[0], first, 4000));
}

TEST_F(ProducerTest, NothingIsReleasedWhileTheBrokerAnswers) {
    connect();
    make_stream(2);
    present(slots[0]);
    present(slots[1]);
    for (int i = 0; i < 15; ++i) {
        broker.send(stream::make<stream::Ping>());
        ::usleep(100000);
    }
    EXPECT_EQ(listener.releases(), 0u);
}

TEST_F(ProducerTest, RefusalIsFinal) {
    connect();
    make_stream(2);
    auto error = stream::make<stream::ErrorMessage>();
    error.code = static_cast<std::uint32_t>(stream::ErrorCode::policy);
    stream::put_text(error.text, "not today");
    broker.send(error);
    ASSERT_TRUE(listener.wait([&] { return listener.lost; }));
    EXPECT_FALSE(connection->usable());
    EXPECT_FALSE(broker.accept(700)) << "a refused producer must not come back";
    const std::uint64_t first = present(slots[0]);
    present(slots[1]);
    EXPECT_TRUE(listener.wait_released(slots[0], first));
    EXPECT_FALSE(connection->create_stream({"", "", 1, 1}, &listener));
}

TEST_F(ProducerTest, AQuotaErrorIsNotTheEnd) {
    connect();
    make_stream(1);
    auto error = stream::make<stream::ErrorMessage>();
    error.code = static_cast<std::uint32_t>(stream::ErrorCode::quota);
    broker.send(error);
    auto close = stream::make<stream::Close>();
    close.stream = number;
    broker.send(close);
    ASSERT_TRUE(listener.wait([&] { return listener.closed; }));
    EXPECT_TRUE(connection->usable());
}

TEST_F(ProducerTest, RemoveImageFreesTheSlotAndTheBuffer) {
    connect();
    make_stream(2);
    present(slots[0]);
    ASSERT_TRUE(broker.expect<stream::Present>());
    window->remove_image(slots[0]);
    const auto gone = broker.expect<stream::StreamImageGone>();
    ASSERT_TRUE(gone);
    EXPECT_EQ(gone->slot, slots[0]);
    EXPECT_TRUE(broker.expect<stream::BufferDestroy>());
    broker.release(number, slots[0], 1);  // too late: the listener must not hear of it
    auto again = window->reserve_slots(stream::kMaxSlots - 1);
    ASSERT_TRUE(again);
    EXPECT_FALSE(window->reserve_slots(1));
    EXPECT_EQ(listener.releases(), 0u);
}

TEST_F(ProducerTest, StreamEndsBeforeItsBuffers) {
    connect();
    make_stream(1);
    window.reset();
    EXPECT_TRUE(broker.expect<stream::StreamDestroy>());
    EXPECT_TRUE(broker.expect<stream::BufferDestroy>());
}

TEST_F(ProducerTest, AChildOfForkTouchesNothing) {
    connect();
    make_stream(1);
    const pid_t child = ::fork();
    ASSERT_GE(child, 0);
    if (child == 0) {
        const bool refused = !connection->usable() && present(slots[0]) == 0 &&
                             !connection->alloc(4096) && !window->reserve_slots(1);
        window.reset();
        connection.reset();
        ::_exit(refused ? 0 : 1);
    }
    int status = 0;
    ASSERT_EQ(::waitpid(child, &status, 0), child);
    EXPECT_TRUE(WIFEXITED(status) && WEXITSTATUS(status) == 0);
    EXPECT_TRUE(broker.next(200).empty()) << "the child has spoken on its parent's connection";
    EXPECT_NE(present(slots[0]), 0u);
    EXPECT_TRUE(broker.expect<stream::Present>());
}

TEST_F(ProducerTest, PresentFromManyThreadsKeepsEveryStreamInOrder) {
    connect();
    make_stream(4);
    constexpr int kFrames = 400;
    std::thread reader([this] {
        std::uint64_t last = 0;
        for (int i = 0; i < kFrames; ++i) {
            const auto frame = broker.expect<stream::Present>();
            ASSERT_TRUE(frame);
            EXPECT_GT(frame->serial, last);
            last = frame->serial;
            broker.release(number, frame->slot, frame->serial);
        }
    });
    std::vector<std::thread> threads;
    for (int i = 0; i < 4; ++i) {
        threads.emplace_back([this, i] {
            for (int frame = 0; frame < kFrames / 4; ++frame) {
                const std::uint64_t serial = present(slots[static_cast<std::size_t>(i)]);
                ASSERT_TRUE(listener.wait_released(slots[static_cast<std::size_t>(i)], serial));
            }
        });
    }
    for (auto& thread : threads) thread.join();
    reader.join();
}

TEST(ProducerOpen, SaysWhyThereIsNoBroker) {
    const auto opened =
        Connection::open({Endpoint::Kind::socket, "/tmp/vdmabuf-no-such-socket"}, "test");
    ASSERT_FALSE(opened);
    EXPECT_EQ(opened.error().code, ENOENT);
    const auto device = Connection::open({Endpoint::Kind::device, "/dev/null"}, "test");
    ASSERT_FALSE(device);
    EXPECT_THAT(device.error().text, testing::HasSubstr("not a vdmabuf device"));
}

TEST(ProducerOpen, GivesUpOnASilentBrokerInTwoSeconds) {
    test::FakeBroker broker;
    const std::uint64_t start = now_ns();
    const auto opened = Connection::open({Endpoint::Kind::socket, broker.path()}, "test");
    ASSERT_FALSE(opened);
    EXPECT_EQ(opened.error().code, ETIMEDOUT);
    EXPECT_LT(now_ns() - start, 3 * kNsPerSecond);
}

TEST(ProducerOpen, ReadableErrorOnAVersionMismatch) {
    test::FakeBroker broker;
    std::thread answer([&] {
        ASSERT_TRUE(broker.accept());
        ASSERT_TRUE(broker.expect<stream::Hello>());
        auto error = stream::make<stream::ErrorMessage>();
        error.code = static_cast<std::uint32_t>(stream::ErrorCode::version);
        stream::put_text(error.text, "this broker speaks 7 to 9");
        broker.send(error);
    });
    const auto opened = Connection::open({Endpoint::Kind::socket, broker.path()}, "test");
    answer.join();
    ASSERT_FALSE(opened);
    EXPECT_THAT(opened.error().text, testing::HasSubstr("7 to 9"));
}

TEST(ProducerEndpoint, FollowsTheEnvironment) {
    ::setenv("VDMABUF_ENDPOINT", "unix:/some/where", 1);
    auto endpoint = producer::find_endpoint();
    ASSERT_TRUE(endpoint);
    EXPECT_EQ(endpoint->kind, Endpoint::Kind::socket);
    EXPECT_EQ(endpoint->path, "/some/where");
    ::setenv("VDMABUF_ENDPOINT", "nonsense", 1);
    EXPECT_FALSE(producer::find_endpoint());
    ::unsetenv("VDMABUF_ENDPOINT");
    ::setenv("XDG_RUNTIME_DIR", "/tmp/vdmabuf-nowhere", 1);
    endpoint = producer::find_endpoint();
    if (!endpoint) {
        EXPECT_THAT(endpoint.error().text, testing::HasSubstr("/dev/vdmabufN"));
    }
}

}  // namespace
}  // namespace vdmabuf
