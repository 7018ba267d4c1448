// SPDX-License-Identifier: MIT
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <array>
#include <cstring>
#include <memory>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "tests/unit/broker/harness.hpp"

namespace vdmabuf::broker::test {
namespace {

using stream::ErrorCode;
using stream::Type;
using testing::HasSubstr;

class ProducerSessionTest : public Harness {
  protected:
    // The broker refuses what was sent last: says why, and ends the connection.
    void expect_refused(Peer& peer, ErrorCode code, Type request, const std::string& text = "") {
        const auto error = peer.await<stream::ErrorMessage>();
        EXPECT_EQ(error.code, static_cast<std::uint32_t>(code)) << error.text;
        EXPECT_EQ(error.request, static_cast<std::uint32_t>(request)) << error.text;
        EXPECT_THAT(std::string(error.text), HasSubstr(text));
        EXPECT_GT(std::strlen(error.text), 10u) << "a sentence for people";
        EXPECT_TRUE(peer.ended());
    }
    void expect_quota(Peer& peer, Type request) {
        const auto error = peer.expect<stream::ErrorMessage>();
        EXPECT_EQ(error.code, static_cast<std::uint32_t>(ErrorCode::quota)) << error.text;
        EXPECT_EQ(error.request, static_cast<std::uint32_t>(request)) << error.text;
    }
    // The connection works: a title reaches a new consumer. Stream 1 must be there.
    void expect_alive(SocketPeer& peer, const std::string& mark) {
        auto message = stream::make<stream::StreamTitle>();
        message.stream = 1;
        stream::put_text(message.title, mark);
        peer.send(message);
        settle();
        auto watcher = greeted_consumer();
        EXPECT_EQ(watcher->await<consumer::StreamAdded>().title, mark);
    }
};

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

// ---- frames without a consumer, on the real clock

TEST_F(ProducerSessionTest, WithoutAConsumerFramesComeBackAt60Hz) {
    auto peer = greeted_producer();
    give_stream(*peer, 3);
    std::uint64_t serial = 0;
    for (std::uint32_t slot = 0; slot < 3; ++slot) peer->send(present(1, slot, ++serial));
    const std::uint64_t begin = now_ns();
    std::uint64_t last = 0;
    for (int i = 0; i < 30; ++i) {
        const auto released = peer->await<stream::Release>();
        EXPECT_EQ(released.serial, last + 1);
        last = released.serial;
        peer->send(present(1, released.slot, ++serial));
    }
    const double hz = 29e9 / static_cast<double>(now_ns() - begin);
    EXPECT_LT(hz, 61.0);
    EXPECT_GT(hz, 30.0) << "or the machine is very busy";
}

TEST_F(ProducerSessionTest, EveryFrameIsReportedOnce) {
    auto peer = greeted_producer();
    give_stream(*peer, 3);
    for (std::uint64_t serial = 1; serial <= 12; ++serial) {
        auto message = present(1, static_cast<std::uint32_t>((serial - 1) % 3), serial);
        message.mode = static_cast<std::uint32_t>(stream::PresentMode::mailbox);
        peer->send(message);
        const auto report = peer->expect<stream::Presented>();
        EXPECT_EQ(report.serial, serial);
        EXPECT_EQ(report.flags, 0u);
        if (serial > 1) {
            const auto released = peer->expect<stream::Release>();
            EXPECT_EQ(released.serial, serial - 1);
            EXPECT_EQ(released.slot, (serial - 2) % 3);
            EXPECT_EQ(released.stream, 1u);
        }
    }
    EXPECT_TRUE(peer->silent());
}

// ---- quotas

TEST_F(ProducerSessionTest, OneStreamTooManyIsRefusedAndNothingElse) {
    config.local.streams = 2;
    auto peer = greeted_producer();
    give_stream(*peer, 1);
    peer->send(create(2));
    peer->send(create(3));
    expect_quota(*peer, Type::stream_create);
    // What the producer had sent before it could know is no mistake, and its slot comes back.
    peer->send(image(3, 0, id_of(1)));
    peer->send(present(3, 0, 1));
    EXPECT_EQ(peer->expect<stream::Presented>().serial, 1u);
    const auto released = peer->expect<stream::Release>();
    EXPECT_EQ(released.stream, 3u);
    EXPECT_EQ(released.slot, 0u);
    auto destroy = stream::make<stream::StreamDestroy>();
    destroy.stream = 3;
    peer->send(destroy);
    destroy.stream = 2;
    peer->send(destroy);
    peer->send(create(4));  // there is room again
    expect_alive(*peer, "lives");
    auto other = greeted_producer();  // the limit is of a connection
    give_stream(*other, 1);
    EXPECT_TRUE(other->silent());
}

TEST_F(ProducerSessionTest, BuffersAreLimitedInNumber) {
    config.local.buffers = 3;
    auto peer = greeted_producer();
    give_stream(*peer, 2);
    auto other = greeted_producer();  // shares the limit
    give_buffer(*other, id_of(1));
    settle();
    EXPECT_TRUE(other->silent());
    give_buffer(*peer, id_of(50));
    expect_quota(*peer, Type::buffer_create);
    peer->send(image(1, 5, id_of(50)));
    peer->send(present(1, 5, 1));
    peer->expect<stream::Presented>();
    EXPECT_EQ(peer->expect<stream::Release>().slot, 5u);
    auto gone = stream::make<stream::StreamImageGone>();
    gone.stream = 1;
    gone.slot = 5;
    peer->send(gone);
    auto destroy = stream::make<stream::BufferDestroy>();
    destroy.id = id_of(50);
    peer->send(destroy);
    // The end of the other connection makes room.
    other->hang_up();
    settle();
    give_buffer(*peer, id_of(50));
    peer->send(image(1, 5, id_of(50)));
    EXPECT_TRUE(peer->silent());
    expect_alive(*peer, "lives");
}

TEST_F(ProducerSessionTest, BuffersAreLimitedInBytes) {
    config.local.buffer_bytes = 2 * kImageBytes + kPage;
    auto peer = greeted_producer();
    give_stream(*peer, 2);
    give_buffer(*peer, id_of(50), 2 * kPage);
    expect_quota(*peer, Type::buffer_create);
    give_buffer(*peer, id_of(51), kPage);
    EXPECT_TRUE(peer->silent());
    expect_alive(*peer, "lives");
}

TEST_F(ProducerSessionTest, WhatConsumersHoldCounts) {
    config.local.buffers = 1;
    auto peer = greeted_producer();
    give_stream(*peer, 1);
    auto viewer = greeted_consumer();
    const auto stream_id = viewer->expect<consumer::StreamAdded>().stream;
    viewer->send(attach(stream_id));
    const auto shown = viewer->expect<consumer::Image>();
    // The producer gives up image and buffer, the consumer does not.
    auto gone = stream::make<stream::StreamImageGone>();
    gone.stream = 1;
    peer->send(gone);
    auto destroy = stream::make<stream::BufferDestroy>();
    destroy.id = id_of(1);
    peer->send(destroy);
    give_buffer(*peer, id_of(2));
    expect_quota(*peer, Type::buffer_create);
    EXPECT_EQ(viewer->expect<consumer::ImageGone>().image, shown.image);
    auto done = consumer::make<consumer::ImageDone>();
    done.stream = stream_id;
    done.image = shown.image;
    viewer->send(done);
    settle();
    give_buffer(*peer, id_of(3));
    EXPECT_TRUE(peer->silent());
}

TEST_F(ProducerSessionTest, ImagesAreLimited) {
    config.local.images = 2;
    auto peer = greeted_producer();
    give_stream(*peer, 2);
    peer->send(image(1, 2, id_of(1)));
    expect_quota(*peer, Type::stream_image);
    peer->send(present(1, 2, 1));
    peer->expect<stream::Presented>();
    EXPECT_EQ(peer->expect<stream::Release>().slot, 2u);
    auto gone = stream::make<stream::StreamImageGone>();
    gone.stream = 1;
    peer->send(gone);
    gone.slot = 2;
    peer->send(gone);
    peer->send(image(1, 2, id_of(1)));
    EXPECT_TRUE(peer->silent());
    expect_alive(*peer, "lives");
}

TEST_F(ProducerSessionTest, ConnectionsAreLimitedForEachVm) {
    config.local.connections = 1;
    config.vms["small"].connections = 1;
    auto peer = greeted_producer();
    auto second = producer();
    const auto error = second->expect<stream::ErrorMessage>();
    EXPECT_EQ(error.code, static_cast<std::uint32_t>(ErrorCode::quota));
    EXPECT_TRUE(second->ended());
    auto a = port("small");
    PortPeer refused(*this, broker->ports());
    EXPECT_FALSE(refused.open("small"));
    auto b = port("other");
    a->hang_up();
    EXPECT_TRUE(refused.open("small"));
    // The broken ones are forgotten.
    peer->hang_up();
    settle();
    auto third = greeted_producer();
}

TEST_F(ProducerSessionTest, RefusedStreamsAreNotRememberedWithoutEnd) {
    config.local.streams = 1;
    auto peer = greeted_producer();
    for (std::uint32_t i = 1; i < 1500; ++i) {
        peer->send(create(i));
        peer->silent();  // reads one message
    }
    EXPECT_TRUE(peer->ended());
    settle();
    EXPECT_EQ(broker->connections(), 0u);
}

TEST_F(ProducerSessionTest, OneThatMakesStreamsWithoutEndIsEndedAndNobodyElse) {
    auto bystander = greeted_producer();
    give_stream(*bystander, 1);
    auto watcher = greeted_consumer();
    watcher->expect<consumer::StreamAdded>();
    auto guest = port("evil");
    guest->send(hello());
    auto destroy = stream::make<stream::StreamDestroy>();
    destroy.stream = 1;
    std::uint64_t sent = 0;
    // The watcher does not read: its queue must be able to take all of it.
    while (!guest->close_reason) {
        guest->send(create(1));
        guest->send(destroy);
        ASSERT_LT(++sent, 20'000u);
    }
    EXPECT_EQ(guest->close_reason, CloseReason::quota);
    EXPECT_EQ(guest->received.size(), 3u);  // WELCOME, PING, ERROR
    EXPECT_GE(sent, 4096u);
    settle();
    EXPECT_EQ(broker->connections(), 2u) << "bystander and watcher";
    for (std::uint64_t i = 0; i < sent - 1; ++i) {
        watcher->expect<consumer::StreamAdded>();
        watcher->expect<consumer::StreamRemoved>();
        if (HasFailure()) return;
    }
    expect_alive(*bystander, "unharmed");
}

// ---- a VM's channel

TEST_F(ProducerSessionTest, TheGuestsClockIsMeasuredAndStampsAreMapped) {
    auto guest = port("vm");
    guest->send(hello());
    guest->expect<stream::Welcome>();
    // The guest's clock began an hour after ours.
    constexpr std::uint64_t kBehind = 3600 * kNsPerSecond;
    const auto guest_now = [] { return now_ns() - kBehind; };
    for (int i = 0; i < 4; ++i) {
        auto pong = stream::make<stream::Pong>();
        pong.token = guest->expect<stream::Ping>().token;
        pong.producer_ns = guest_now();
        guest->send(pong);
    }
    EXPECT_TRUE(guest->received.empty()) << "no fifth PING in a row";

    auto memory = std::make_shared<BufferMemory>();
    memory->files.push_back(std::make_shared<const UniqueFd>(sealed_memfd(kImageBytes)));
    memory->runs.push_back({0, 0, kImageBytes});
    memory->size = kImageBytes;
    EXPECT_EQ(broker->ports().buffer_created(*guest, id_of(1), memory), Created::ok);
    EXPECT_EQ(broker->ports().buffer_created(*guest, id_of(1), memory), Created::exists);
    guest->send(create(1));
    guest->send(image(1, 0, id_of(1)));
    auto viewer = greeted_consumer();
    const auto added = viewer->expect<consumer::StreamAdded>();
    EXPECT_STREQ(added.vm, "vm");
    EXPECT_STREQ(added.app, "test-app");
    EXPECT_EQ(added.pid, 4711u);
    viewer->send(attach(added.stream));
    viewer->expect<consumer::Image>();

    const std::uint64_t called = now_ns();
    auto message = present(1, 0, 1);
    message.called_ns = guest_now();
    message.gpu_done_ns = guest_now();
    message.sent_ns = guest_now();
    guest->send(message);
    const auto frame = viewer->expect<consumer::Frame>();
    constexpr double kNear = 20e6;  // as exact as this machine's scheduling
    EXPECT_NEAR(static_cast<double>(frame.called_ns), static_cast<double>(called), kNear);
    EXPECT_LE(frame.called_ns, frame.gpu_done_ns);
    EXPECT_LE(frame.gpu_done_ns, frame.sent_ns);
    EXPECT_LE(frame.sent_ns, frame.received_ns);
    EXPECT_LE(frame.received_ns, frame.forwarded_ns);

    const std::uint64_t shown = guest_now();
    viewer->send(presented(added.stream, 1));
    const auto report = guest->expect<stream::Presented>();
    EXPECT_EQ(report.flags, stream::kPresentedShown);
    EXPECT_NEAR(static_cast<double>(report.time_ns), static_cast<double>(shown), kNear);
    EXPECT_EQ(report.refresh_ns, 10'000'000u);
}

TEST_F(ProducerSessionTest, LyingStampsStaySane) {
    auto guest = port("vm");
    guest->send(hello());
    guest->expect<stream::Welcome>();
    auto pong = stream::make<stream::Pong>();
    pong.token = 12345;  // not asked for
    pong.producer_ns = 1;
    guest->send(pong);
    pong.token = guest->expect<stream::Ping>().token;
    pong.producer_ns = ~std::uint64_t{0};
    guest->send(pong);
    auto memory = std::make_shared<BufferMemory>();
    memory->files.push_back(std::make_shared<const UniqueFd>(sealed_memfd(kImageBytes)));
    memory->runs.push_back({0, 0, kImageBytes});
    memory->size = kImageBytes;
    ASSERT_EQ(broker->ports().buffer_created(*guest, id_of(1), memory), Created::ok);
    guest->send(create(1));
    guest->send(image(1, 0, id_of(1)));
    auto viewer = greeted_consumer();
    const auto stream_id = viewer->expect<consumer::StreamAdded>().stream;
    viewer->send(attach(stream_id));
    viewer->expect<consumer::Image>();
    std::uint64_t serial = 0;
    for (const std::uint64_t lie : {std::uint64_t{1}, now_ns(), ~std::uint64_t{0} / 2,
                                    ~std::uint64_t{0} / 2 + 1, ~std::uint64_t{0}}) {
        auto message = present(1, 0, ++serial);
        message.called_ns = lie;
        message.gpu_done_ns = lie / 2;
        message.sent_ns = lie / 3;
        guest->send(message);
        const auto frame = viewer->await<consumer::Frame>();
        EXPECT_EQ(frame.serial, serial);
        EXPECT_LE(frame.called_ns, frame.received_ns);
        EXPECT_LE(frame.gpu_done_ns, frame.received_ns);
        EXPECT_LE(frame.sent_ns, frame.received_ns);
        EXPECT_LE(frame.called_ns, frame.gpu_done_ns ? frame.gpu_done_ns : frame.received_ns);
        viewer->send(presented(stream_id, serial));
    }
}

TEST_F(ProducerSessionTest, DamageIsClippedToTheImage) {
    auto peer = greeted_producer();
    give_stream(*peer, 2);
    auto viewer = greeted_consumer();
    const auto stream_id = viewer->expect<consumer::StreamAdded>().stream;
    viewer->send(attach(stream_id));
    viewer->expect<consumer::Image>();
    viewer->expect<consumer::Image>();
    peer->send(present(1, 1, 1));
    viewer->expect<consumer::Frame>();
    viewer->send(presented(stream_id, 1));
    auto message = present(1, 0, 2);
    message.damage_count = 3;
    message.damage[0] = {10, 20, 30, 40};
    message.damage[1] = {250, 250, 100, 100};
    message.damage[2] = {300, 0, 10, 10};
    message.damage[3] = {1, 2, 3, 4};  // beyond the count
    peer->send(message);
    const auto frame = viewer->expect<consumer::Frame>();
    ASSERT_EQ(frame.damage_count, 3u);
    EXPECT_EQ(frame.damage[0].width, 30u);
    EXPECT_EQ(frame.damage[1].x, 250u);
    EXPECT_EQ(frame.damage[1].width, 6u);
    EXPECT_EQ(frame.damage[1].height, 6u);
    EXPECT_EQ(frame.damage[2].width, 0u);
    EXPECT_EQ(frame.damage[3].width, 0u);
}

}  // namespace
}  // namespace vdmabuf::broker::test
