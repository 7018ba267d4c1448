// SPDX-License-Identifier: MIT
#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/mman.h>
#include <unistd.h>

#include <array>
#include <cstring>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "tests/unit/broker/harness.hpp"

namespace vdmabuf::broker::test {
namespace {

using consumer::Type;
using stream::ErrorCode;
using testing::HasSubstr;

class ConsumerSessionTest : public Harness {
  protected:
    void expect_refused(Peer& peer, ErrorCode code, Type request, const std::string& text = "") {
        const auto error = peer.await<consumer::ErrorMessage>();
        EXPECT_EQ(error.code, static_cast<std::uint32_t>(code)) << error.text;
        EXPECT_EQ(error.request, static_cast<std::uint32_t>(request)) << error.text;
        EXPECT_THAT(std::string(error.text), HasSubstr(text));
        EXPECT_TRUE(peer.ended());
    }

    // A producer with stream 1 of `count` images.
    void make_stream(std::uint32_t count = 3) {
        app = greeted_producer();
        give_stream(*app, count);
        settle();
    }
    // A consumer that is attached to it and has its images.
    std::unique_ptr<SocketPeer> viewer(std::uint32_t count = 3) {
        auto peer = greeted_consumer();
        id = peer->expect<consumer::StreamAdded>().stream;
        peer->send(attach(id));
        images.clear();
        for (std::uint32_t i = 0; i < count; ++i) images.push_back(peer->expect<consumer::Image>());
        return peer;
    }
    template <typename Message>
    Message of_stream() {
        auto message = consumer::make<Message>();
        message.stream = id;
        return message;
    }

