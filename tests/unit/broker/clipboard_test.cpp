// SPDX-License-Identifier: MIT
// Text of clipboards between consumers and producers: who gets it, and what too much of it does.
#include <gtest/gtest.h>

#include <string_view>

#include "runtime/broker/clipboard_flow.hpp"
#include "tests/unit/broker/harness.hpp"

namespace vdmabuf::broker::test {
namespace {

using clipboard::kWindow;
using clipboard::Policy;
using stream::ErrorCode;

template <typename Part>
Part part(std::uint64_t stream, std::string_view text, std::uint32_t first = 0,
          std::uint32_t total = 0) {
    auto message = clipboard::make<Part>();
    message.stream = static_cast<decltype(message.stream)>(stream);
    message.first = first;
    message.count = static_cast<std::uint32_t>(text.size());
    message.total = total ? total : first + message.count;
    text.copy(message.text, text.size());
    return message;
}

template <typename Part>
std::string text_of(const Part& message) {
    return {message.text, message.count};
}

constexpr std::uint32_t kTakes = stream::kStreamTakesInput | stream::kStreamTakesClipboard;

class ClipboardTest : public Harness {
  protected:
    void make_stream(std::uint32_t wanted = kTakes) {
        app = producer();
        app->send(hello());
        features = app->expect<stream::Welcome>().features;
        auto message = create(1);
        message.flags = wanted;
        app->send(message);
        settle();
    }
    std::unique_ptr<SocketPeer> viewer(std::uint32_t with = clipboard::kFeatureClipboard) {
        auto peer = consumer();
        auto greeting = consumer_hello();
        greeting.features = with;
        peer->send(greeting);
        EXPECT_EQ(peer->expect<consumer::Welcome>().features, features);
        const auto added = peer->expect<consumer::StreamAdded>();
        id = added.stream;
        flags = added.flags;
        peer->send(attach(id));
        return peer;
    }
    void focus(SocketPeer& peer, bool has = true) {
        auto message = input::make<input::FromConsumer>();
        message.stream = id;
        message.width = message.height = 256;
        message.count = 1;
        message.events[0] = input::make_event(input::Kind::focus, 0, has);
        peer.send(message);
        auto ack = input::make<input::Ack>();
        ack.stream = 1;
        ack.sequence = app->expect<input::ToProducer>().sequence;
        app->send(ack);
        settle();
    }
    void take(std::uint32_t count) {
        auto message = clipboard::make<clipboard::TakenByProducer>();
        message.stream = 1;
        message.count = count;
        app->send(message);
    }
    void expect_taken(SocketPeer& peer) {
        const auto taken = peer.expect<clipboard::TakenToConsumer>();
        EXPECT_EQ(taken.stream, id);
        EXPECT_EQ(taken.count, 1u);
    }
    template <typename Message>
    void expect_refused(Peer& peer, ErrorCode code = ErrorCode::protocol) {
        EXPECT_EQ(peer.await<Message>().code, static_cast<std::uint32_t>(code));
        EXPECT_TRUE(peer.ended());
    }

