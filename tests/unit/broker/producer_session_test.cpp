// SPDX-License-Identifier: MIT
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <array>
#include <cstring>
#include <set>
#include <string>
#include <vector>

#include "tests/unit/broker/producer_session.hpp"

namespace vdmabuf::broker::test {
namespace {

using stream::ErrorCode;
using stream::Type;

// ---- HELLO

TEST_F(ProducerSessionTest, HelloIsAnsweredWithTheFormats) {
    config.local.streams = 7;
    auto peer = producer();
    peer->send(hello());
    const auto welcome = peer->expect<stream::Welcome>();
    EXPECT_EQ(welcome.version, 1);
    EXPECT_EQ(welcome.max_streams, 7u);
    std::set<std::uint32_t> formats;
    ASSERT_EQ(welcome.format_count, 11u);
    for (std::uint32_t i = 0; i < welcome.format_count; ++i) {
        formats.insert(welcome.formats[i].fourcc);
        EXPECT_EQ(welcome.formats[i].modifier, 0u);
    }
    EXPECT_TRUE(formats.contains(fourcc_of("XR24")) && formats.contains(fourcc_of("AB4H")));
    EXPECT_EQ(formats.size(), 11u);
    EXPECT_TRUE(peer->silent()) << "a producer on this kernel needs no PING";
}

TEST_F(ProducerSessionTest, AnotherVersionIsToldInWords) {
    auto peer = producer();
    auto message = hello();
    message.version_min = 2;
    message.version_max = 3;
    peer->send(message);
    expect_refused(*peer, ErrorCode::version, Type::hello, "2 to 3");
}

TEST_F(ProducerSessionTest, AHelloOfAVersionToComeMayBeLonger) {
    auto peer = producer();
    auto message = hello();
    message.version_min = 9;
    message.version_max = 9;
    message.header.size = 120;
    auto bytes = packed(message);
    bytes.resize(120);
    peer->send_bytes(bytes);
    expect_refused(*peer, ErrorCode::version, Type::hello, "version 9");
}

TEST_F(ProducerSessionTest, ARangeThatIncludesOursIsTaken) {
    auto peer = producer();
    auto message = hello();
    message.version_max = 60000;
    peer->send(message);
    EXPECT_EQ(peer->expect<stream::Welcome>().version, 1);
}

TEST_F(ProducerSessionTest, AnEmptyRangeIsMalformed) {
    auto peer = producer();
    auto message = hello();
    message.version_min = 3;
    message.version_max = 2;
    peer->send(message);
    expect_refused(*peer, ErrorCode::protocol, Type::hello);
    auto other = producer();
    message.version_min = 0;
    other->send(message);
    expect_refused(*other, ErrorCode::protocol, Type::hello);
}

TEST_F(ProducerSessionTest, NothingComesBeforeHello) {
    auto peer = producer();
    peer->send(create(1));
    expect_refused(*peer, ErrorCode::protocol, Type::stream_create);
    auto other = producer();
    const auto fd = sealed_memfd(kImageBytes);
    other->send_bytes(packed(buffer_create(id_of(1))), std::array{fd.get()});
    expect_refused(*other, ErrorCode::protocol, Type::buffer_create);
}

TEST_F(ProducerSessionTest, OnAChannelWhatIsLeftOverFromBeforeAResyncIsDropped) {
    auto peer = port("vm");
    peer->send(present(1, 0, 5));
    EXPECT_TRUE(peer->received.empty());
    peer->send(hello());
    peer->expect<stream::Welcome>();
    // Malformed is malformed.
    auto other = port("vm");
    other->send_bytes(Bytes(7));
    EXPECT_EQ(other->close_reason, CloseReason::protocol);
}

TEST_F(ProducerSessionTest, ASecondHelloStartsAnew) {
    auto peer = greeted_producer();
    give_stream(*peer, 1);
    auto watcher = greeted_consumer();
    const auto added = watcher->expect<consumer::StreamAdded>();
    peer->send(hello());
    peer->expect<stream::Welcome>();
    EXPECT_EQ(watcher->expect<consumer::StreamRemoved>().stream, added.stream);
    // Stream 1 and its slots and serials are free; the buffer is still there.
    peer->send(create(1));
    peer->send(image(1, 0, id_of(1)));
    peer->send(present(1, 0, 1));
    const auto again = watcher->expect<consumer::StreamAdded>();
    EXPECT_GT(again.stream, added.stream) << "numbers are never used twice";
    expect_alive(*peer, "anew");
}

// ---- malformed messages, of every type

struct TypeOfMessage {
    const char* name;
    Bytes bytes;
};

std::vector<TypeOfMessage> all_messages() {
    auto with_stream = [](auto message) {
        message.stream = 1;
        return packed(message);
    };
    auto destroy = stream::make<stream::BufferDestroy>();
    destroy.id = id_of(1);
    return {
        {"HELLO", packed(hello())},
        {"STREAM_CREATE", packed(create(2))},
        {"STREAM_IMAGE", packed(image(1, 5, id_of(1)))},
        {"PRESENT", packed(present(1, 0, 1))},
        {"STREAM_IMAGE_GONE", with_stream(stream::make<stream::StreamImageGone>())},
        {"STREAM_TITLE", with_stream(stream::make<stream::StreamTitle>())},
        {"STREAM_DESTROY", with_stream(stream::make<stream::StreamDestroy>())},
        {"PONG", packed(stream::make<stream::Pong>())},
        {"BUFFER_CREATE", packed(buffer_create(id_of(9)))},
        {"BUFFER_DESTROY", packed(destroy)},
    };
}

TEST_F(ProducerSessionTest, EveryMessageIsTakenWhenItIsRight) {
    for (const auto& [name, bytes] : all_messages()) {
        SCOPED_TRACE(name);
        auto peer = greeted_producer();
        give_stream(*peer, 1);
        if (std::string(name) == "BUFFER_CREATE") {
            const auto fd = sealed_memfd(kImageBytes);
            peer->send_bytes(bytes, std::array{fd.get()});
        } else {
            peer->send_bytes(bytes);
        }
        // Still served: a buffer of a new id is taken, and a wrong one refused.
        give_buffer(*peer, id_of(77));
        peer->send(buffer_create(id_of(78)));  // without its descriptor
        expect_refused(*peer, ErrorCode::protocol, Type::buffer_create, "descriptor");
    }
}

TEST_F(ProducerSessionTest, EveryMessageIsRefusedWhenItsSizeIsWrong) {
    for (const auto& [name, bytes] : all_messages()) {
        SCOPED_TRACE(name);
        for (const int change : {-8, -1, 1, 8, 1000}) {
            SCOPED_TRACE(change);
            auto wrong = bytes;
            wrong.resize(static_cast<std::size_t>(static_cast<int>(bytes.size()) + change));
            // The size field agrees with the bytes, but not with the type.
            const auto size = static_cast<std::uint32_t>(wrong.size());
            std::memcpy(wrong.data() + 4, &size, sizeof size);
            auto peer = greeted_producer();
            give_stream(*peer, 1);
            peer->send_bytes(wrong);
            const auto error = peer->await<stream::ErrorMessage>();
            EXPECT_EQ(error.code, static_cast<std::uint32_t>(ErrorCode::protocol));
            EXPECT_EQ(error.request, type_number(bytes));
            EXPECT_TRUE(peer->ended());
        }
        // The size field does not agree with the bytes.
        auto lying = bytes;
        const auto size = static_cast<std::uint32_t>(bytes.size() + 1);
        std::memcpy(lying.data() + 4, &size, sizeof size);
        auto peer = greeted_producer();
        give_stream(*peer, 1);
        peer->send_bytes(lying);
        expect_refused(*peer, ErrorCode::protocol, Type{});
    }
}

TEST_F(ProducerSessionTest, ShorterThanAHeaderLongerThanAMessageUnknownType) {
    for (const std::size_t size : {1u, 4u, 7u, 4097u, 20000u}) {
        SCOPED_TRACE(size);
        auto peer = greeted_producer();
        peer->send_bytes(Bytes(size));
        expect_refused(*peer, ErrorCode::protocol, Type{});
    }
    for (const std::uint32_t type :
         {0x00u, 0x09u, 0x12u, 0x80u, 0x81u, 0x82u, 0x88u, 0x101u, 0xFFFFFFFFu}) {
        SCOPED_TRACE(type);
        auto peer = greeted_producer();
        Bytes bytes(16);
        const std::uint32_t header[2] = {type, 16};
        std::memcpy(bytes.data(), header, sizeof header);
        peer->send_bytes(bytes);
        expect_refused(*peer, ErrorCode::protocol, static_cast<Type>(type));
    }
}

TEST_F(ProducerSessionTest, OnAChannelBuffersAreNoMessages) {
    auto peer = port("vm");
    peer->send(hello());
    peer->expect<stream::Welcome>();
    peer->send(buffer_create(id_of(1)));
    expect_refused(*peer, ErrorCode::protocol, Type::buffer_create);
}

// ---- state

TEST_F(ProducerSessionTest, WhatDoesNotFitTheStateIsRefused) {
    struct Case {
        const char* name;
        Type request;
        std::function<void(SocketPeer&)> send;
    };
    const auto with = [](auto message, auto change) {
        change(message);
        return message;
    };
    const std::vector<Case> cases = {
        {"stream twice", Type::stream_create, [](SocketPeer& p) { p.send(create(1)); }},
        {"image of no stream", Type::stream_image,
         [](SocketPeer& p) { p.send(image(2, 5, id_of(1))); }},
        {"image in no buffer", Type::stream_image,
         [](SocketPeer& p) { p.send(image(1, 5, id_of(99))); }},
        {"image in a taken slot", Type::stream_image,
         [](SocketPeer& p) { p.send(image(1, 0, id_of(1))); }},
        {"image outside of its buffer", Type::stream_image,
         [&](SocketPeer& p) {
             p.send(with(image(1, 5, id_of(1)), [](auto& m) { m.height = 257; }));
         }},
        {"image behind its buffer", Type::stream_image,
         [&](SocketPeer& p) {
             p.send(with(image(1, 5, id_of(1)), [](auto& m) { m.planes[0].offset = kPage; }));
         }},
        {"pitch below a row", Type::stream_image,
         [&](SocketPeer& p) {
             p.send(with(image(1, 5, id_of(1)), [](auto& m) { m.planes[0].pitch = 1020; }));
         }},
        {"unknown format", Type::stream_image,
         [&](SocketPeer& p) {
             p.send(with(image(1, 5, id_of(1)), [](auto& m) { m.fourcc = fourcc_of("NV12"); }));
         }},
        {"no modifier named", Type::stream_image,
         [&](SocketPeer& p) {
             p.send(with(image(1, 5, id_of(1)), [](auto& m) { m.modifier = kModifierInvalid; }));
         }},
        {"slot out of range", Type::stream_image,
         [](SocketPeer& p) { p.send(image(1, 64, id_of(1))); }},
        {"present on no stream", Type::present, [](SocketPeer& p) { p.send(present(2, 0, 1)); }},
        {"present without an image", Type::present,
         [](SocketPeer& p) { p.send(present(1, 5, 1)); }},
        {"present out of range", Type::present, [](SocketPeer& p) { p.send(present(1, 64, 1)); }},
        {"serial 0", Type::present, [](SocketPeer& p) { p.send(present(1, 0, 0)); }},
        {"same serial", Type::present,
         [](SocketPeer& p) {
             p.send(present(1, 0, 5));
             p.send(present(1, 1, 5));
         }},
        {"smaller serial", Type::present,
         [](SocketPeer& p) {
             p.send(present(1, 0, 5));
             p.send(present(1, 1, 4));
         }},
        {"gone without an image", Type::stream_image_gone,
         [&](SocketPeer& p) {
             p.send(with(stream::make<stream::StreamImageGone>(), [](auto& m) {
                 m.stream = 1;
                 m.slot = 5;
             }));
         }},
        {"gone twice", Type::stream_image_gone,
         [&](SocketPeer& p) {
             const auto gone =
                 with(stream::make<stream::StreamImageGone>(), [](auto& m) { m.stream = 1; });
             p.send(gone);
             p.send(gone);
         }},
        {"present of an image that is gone", Type::present,
         [&](SocketPeer& p) {
             p.send(with(stream::make<stream::StreamImageGone>(), [](auto& m) { m.stream = 1; }));
             p.send(present(1, 0, 1));
         }},
        {"gone on no stream", Type::stream_image_gone,
         [&](SocketPeer& p) {
             p.send(with(stream::make<stream::StreamImageGone>(), [](auto& m) { m.stream = 2; }));
         }},
        {"title of no stream", Type::stream_title,
         [&](SocketPeer& p) {
             p.send(with(stream::make<stream::StreamTitle>(), [](auto& m) { m.stream = 2; }));
         }},
        {"end of no stream", Type::stream_destroy,
         [&](SocketPeer& p) {
             p.send(with(stream::make<stream::StreamDestroy>(), [](auto& m) { m.stream = 2; }));
         }},
        {"end of a stream twice", Type::stream_destroy,
         [&](SocketPeer& p) {
             const auto end =
                 with(stream::make<stream::StreamDestroy>(), [](auto& m) { m.stream = 1; });
             p.send(end);
             p.send(end);
         }},
        {"buffer twice", Type::buffer_create, [](SocketPeer& p) { give_buffer(p, id_of(1)); }},
        {"end of no buffer", Type::buffer_destroy,
         [&](SocketPeer& p) {
             p.send(with(stream::make<stream::BufferDestroy>(), [](auto& m) { m.id = id_of(9); }));
         }},
        {"a descriptor where none belongs", Type::stream_create,
         [](SocketPeer& p) { p.send_bytes(packed(create(2)), std::array{0}); }},
    };
    // Somebody else, to whom nothing of this may happen.
    auto bystander = greeted_producer();
    give_stream(*bystander, 2);
    for (const Case& one : cases) {
        SCOPED_TRACE(one.name);
        auto peer = greeted_producer();
        give_stream(*peer, 2);
        one.send(*peer);
        expect_refused(*peer, ErrorCode::protocol, one.request);
    }
    settle();
    EXPECT_EQ(broker->connections(), 1u);
    expect_alive(*bystander, "unharmed");
}

TEST_F(ProducerSessionTest, IdsAreOfTheirConnection) {
    auto first = greeted_producer();
    give_stream(*first, 1);
    auto second = greeted_producer();
    second->send(create(1));  // the same number is another stream
    give_buffer(*second, id_of(2));
    second->send(image(1, 0, id_of(2)));
    expect_alive(*first, "mine");
    // The other's buffer is not there.
    second->send(image(1, 1, id_of(1)));
    expect_refused(*second, ErrorCode::protocol, Type::stream_image, "buffer");
    expect_alive(*first, "still mine");
}

TEST_F(ProducerSessionTest, AProducerMayTakeBackASlotItHeardNothingOf) {
    auto peer = greeted_producer();
    give_stream(*peer, 2);
    peer->send(present(1, 0, 1));
    peer->send(present(1, 1, 2));
    peer->send(present(1, 0, 3));
    settle();
    EXPECT_EQ(peer->expect<stream::Presented>().serial, 1u);
    expect_alive(*peer, "served on");
}

}  // namespace
}  // namespace vdmabuf::broker::test