    std::unique_ptr<SocketPeer> app;
    std::uint64_t id = 0;
    std::vector<consumer::Image> images;
};

// ---- formats

consumer::Formats imports(std::vector<std::uint64_t> modifiers) {
    auto message = consumer::make<consumer::Formats>();
    for (const std::uint64_t modifier : modifiers) {
        message.formats[message.format_count++] = {fourcc_of("XR24"), 0, modifier};
    }
    return message;
}

TEST_F(ConsumerSessionTest, WhatConsumersImportIsToldToEveryProducer) {
    app = greeted_producer();
    auto other = greeted_producer();
    auto first = greeted_consumer();
    first->send(imports({5, 6}));
    const auto known = static_cast<std::uint32_t>(known_formats().size());
    for (SocketPeer* peer : {app.get(), other.get()}) {
        const auto list = peer->expect<stream::Formats>();
        ASSERT_EQ(list.format_count, known + 2);
        EXPECT_EQ(list.formats[0].modifier, kModifierLinear);
        EXPECT_EQ(list.formats[known].modifier, 5u);
        EXPECT_EQ(list.formats[known + 1].modifier, 6u);
    }
    auto late = producer();
    late->send(hello());
    EXPECT_EQ(late->expect<stream::Welcome>().format_count, known + 2);

    // One that only asks (vdmabufctl) changes nothing; one that attaches and said nothing does.
    give_stream(*app, 1);
    settle();
    auto second = greeted_consumer();
    const std::uint64_t stream = second->expect<consumer::StreamAdded>().stream;
    second->send(consumer::make<consumer::Query>());
    second->await<consumer::QueryDone>();
    EXPECT_TRUE(other->silent());
    second->send(attach(stream));
    EXPECT_EQ(other->expect<stream::Formats>().format_count, known);
    second->hang_up();
    EXPECT_EQ(other->expect<stream::Formats>().format_count, known + 2);
    // A list that is back to what it was before anybody was told.
    first->send(imports({5}));
    first->send(imports({5, 6}));
    turn_until([] { return false; }, 50 * kNsPerMs);
    EXPECT_TRUE(other->silent());
}

// ---- HELLO

TEST_F(ConsumerSessionTest, HelloIsAnsweredAndEveryStreamNamed) {
    make_stream();
    app->send(create(2));
    settle();
    auto peer = consumer();
    peer->send(consumer_hello());
    const auto welcome = peer->expect<consumer::Welcome>();
    EXPECT_EQ(welcome.version, 1);
    EXPECT_EQ(welcome.broker_pid, static_cast<std::uint32_t>(::getpid()));
    EXPECT_STREQ(welcome.broker_version, VDMABUF_VERSION);
    const auto first = peer->expect<consumer::StreamAdded>();
    EXPECT_EQ(first.width, 256u);
    EXPECT_EQ(first.height, 256u);
    EXPECT_STREQ(first.vm, "");
    EXPECT_STREQ(first.app, "test-app");
    EXPECT_STREQ(first.app_id, "org.example.app");
    EXPECT_STREQ(first.title, "a title");
    EXPECT_EQ(first.pid, static_cast<std::uint32_t>(::getpid())) << "SO_PEERCRED, not the claim";
    const auto second = peer->expect<consumer::StreamAdded>();
    EXPECT_NE(first.stream, second.stream);
    EXPECT_TRUE(peer->silent());
    // And those that come and go later.
    app->send(create(3));
    const auto third = peer->expect<consumer::StreamAdded>();
    auto title = stream::make<stream::StreamTitle>();
    title.stream = 3;
    stream::put_text(title.title, "new");
    app->send(title);
    const auto renamed = peer->expect<consumer::StreamTitle>();
    EXPECT_EQ(renamed.stream, third.stream);
    EXPECT_STREQ(renamed.title, "new");
    auto destroy = stream::make<stream::StreamDestroy>();
    destroy.stream = 3;
    app->send(destroy);
    EXPECT_EQ(peer->expect<consumer::StreamRemoved>().stream, third.stream);
    app->hang_up();
    EXPECT_EQ(peer->expect<consumer::StreamRemoved>().header.size, 16u);
    EXPECT_EQ(peer->expect<consumer::StreamRemoved>().header.size, 16u);
}

TEST_F(ConsumerSessionTest, TitlesAreToldAtOnceButNotTooOften) {
    make_stream(1);
    auto peer = viewer(1);
    auto title = stream::make<stream::StreamTitle>();
    title.stream = 1;
    stream::put_text(title.title, "0");
    app->send(title);
    EXPECT_STREQ(peer->expect<consumer::StreamTitle>().title, "0");
    const std::uint64_t begin = now_ns();
    for (int i = 1; i <= 1000; ++i) {
        stream::put_text(title.title, std::to_string(i));
        app->send(title);
    }
    std::string last;
    std::uint64_t told = 0;
    while (last != "1000") {
        const auto message = peer->expect<consumer::StreamTitle>();
        if (HasFailure()) return;
        last = message.title;
        ++told;
    }
    EXPECT_LE(told, 1 + (now_ns() - begin) / (50 * kNsPerMs));
    app->send(title);  // the same again
    EXPECT_TRUE(peer->silent());
}

TEST_F(ConsumerSessionTest, TextsOfAGuestCannotSteerATerminal) {
    app = greeted_producer();
    auto evil = create(1);
    stream::put_text(evil.title, "a\033[31mb");
    app->send(evil);
    settle();
    auto peer = greeted_consumer();
    EXPECT_STREQ(peer->expect<consumer::StreamAdded>().title, "a?[31mb");
}

TEST_F(ConsumerSessionTest, ExtentsAreToldToThoseThatWantThem) {
    make_stream(1);
    auto old = greeted_consumer();
    old->expect<consumer::StreamAdded>();
    auto hello = consumer_hello();
    hello.features = stream::kFeatureExtent;
    auto peer = consumer();
    peer->send(hello);
    const auto welcome = peer->expect<consumer::Welcome>();
    EXPECT_TRUE(welcome.features & stream::kFeatureExtent);
    const auto added = peer->expect<consumer::StreamAdded>();
    auto extent = stream::make<stream::StreamExtent>();
    extent.stream = 1;
    extent.width = 300;
    extent.height = 7;
    app->send(extent);
    const auto told = peer->expect<consumer::StreamExtent>();
    EXPECT_EQ(told.stream, added.stream);
    EXPECT_EQ(told.width, 300u);
    EXPECT_EQ(told.height, 7u);
    app->send(extent);  // no news
    const std::uint64_t begin = now_ns();
    for (extent.width = 1; extent.width <= 1000; ++extent.width) app->send(extent);
    std::uint32_t last = 0;
    std::uint64_t count = 0;
    for (; last != 1000 && !HasFailure(); ++count) {
        last = peer->expect<consumer::StreamExtent>().width;
    }
    EXPECT_LE(count, 2 + (now_ns() - begin) / (50 * kNsPerMs));
    EXPECT_TRUE(old->silent());
    // Those that come later are told with the stream.
    auto late = greeted_consumer();
    EXPECT_EQ(late->expect<consumer::StreamAdded>().width, 1000u);
}

TEST_F(ConsumerSessionTest, OneThatSaidNoHelloIsToldNothing) {
    auto peer = consumer();
    make_stream();
    EXPECT_TRUE(peer->silent());
    peer->send(attach(1));
    expect_refused(*peer, ErrorCode::protocol, Type::attach, "HELLO");
}

TEST_F(ConsumerSessionTest, AnotherVersionIsToldInWords) {
    auto peer = consumer();
    auto message = consumer_hello();
    message.version_min = 2;
    message.version_max = 2;
    peer->send(message);
    expect_refused(*peer, ErrorCode::version, Type::hello, "version 2");
}

TEST_F(ConsumerSessionTest, HelloComesOnce) {
    auto peer = greeted_consumer();
    peer->send(consumer_hello());
    expect_refused(*peer, ErrorCode::protocol, Type::hello);
}

TEST_F(ConsumerSessionTest, OneConsumerTooManyIsTurnedAway) {
    config.consumers = 2;
    auto a = greeted_consumer();
    auto b = greeted_consumer();
    auto c = consumer();
    expect_refused(*c, ErrorCode::quota, Type{});
    a->hang_up();
    settle();
    auto d = greeted_consumer();
    EXPECT_EQ(broker->connections(), 2u);
}

// ---- malformed messages

std::vector<std::pair<const char*, Bytes>> all_messages(std::uint64_t id, std::uint64_t image) {
    const auto with = [id](auto message) {
        message.stream = id;
        return message;
    };
    auto imported = with(consumer::make<consumer::Imported>());
    imported.image = image;
    imported.path = 2;
    return {
        {"DETACH", packed(with(consumer::make<consumer::Detach>()))},
        {"RELEASE", packed(release(id, 1))},
        {"PRESENTED", packed(presented(id, 1))},
        {"CONFIGURE", packed(with(consumer::make<consumer::Configure>()))},
        {"CLOSE_STREAM", packed(with(consumer::make<consumer::CloseStream>()))},
        {"IMPORTED", packed(imported)},
        {"STATISTICS", packed(with(consumer::make<consumer::Statistics>()))},
        {"QUERY", packed(consumer::make<consumer::Query>())},
        {"FORMATS", packed(imports({5}))},
    };
}

TEST_F(ConsumerSessionTest, EveryMessageIsTakenWhenRightAndRefusedWhenItsSizeIsWrong) {
    make_stream(1);
    app->send(present(1, 0, 1));
    const std::size_t count = all_messages(1, 1).size();
    for (std::size_t i = 0; i < count; ++i) {
        {
            auto peer = viewer(1);
            const auto [name, bytes] = all_messages(id, images[0].image)[i];
            SCOPED_TRACE(name);
            peer->send_bytes(bytes);
            settle();
            peer->send(consumer::make<consumer::Query>());
            EXPECT_EQ(peer->await<consumer::StreamStatus>().stream, id);
        }
        for (const int change : {-8, -1, 1, 8, 2000}) {
            auto peer = viewer(1);
            auto [name, wrong] = all_messages(id, images[0].image)[i];
            SCOPED_TRACE(name);
            SCOPED_TRACE(change);
            wrong.resize(static_cast<std::size_t>(static_cast<int>(wrong.size()) + change));
            const auto size = static_cast<std::uint32_t>(wrong.size());
            if (size >= 8) std::memcpy(wrong.data() + 4, &size, sizeof size);
            peer->send_bytes(wrong);
            if (size < 8) continue;  // QUERY less 8 bytes: nothing that can be sent
            const auto error = peer->await<consumer::ErrorMessage>();
            EXPECT_EQ(error.code, static_cast<std::uint32_t>(ErrorCode::protocol));
            EXPECT_TRUE(peer->ended());
        }
    }
    settle();
    EXPECT_EQ(broker->connections(), 1u) << "only the app is left";
}

TEST_F(ConsumerSessionTest, UnknownTypesAndDescriptorsAreRefused) {
    for (const std::uint32_t type : {0u, 1u, 0x110u, 0x181u, 0x187u, 0xFFFFFFFFu}) {
        SCOPED_TRACE(type);
        auto peer = greeted_consumer();
        Bytes bytes(16);
        const std::uint32_t header[2] = {type, 16};
        std::memcpy(bytes.data(), header, sizeof header);
        peer->send_bytes(bytes);
        expect_refused(*peer, ErrorCode::protocol, static_cast<Type>(type));
    }
    auto peer = greeted_consumer();
    peer->send_bytes(packed(consumer::make<consumer::Query>()), std::array{0});
    expect_refused(*peer, ErrorCode::protocol, Type{}, "descriptor");
}

TEST_F(ConsumerSessionTest, WhatWasNeverThereIsRefused) {
    make_stream(1);
    for (const std::uint64_t wrong : {std::uint64_t{0}, std::uint64_t{2}, ~std::uint64_t{0}}) {
        for (auto& [name, bytes] : all_messages(wrong, 1)) {
            if (std::string(name) == "QUERY" || std::string(name) == "FORMATS") continue;
            SCOPED_TRACE(name);
            auto peer = viewer(1);
            peer->send_bytes(bytes);
            expect_refused(*peer, ErrorCode::protocol, static_cast<Type>(type_number(bytes)));
        }
        auto peer = viewer(1);
        peer->send(attach(wrong));
        expect_refused(*peer, ErrorCode::protocol, Type::attach);
    }
}

TEST_F(ConsumerSessionTest, WhatIsOverIsIgnored) {
    make_stream(1);
    auto peer = viewer(1);
    app->send(present(1, 0, 1));
    peer->expect<consumer::Frame>();
    app->hang_up();
    peer->expect<consumer::StreamRemoved>();
    for (auto& [name, bytes] : all_messages(id, images[0].image)) peer->send_bytes(bytes);
    peer->send(attach(id));
    auto done = of_stream<consumer::ImageDone>();
    done.image = images[0].image;
    peer->send(done);
    peer->expect<consumer::QueryDone>();
    EXPECT_TRUE(peer->silent());
}

// ---- images

TEST_F(ConsumerSessionTest, AnImageComesWithItsPagesReadOnly) {
    app = greeted_producer();
    app->send(create(1));
    const auto memory = sealed_memfd(kImageBytes + kPage);
    auto with_offset = buffer_create(id_of(1));
    with_offset.offset = kPage;
    app->send_bytes(packed(with_offset), std::array{memory.get()});
    auto announced = image(1, 7, id_of(1));
    announced.flags = stream::kImageOpaque;
    announced.height = 255;
    announced.planes[0].offset = 1024;
    app->send(announced);
    settle();

    auto peer = greeted_consumer();
    id = peer->expect<consumer::StreamAdded>().stream;
    peer->send(attach(id));
    auto received = peer->next();
    ASSERT_TRUE(received);
    const auto got = consumer::decode<consumer::Image>(received->bytes);
    ASSERT_TRUE(got);
    EXPECT_EQ(got->stream, id);
    EXPECT_NE(got->image, 0u);
    EXPECT_EQ(got->slot, 7u);
    EXPECT_EQ(got->width, 256u);
    EXPECT_EQ(got->height, 255u);
    EXPECT_EQ(got->fourcc, fourcc_of("XR24"));
    EXPECT_EQ(got->modifier, 0u);
    EXPECT_EQ(got->flags, stream::kImageOpaque);
    EXPECT_EQ(got->strategy, 1u);
    EXPECT_EQ(got->plane_count, 1u);
    EXPECT_EQ(got->planes[0].offset, 1024u);
    EXPECT_EQ(got->planes[0].pitch, 1024u);
    EXPECT_EQ(got->buffer_size, kImageBytes);
    EXPECT_EQ(got->memory, static_cast<std::uint32_t>(consumer::MemoryKind::runs));
    EXPECT_EQ(got->run_count, 1u);
    EXPECT_EQ(got->file_count, 1u);
    ASSERT_EQ(received->fds.size(), 2u);
    consumer::Run run;
    ASSERT_EQ(::pread(received->fds[0].get(), &run, sizeof run, 0),
              static_cast<ssize_t>(sizeof run));
    EXPECT_EQ(run.file, 0u);
    EXPECT_EQ(run.offset, kPage);
    EXPECT_EQ(run.length, kImageBytes);

    // Zero copy: what the producer writes later is seen without any message.
    const int file = received->fds[1].get();
    void* view =
        ::mmap(nullptr, run.length, PROT_READ, MAP_SHARED, file, static_cast<off_t>(run.offset));
    ASSERT_NE(view, MAP_FAILED);
    ASSERT_EQ(::pwrite(memory.get(), "after", 5, static_cast<off_t>(kPage)), 5);
    EXPECT_EQ(std::memcmp(view, "after", 5), 0);
    ::munmap(view, run.length);
    EXPECT_EQ(::mmap(nullptr, kPage, PROT_WRITE, MAP_SHARED, file, 0), MAP_FAILED);
    EXPECT_EQ(::pwrite(file, "x", 1, 0), -1);
}

TEST_F(ConsumerSessionTest, WithoutADmabufThereIsNothingToAskAgainFor) {
    make_stream(1);
    auto peer = viewer(1);
    auto again = of_stream<consumer::ImageAgain>();
    again.image = images[0].image + 1;
    peer->send(again);  // none of its images: it may have gone
    settle();
    again.image = images[0].image;
    peer->send(again);
    expect_refused(*peer, ErrorCode::protocol, Type::image_again, "IMAGE_AGAIN");
}

TEST_F(ConsumerSessionTest, WhereNoDmabufCanBeMadeTheReasonIsTold) {
    if (::access("/dev/udmabuf", R_OK | W_OK) == 0) GTEST_SKIP() << "here one can be made";
    config.share_vm_memory = false;
    make_stream(1);
    auto peer = consumer();
    auto message = consumer_hello();
    message.features = consumer::kFeatureDmabuf;
    peer->send(message);
    peer->expect<consumer::Welcome>();
    id = peer->expect<consumer::StreamAdded>().stream;
    peer->send(attach(id));
    const auto local = peer->expect<consumer::Image>();
    EXPECT_EQ(local.memory, static_cast<std::uint32_t>(consumer::MemoryKind::runs));
    EXPECT_THAT(std::string(local.reason), HasSubstr("no /dev/udmabuf"));
    // Of a VM's memory it may not even have the runs, but the connection and the stream go on.
    auto guest = port("vm");
    guest->send(hello());
    EXPECT_EQ(guest->expect<stream::Welcome>().format_count, known_formats().size());
    auto memory = std::make_shared<BufferMemory>();
    memory->files.push_back(std::make_shared<const UniqueFd>(sealed_memfd(kImageBytes)));
    memory->runs.push_back({0, 0, kImageBytes});
    memory->size = kImageBytes;
    ASSERT_EQ(broker->ports().buffer_created(*guest, id_of(1), memory), Created::ok);
    guest->send(create(1));
    guest->send(image(1, 0, id_of(1)));
    id = peer->expect<consumer::StreamAdded>().stream;
    peer->send(attach(id));
    const auto kept = peer->expect<consumer::Image>();
    EXPECT_EQ(kept.memory, static_cast<std::uint32_t>(consumer::MemoryKind::none));
    EXPECT_THAT(std::string(kept.reason), HasSubstr("share_vm_memory"));
    EXPECT_THAT(std::string(kept.reason), HasSubstr("no /dev/udmabuf"));
    guest->send(present(1, 0, 1));
    EXPECT_EQ(peer->expect<consumer::Frame>().image, kept.image);
    peer->send(consumer::make<consumer::Query>());
    peer->await<consumer::ImageStatus>();
    const auto status = peer->await<consumer::ImageStatus>();
    EXPECT_EQ(status.memory, static_cast<std::uint32_t>(consumer::MemoryKind::none));
    EXPECT_STREQ(status.memory_reason, kept.reason);
    // A tiled format is of no use to a guest whose pages cannot become dmabufs.
    peer->send(imports({5}));
    EXPECT_EQ(app->await<stream::Formats>().format_count, known_formats().size() + 1);
    turn_until([] { return false; }, 50 * kNsPerMs);
    for (const auto& bytes : guest->received) {
        EXPECT_NE(type_number(bytes), static_cast<std::uint32_t>(stream::Type::formats));
    }
}

TEST_F(ConsumerSessionTest, ImagesThatComeLaterAreSentToo) {
    make_stream(1);
    auto peer = viewer(1);
    app->send(image(1, 9, id_of(1)));
    const auto added = peer->expect<consumer::Image>();
    EXPECT_EQ(added.slot, 9u);
    EXPECT_GT(added.image, images[0].image);
}

// The pages go back to the producer exactly when the last one who may read them has let go.
class LifetimeTest : public ConsumerSessionTest {
  protected:
    void SetUp() override {
        guest = port("vm");
        guest->send(hello());
        guest->expect<stream::Welcome>();
        auto* memory = new BufferMemory;
        memory->files.push_back(std::make_shared<const UniqueFd>(sealed_memfd(kImageBytes)));
        memory->runs.push_back({0, 0, kImageBytes});
        memory->size = kImageBytes;
        std::shared_ptr<const BufferMemory> shared(memory, [this](const BufferMemory* over) {
            delete over;
            let_go = true;
        });
        ASSERT_EQ(broker->ports().buffer_created(*guest, id_of(1), std::move(shared)), Created::ok);
        guest->send(create(1));
        guest->send(image(1, 0, id_of(1)));
    }
    void TearDown() override {
        guest.reset();
        broker.reset();
        EXPECT_TRUE(let_go);
    }
    void withdraw() {
        auto gone = stream::make<stream::StreamImageGone>();
        gone.stream = 1;
        guest->send(gone);
    }
    void destroy_buffer() { EXPECT_TRUE(broker->ports().buffer_destroyed(*guest, id_of(1))); }

