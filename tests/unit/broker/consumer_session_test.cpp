// SPDX-License-Identifier: MIT
#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <array>
#include <cstring>
#include <string>
#include <utility>
#include <vector>

#include "tests/unit/broker/consumer_session.hpp"

namespace vdmabuf::broker::test {
namespace {

using consumer::Type;
using stream::ErrorCode;

// ---- formats

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

}  // namespace
}  // namespace vdmabuf::broker::test
