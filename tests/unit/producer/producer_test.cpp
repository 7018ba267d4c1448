// SPDX-License-Identifier: MIT
// Streams, buffers and connections of the producer library.
#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstring>
#include <thread>

#include "runtime/common/clock.hpp"
#include "runtime/producer/connection.hpp"
#include "tests/unit/producer/producer_fixture.hpp"
#include "tests/unit/support/udmabuf_fixture.hpp"

namespace vdmabuf::test {
namespace {

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

TEST_F(ProducerTest, PingIsAnswered) {
    connect();
    auto ping = stream::make<stream::Ping>();
    ping.token = 42;
    broker.send(ping);
    EXPECT_TRUE(broker.next(200).empty());
    EXPECT_THAT(broker.pongs, testing::ElementsAre(42));
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
    FakeBroker broker;
    const std::uint64_t start = now_ns();
    const auto opened = Connection::open({Endpoint::Kind::socket, broker.path()}, "test");
    ASSERT_FALSE(opened);
    EXPECT_EQ(opened.error().code, ETIMEDOUT);
    EXPECT_LT(now_ns() - start, 3 * kNsPerSecond);
}

TEST(ProducerOpen, ReadableErrorOnAVersionMismatch) {
    FakeBroker broker;
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
}  // namespace vdmabuf::test