    std::unique_ptr<PortPeer> guest;
    bool let_go = false;
};

TEST_F(LifetimeTest, WithoutConsumers) {
    destroy_buffer();
    EXPECT_FALSE(let_go) << "the image has it";
    EXPECT_FALSE(broker->ports().buffer_destroyed(*guest, id_of(1)));
    withdraw();
    EXPECT_TRUE(let_go);
}

TEST_F(LifetimeTest, UntilImageDone) {
    auto peer = viewer(1);
    guest->send(present(1, 0, 1));
    peer->expect<consumer::Frame>();
    destroy_buffer();
    withdraw();
    EXPECT_EQ(peer->expect<consumer::ImageGone>().image, images[0].image);
    auto wrong = of_stream<consumer::ImageDone>();
    wrong.image = images[0].image + 1;
    peer->send(wrong);
    settle();
    EXPECT_FALSE(let_go);
    auto done = of_stream<consumer::ImageDone>();
    done.image = images[0].image;
    peer->send(done);
    peer->send(done);
    settle();
    EXPECT_TRUE(let_go);
    // The consumer is still served.
    peer->send(consumer::make<consumer::Query>());
    peer->expect<consumer::StreamStatus>();
}

TEST_F(LifetimeTest, UntilDetach) {
    auto peer = viewer(1);
    destroy_buffer();
    withdraw();
    settle();
    EXPECT_FALSE(let_go);
    peer->send(of_stream<consumer::Detach>());
    settle();
    EXPECT_TRUE(let_go);
}

TEST_F(LifetimeTest, UntilTheConsumerIsGone) {
    auto peer = viewer(1);
    auto other = viewer(1);
    destroy_buffer();
    withdraw();
    peer->hang_up();
    settle();
    EXPECT_FALSE(let_go);
    other->hang_up();
    settle();
    EXPECT_TRUE(let_go);
}

TEST_F(LifetimeTest, AfterTheProducersEndForAShortTimeOnly) {
    auto peer = viewer(1);
    guest->hang_up();
    peer->expect<consumer::StreamRemoved>();
    settle();
    EXPECT_FALSE(let_go) << "it may be drawing";
    EXPECT_TRUE(turn_until([this] { return let_go; }, 3 * kNsPerSecond));
}

TEST_F(LifetimeTest, AfterTheProducersEndUntilImageDone) {
    auto peer = viewer(1);
    guest->hang_up();
    peer->expect<consumer::StreamRemoved>();
    auto done = of_stream<consumer::ImageDone>();
    done.image = images[0].image;
    peer->send(done);
    EXPECT_TRUE(turn_until([this] { return let_go; }, kNsPerSecond));
}

TEST_F(LifetimeTest, ImageDoneBeforeImageGoneIsRefused) {
    auto peer = viewer(1);
    auto done = of_stream<consumer::ImageDone>();
    done.image = images[0].image;
    peer->send(done);
    expect_refused(*peer, ErrorCode::protocol, Type::image_done);
}

TEST_F(ConsumerSessionTest, AVmsMemoryMayBeKeptFromConsumers) {
    config.share_vm_memory = false;
    make_stream(1);
    auto guest = port("vm");
    guest->send(hello());
    auto memory = std::make_shared<BufferMemory>();
    memory->files.push_back(std::make_shared<const UniqueFd>(sealed_memfd(kImageBytes)));
    memory->runs.push_back({0, 0, kImageBytes});
    memory->size = kImageBytes;
    ASSERT_EQ(broker->ports().buffer_created(*guest, id_of(1), memory), Created::ok);
    guest->send(create(1));
    guest->send(image(1, 0, id_of(1)));
    auto peer = greeted_consumer();
    id = peer->expect<consumer::StreamAdded>().stream;
    const auto of_vm = peer->expect<consumer::StreamAdded>();
    EXPECT_STREQ(of_vm.vm, "vm");
    peer->send(attach(id));
    peer->expect<consumer::Image>();
    peer->send(attach(of_vm.stream));
    const auto error = peer->expect<consumer::ErrorMessage>();
    EXPECT_EQ(error.code, static_cast<std::uint32_t>(ErrorCode::policy));
    EXPECT_EQ(error.request, static_cast<std::uint32_t>(Type::attach));
    EXPECT_THAT(std::string(error.text), HasSubstr("share_vm_memory"));
    // No frame of it comes, and the connection lives.
    guest->send(present(1, 0, 1));
    app->send(present(1, 0, 1));
    EXPECT_EQ(peer->expect<consumer::Frame>().stream, id);
    EXPECT_TRUE(peer->silent());
}

// ---- frames

TEST_F(ConsumerSessionTest, AFramesWholeWay) {
    make_stream(2);
    auto peer = viewer(2);
    app->send(present(1, 0, 1));
    peer->expect<consumer::Frame>();
    peer->send(presented(id, 1));
    peer->send(release(id, 1));
    EXPECT_EQ(app->expect<stream::Presented>().serial, 1u);
    auto message = present(1, 1, 10);
    message.mode = 1;
    message.cpu_copied_bytes = 99;
    message.damage_count = 1;
    message.damage[0] = {1, 2, 3, 4};
    app->send(message);
    const auto frame = peer->expect<consumer::Frame>();
    EXPECT_EQ(frame.stream, id);
    EXPECT_EQ(frame.image, images[1].image);
    EXPECT_EQ(frame.serial, 10u);
    EXPECT_EQ(frame.mode, 1u);
    EXPECT_EQ(frame.called_ns, message.called_ns);  // the same clock
    EXPECT_EQ(frame.gpu_done_ns, message.gpu_done_ns);
    EXPECT_EQ(frame.sent_ns, message.sent_ns);
    EXPECT_GE(frame.received_ns, frame.sent_ns);
    EXPECT_GE(frame.forwarded_ns, frame.received_ns);
    EXPECT_EQ(frame.presented_count, 2u);
    EXPECT_EQ(frame.cpu_copied_bytes, 99u);
    EXPECT_EQ(frame.damage_count, 1u);
    EXPECT_EQ(frame.damage[0].height, 4u);

    EXPECT_EQ(app->expect<stream::Release>().serial, 1u);
    const auto shown = presented(id, 10);
    peer->send(shown);
    const auto report = app->expect<stream::Presented>();
    EXPECT_EQ(report.stream, 1u);
    EXPECT_EQ(report.serial, 10u);
    EXPECT_EQ(report.flags, stream::kPresentedShown);
    EXPECT_EQ(report.time_ns, shown.time_ns);
    EXPECT_EQ(report.refresh_ns, shown.refresh_ns);
    EXPECT_TRUE(app->silent()) << "the newest frame is kept";

    app->send(present(1, 0, 11));
    EXPECT_EQ(peer->expect<consumer::Frame>().presented_count, 3u);
    EXPECT_TRUE(app->silent()) << "the consumer still reads the last one";
    peer->send(release(id, 10));
    const auto released = app->expect<stream::Release>();
    EXPECT_EQ(released.slot, 1u);
    EXPECT_EQ(released.serial, 10u);
}

TEST_F(ConsumerSessionTest, DamageIsOfUseOnlyToOneWhoHadTheFrameBefore) {
    make_stream(3);
    std::uint64_t serial = 0;
    const auto show = [&](std::uint32_t slot) {
        auto message = present(1, slot, ++serial);
        message.mode = 1;
        message.damage_count = 1;
        message.damage[0] = {1, 2, 3, 4};
        app->send(message);
    };
    show(0);
    settle();
    auto peer = viewer(3);
    EXPECT_EQ(peer->expect<consumer::Frame>().damage_count, 0u) << "the first of all";
    show(1);
    settle();
    peer->send(presented(id, 1));
    EXPECT_EQ(peer->expect<consumer::Frame>().damage_count, 1u);
    show(2);
    show(0);  // replaces it
    settle();
    peer->send(presented(id, 2));
    const auto after = peer->expect<consumer::Frame>();
    EXPECT_EQ(after.serial, 4u);
    EXPECT_EQ(after.damage_count, 0u);
    EXPECT_EQ(after.damage[0].width, 0u);
    auto late = viewer(3);
    EXPECT_EQ(late->expect<consumer::Frame>().damage_count, 0u);
}

TEST_F(ConsumerSessionTest, NoFrameComesBeforePresented) {
    make_stream(3);
    auto peer = viewer(3);
    for (std::uint32_t slot = 0; slot < 3; ++slot) app->send(present(1, slot, slot + 1));
    EXPECT_EQ(peer->expect<consumer::Frame>().serial, 1u);
    EXPECT_TRUE(peer->silent());
    peer->send(release(id, 1));  // is not PRESENTED
    EXPECT_TRUE(peer->silent());
    peer->send(presented(id, 1));
    EXPECT_EQ(peer->expect<consumer::Frame>().serial, 2u);
    EXPECT_TRUE(peer->silent());
}

TEST_F(ConsumerSessionTest, OneThatNeverAnswersStallsNobody) {
    make_stream(3);
    auto stuck = viewer(3);
    std::uint64_t serial = 0;
    for (std::uint32_t slot = 0; slot < 3; ++slot) app->send(present(1, slot, ++serial));
    stuck->expect<consumer::Frame>();
    const std::uint64_t begin = now_ns();
    for (int i = 0; i < 8; ++i) {
        const auto released = app->await<stream::Release>();
        app->send(present(1, released.slot, ++serial));
    }
    // 100 ms a frame, and half a second for the one that it held.
    EXPECT_LT(now_ns() - begin, 2 * kNsPerSecond);
    EXPECT_GT(now_ns() - begin, kNsPerSecond / 2);
    EXPECT_TRUE(stuck->silent());
}

TEST_F(ConsumerSessionTest, ReleasingTwiceHarmsNobodyInventedFramesAreRefused) {
    make_stream(2);
    auto peer = viewer(2);
    app->send(present(1, 0, 5));
    peer->expect<consumer::Frame>();
    peer->send(presented(id, 5));
    peer->send(presented(id, 5));
    peer->send(release(id, 5));
    peer->send(release(id, 5));
    peer->send(release(id, 3));  // never was, but might have been
    app->expect<stream::Presented>();
    EXPECT_TRUE(app->silent());
    app->send(present(1, 1, 6));
    EXPECT_EQ(app->expect<stream::Release>().serial, 5u);
    EXPECT_TRUE(app->silent());
    peer->expect<consumer::Frame>();
    peer->send(release(id, 7));
    expect_refused(*peer, ErrorCode::protocol, Type::release);
    auto other = viewer(2);
    other->expect<consumer::Frame>();
    other->send(presented(id, 8));
    expect_refused(*other, ErrorCode::protocol, Type::presented);
    // The frames that they held are free again, and the app is served on.
    app->send(present(1, 0, 7));
    EXPECT_EQ(app->await<stream::Release>().serial, 6u);
}

TEST_F(ConsumerSessionTest, AttachingTwiceIsRefused) {
    make_stream(1);
    auto peer = viewer(1);
    peer->send(attach(id));
    expect_refused(*peer, ErrorCode::protocol, Type::attach);
}

TEST_F(ConsumerSessionTest, ALaterAttachGetsThePictureAtOnce) {
    make_stream(2);
    app->send(present(1, 0, 1));
    settle();
    auto peer = viewer(2);
    EXPECT_EQ(peer->expect<consumer::Frame>().serial, 1u);
    peer->send(of_stream<consumer::Detach>());
    peer->send(attach(id));
    peer->expect<consumer::Image>();
    peer->expect<consumer::Image>();
    EXPECT_EQ(peer->expect<consumer::Frame>().serial, 1u);
}

TEST_F(ConsumerSessionTest, ADeadConsumersFramesComeBack) {
    make_stream(2);
    auto peer = viewer(2);
    app->send(present(1, 0, 1));
    peer->expect<consumer::Frame>();
    app->send(present(1, 1, 2));
    peer->hang_up();
    const std::uint64_t begin = now_ns();
    EXPECT_EQ(app->expect<stream::Presented>().flags, 0u);
    EXPECT_EQ(app->await<stream::Release>().serial, 1u);
    EXPECT_LT(now_ns() - begin, 400 * kNsPerMs) << "not only because it was held for too long";
}

TEST_F(ConsumerSessionTest, OneThatNeverReadsIsDroppedAndTheOthersServed) {
    make_stream(2);
    auto deaf = viewer(2);
    auto good = viewer(2);
    app->send(present(1, 0, 1));
    good->expect<consumer::Frame>();
    EXPECT_EQ(broker->connections(), 3u);
    for (int i = 0; i < 20'000 && broker->connections() == 3; ++i) {
        // It asks and asks, and does not listen to the answers.
        const auto query = consumer::make<consumer::Query>();
        if (send_message(deaf->socket(), consumer::bytes_of(query)) != 0) settle();
    }
    EXPECT_EQ(broker->connections(), 2u);
    good->send(presented(id, 1));
    EXPECT_EQ(app->expect<stream::Presented>().serial, 1u);
    app->send(present(1, 1, 2));
    EXPECT_EQ(good->expect<consumer::Frame>().serial, 2u);
    good->send(release(id, 1));
    EXPECT_EQ(app->expect<stream::Release>().serial, 1u) << "the deaf one's hold has ended";
}

// ---- wishes, statistics

TEST_F(ConsumerSessionTest, WishesReachTheProducerAndDoNotOutliveTheirOwner) {
    make_stream(1);
    auto peer = viewer(1);
    auto wish = of_stream<consumer::Configure>();
    wish.flags = stream::kConfigureOccluded;
    wish.width = 640;
    wish.height = 480;
    wish.refresh_ns = 7;
    peer->send(wish);
    const auto told = app->expect<stream::Configure>();
    EXPECT_EQ(told.stream, 1u);
    EXPECT_EQ(told.flags, stream::kConfigureOccluded);
    EXPECT_EQ(told.width, 640u);
    EXPECT_EQ(told.height, 480u);
    EXPECT_EQ(told.refresh_ns, 7u);
    peer->hang_up();
    EXPECT_EQ(app->expect<stream::Configure>().flags, 0u);

    auto stranger = greeted_consumer();
    stranger->send(wish);  // not attached
    stranger->send(of_stream<consumer::CloseStream>());
    EXPECT_EQ(app->expect<stream::Close>().stream, 1u);
    EXPECT_TRUE(app->silent());
}

TEST_F(ConsumerSessionTest, QueryTellsWhatWentThrough) {
    make_stream(2);
    auto peer = viewer(2);
    auto message = present(1, 0, 1);
    message.cpu_copied_bytes = 1000;
    app->send(message);
    peer->expect<consumer::Frame>();
    peer->send(presented(id, 1));
    peer->send(release(id, 1));
    message = present(1, 1, 2);
    message.cpu_copied_bytes = 500;
    app->send(message);
    peer->expect<consumer::Frame>();
    auto imported = of_stream<consumer::Imported>();
    imported.image = images[0].image;
    imported.path = static_cast<std::uint32_t>(consumer::ImportPath::host_pointer);
    consumer::put_text(imported.reason, "no udmabuf");
    peer->send(imported);
    auto statistics = of_stream<consumer::Statistics>();
    statistics.cpu_copied_bytes = 70;
    statistics.latency_p50_ns = 1;
    statistics.latency_p99_ns = 2;
    peer->send(statistics);
    statistics.cpu_copied_bytes = 100;  // a running count
    peer->send(statistics);
    settle();
    {
        auto second = viewer(2);
        statistics.cpu_copied_bytes = 11;
        second->send(statistics);
        settle();
    }
    auto tool = greeted_consumer();
    tool->expect<consumer::StreamAdded>();
    tool->send(consumer::make<consumer::Query>());
    const auto status = tool->expect<consumer::StreamStatus>();
    EXPECT_EQ(status.stream, id);
    EXPECT_EQ(status.consumers, 1u);
    EXPECT_EQ(status.frames_presented, 2u);
    EXPECT_EQ(status.frames_released, 1u);
    EXPECT_EQ(status.frames_skipped, 0u);
    EXPECT_EQ(status.frames_shown, 1u);
    EXPECT_EQ(status.producer_copied_bytes, 1500u);
    EXPECT_EQ(status.broker_copied_bytes, 0u);
    EXPECT_EQ(status.consumer_copied_bytes, 111u);
    EXPECT_EQ(status.latency_p99_ns, 2u);
    EXPECT_NE(status.last_present_ns, 0u);
    EXPECT_STREQ(status.app, "test-app");
    const auto first = tool->expect<consumer::ImageStatus>();
    EXPECT_EQ(first.image, images[0].image);
    EXPECT_EQ(first.pitch, 1024u);
    EXPECT_EQ(first.buffer_size, kImageBytes);
    EXPECT_EQ(first.run_count, 1u);
    EXPECT_EQ(first.strategy, 1u);
    EXPECT_EQ(first.path, 2u);
    EXPECT_STREQ(first.reason, "no udmabuf");
    EXPECT_EQ(tool->expect<consumer::ImageStatus>().path, 0u);
    tool->expect<consumer::QueryDone>();
    EXPECT_TRUE(tool->silent());
}

}  // namespace
}  // namespace vdmabuf::broker::test