    std::unique_ptr<SocketPeer> app;
    std::uint32_t features = 0;
    std::uint64_t id = 0;
    std::uint32_t flags = 0;
};

using OfConsumer = clipboard::PartOfConsumer;
using OfProducer = clipboard::PartOfProducer;
using ToConsumer = clipboard::PartToConsumer;
using ToProducer = clipboard::PartToProducer;

TEST_F(ClipboardTest, GoesToTheStreamThatHasTheFocus) {
    make_stream();
    EXPECT_TRUE(features & clipboard::kFeatureClipboard);
    auto peer = viewer();
    EXPECT_EQ(flags, kTakes);
    focus(*peer);
    auto sent = part<OfConsumer>(id, "text", 4000, 5000);
    sent.text[4] = 'x';  // behind its end
    peer->send(sent);
    const auto got = app->expect<ToProducer>();
    EXPECT_EQ(got.stream, 1u);
    EXPECT_EQ(got.first, 4000u);
    EXPECT_EQ(got.total, 5000u);
    EXPECT_EQ(text_of(got), "text");
    EXPECT_EQ(got.text[4], '\0') << "what the consumer left behind the text";
    settle();
    EXPECT_TRUE(peer->silent()) << "not taken up yet";
    take(1);
    expect_taken(*peer);
}

TEST_F(ClipboardTest, WithoutTheFocusItIsDropped) {
    make_stream();
    auto peer = viewer();
    peer->send(part<OfConsumer>(id, "secret"));
    expect_taken(*peer);
    auto other = viewer();
    focus(*other);
    peer->send(part<OfConsumer>(id, "secret"));
    expect_taken(*peer);
    focus(*other, false);
    other->send(part<OfConsumer>(id, "secret"));
    expect_taken(*other);
    settle();
    EXPECT_TRUE(app->silent());
    // And those who are not attached.
    auto detach = consumer::make<consumer::Detach>();
    detach.stream = id;
    focus(*peer);
    peer->send(detach);
    app->expect<input::ToProducer>();
    peer->send(part<OfConsumer>(id, "secret"));
    expect_taken(*peer);
    EXPECT_TRUE(app->silent());
}

TEST_F(ClipboardTest, OfAProducerGoesToWhoHasTheFocusAndWantsIt) {
    make_stream();
    auto old = viewer(0);
    auto peer = viewer();
    app->send(part<OfProducer>(1, "nobody looks"));
    focus(*old);
    app->send(part<OfProducer>(1, "not for old ones"));
    settle();
    EXPECT_TRUE(peer->silent());
    EXPECT_TRUE(old->silent());
    focus(*peer);
    auto sent = part<OfProducer>(1, "text", 4000, 5000);
    sent.text[4] = 'x';
    app->send(sent);
    const auto got = peer->expect<ToConsumer>();
    EXPECT_EQ(got.stream, id);
    EXPECT_EQ(got.first, 4000u);
    EXPECT_EQ(got.total, 5000u);
    EXPECT_EQ(text_of(got), "text");
    EXPECT_EQ(got.text[4], '\0');
    // Copying and leaving are one gesture.
    focus(*peer, false);
    app->send(part<OfProducer>(1, "late"));
    EXPECT_EQ(text_of(peer->expect<ToConsumer>()), "late");
    EXPECT_TRUE(old->silent());
}

TEST_F(ClipboardTest, TooLateIsTooLate) {
    ClipboardFlow flow;
    std::uint64_t now = 10 * kNsPerSecond;
    EXPECT_EQ(flow.receiver(0, now), ClipboardFlow::kNobody);
    flow.focus_is(3, now);
    EXPECT_EQ(flow.receiver(0, now), 3u);
    flow.focus_is(ClipboardFlow::kNobody, now);
    EXPECT_EQ(flow.receiver(0, now + ClipboardFlow::kLateNs), 3u);
    EXPECT_EQ(flow.receiver(0, now + ClipboardFlow::kLateNs + 1), ClipboardFlow::kNobody);
    flow.focus_is(3, now);
    flow.leave(3);
    EXPECT_EQ(flow.receiver(0, now), ClipboardFlow::kNobody);
}

TEST_F(ClipboardTest, MoreThanIsLetThroughIsDropped) {
    ClipboardFlow flow;
    const std::uint64_t now = 10 * kNsPerSecond;
    flow.focus_is(0, now);
    const auto count = [&](std::uint32_t first, std::uint64_t at, int tries) {
        int through = 0;
        for (int i = 0; i < tries; ++i) through += flow.receiver(first, at) == 0;
        return through;
    };
    EXPECT_EQ(count(0, now, 100), 16) << "texts";
    EXPECT_EQ(count(1, now, 5000), 4 * 264 - 16) << "parts";
    EXPECT_EQ(count(0, now + kNsPerSecond, 100), 8);
    EXPECT_EQ(count(1, now + kNsPerSecond, 5000), 600 - 8);
    // The other way has rates of its own.
    int through = 0;
    for (int i = 0; i < 100; ++i) {
        if (flow.of_consumer(0, 0, now) != ClipboardFlow::Verdict::forward) continue;
        ++through;
        EXPECT_TRUE(flow.taken(1, [](unsigned) {}));
    }
    EXPECT_EQ(through, 16);
}

TEST_F(ClipboardTest, NoMoreThanTheWindow) {
    make_stream();
    auto peer = viewer();
    auto other = viewer();
    focus(*peer);
    for (std::uint32_t i = 0; i < kWindow; ++i) peer->send(part<OfConsumer>(id, "x", i, 100));
    for (std::uint32_t i = 0; i < kWindow; ++i) EXPECT_EQ(app->expect<ToProducer>().first, i);
    // Another one is not to blame for it, and loses its text.
    focus(*other);
    other->send(part<OfConsumer>(id, "y"));
    expect_taken(*other);
    take(2);
    expect_taken(*peer);
    expect_taken(*peer);
    other->send(part<OfConsumer>(id, "y"));
    EXPECT_EQ(text_of(app->expect<ToProducer>()), "y");
    take(7);
    for (int i = 0; i < 6; ++i) expect_taken(*peer);
    expect_taken(*other);
    for (std::uint32_t i = 0; i <= kWindow; ++i) other->send(part<OfConsumer>(id, "x", i, 100));
    expect_refused<consumer::ErrorMessage>(*other);
    EXPECT_EQ(app->await<input::ToProducer>().events[0].value, 0);
    take(kWindow);  // of one that has gone
    settle();
    EXPECT_TRUE(peer->silent());
    EXPECT_TRUE(app->silent()) << "it lives";
}

TEST_F(ClipboardTest, TakenWithoutHavingBeenSentEndsTheProducer) {
    make_stream();
    auto peer = viewer();
    focus(*peer);
    peer->send(part<OfConsumer>(id, "x"));
    app->expect<ToProducer>();
    take(2);
    expect_refused<stream::ErrorMessage>(*app);
}

TEST_F(ClipboardTest, StreamsThatTakeNoneGetNone) {
    make_stream(stream::kStreamTakesInput);
    auto peer = viewer();
    EXPECT_EQ(flags, stream::kStreamTakesInput);
    focus(*peer);
    peer->send(part<OfConsumer>(id, "text"));
    expect_taken(*peer);
    app->send(part<OfProducer>(1, "text"));
    settle();
    EXPECT_TRUE(app->silent());
    EXPECT_TRUE(peer->silent());
}

TEST_F(ClipboardTest, PolicyIsTheBrokersWord) {
    for (const Policy policy : {Policy::to_guest, Policy::from_guest, Policy::off}) {
        broker.reset();
        config.clipboard = policy;
        start();
        make_stream();
        EXPECT_EQ((features & clipboard::kFeatureClipboard) != 0, policy != Policy::off);
        auto peer = viewer();
        EXPECT_EQ(flags, policy == Policy::off ? stream::kStreamTakesInput : kTakes);
        focus(*peer);
        peer->send(part<OfConsumer>(id, "in"));
        if (policy == Policy::to_guest) {
            EXPECT_EQ(text_of(app->expect<ToProducer>()), "in");
            take(1);
        }
        expect_taken(*peer);
        app->send(part<OfProducer>(1, "out"));
        if (policy == Policy::from_guest) {
            EXPECT_EQ(text_of(peer->expect<ToConsumer>()), "out");
        }
        settle();
        EXPECT_TRUE(app->silent());
        EXPECT_TRUE(peer->silent());
    }
}

TEST_F(ClipboardTest, WhatIsMalformedEndsItsSender) {
    make_stream();
    for (const std::string_view text : {"\x1b[31m", "\xff", ""}) {
        auto peer = viewer();
        peer->send(part<OfConsumer>(id, text, 0, 5));
        expect_refused<consumer::ErrorMessage>(*peer);
    }
    auto peer = viewer();
    peer->send(part<OfConsumer>(99, "of no stream"));
    expect_refused<consumer::ErrorMessage>(*peer);
    for (const std::string_view text : {"\x1b[31m", "\xff", ""}) {
        make_stream();
        app->send(part<OfProducer>(1, text, 0, 5));
        expect_refused<stream::ErrorMessage>(*app);
    }
    make_stream();
    app->send(part<OfProducer>(2, "of no stream"));
    expect_refused<stream::ErrorMessage>(*app);
}

}  // namespace
}  // namespace vdmabuf::broker::test
