// SPDX-License-Identifier: MIT
// Input from consumers to producers: who gets it, in which order, and what too much of it does.
#include <gtest/gtest.h>
#include <sys/socket.h>

#include <algorithm>
#include <vector>

#include "runtime/broker/consumer_session.hpp"
#include "runtime/broker/input_queue.hpp"
#include "tests/unit/broker/harness.hpp"

namespace vdmabuf::broker::test {
namespace {

using input::Event;
using input::Kind;
using input::make_event;
using stream::ErrorCode;

constexpr std::uint32_t kWide = 256;
constexpr std::uint32_t kHigh = 256;

input::FromConsumer said(std::uint64_t stream, const std::vector<Event>& events) {
    auto message = input::make<input::FromConsumer>();
    message.stream = stream;
    message.width = kWide;
    message.height = kHigh;
    for (const Event& event : events) message.events[message.count++] = event;
    return message;
}

std::vector<Event> events_of(const input::ToProducer& message) {
    return {message.events, message.events + message.count};
}

const Event kFocus = make_event(Kind::focus, 0, 1);
const Event kNoFocus = make_event(Kind::focus, 0, 0);
Event key(std::uint16_t code, bool down) {
    return make_event(Kind::key, code, down);
}
Event motion(std::int32_t x, std::int32_t y) {
    return make_event(Kind::motion, 0, 0, x, y);
}

class InputTest : public Harness {
  protected:
    void make_stream(std::uint32_t wanted = stream::kStreamTakesInput) {
        app = producer();
        app->send(hello());
        EXPECT_TRUE(app->expect<stream::Welcome>().features & input::kFeatureInput);
        auto message = create(1);
        message.flags = wanted;
        app->send(message);
        settle();
    }
    std::unique_ptr<SocketPeer> viewer() {
        auto peer = consumer();
        peer->send(consumer_hello());
        EXPECT_TRUE(peer->expect<consumer::Welcome>().features & input::kFeatureInput);
        const auto added = peer->expect<consumer::StreamAdded>();
        id = added.stream;
        flags = added.flags;
        peer->send(attach(id));
        return peer;
    }
    // The next INPUT, which is acknowledged.
    std::vector<Event> next(bool acknowledged = true) {
        const auto message = app->expect<input::ToProducer>();
        EXPECT_EQ(message.stream, 1u);
        EXPECT_EQ(message.sequence, ++sequence);
        EXPECT_TRUE(input::decode<input::ToProducer>(input::bytes_of(message)));
        if (acknowledged) acknowledge(message.sequence);
        return events_of(message);
    }
    void acknowledge(std::uint32_t number) {
        auto ack = input::make<input::Ack>();
        ack.stream = 1;
        ack.sequence = number;
        app->send(ack);
    }
    template <typename Message>
    void expect_refused(Peer& peer, ErrorCode code) {
        EXPECT_EQ(peer.await<Message>().code, static_cast<std::uint32_t>(code));
        EXPECT_TRUE(peer.ended());
    }

    std::unique_ptr<SocketPeer> app;
    std::uint64_t id = 0;
    std::uint32_t flags = 0;
    std::uint32_t sequence = 0;
};

TEST_F(InputTest, ReachesTheStreamThatHasTheFocus) {
    make_stream();
    auto peer = viewer();
    EXPECT_EQ(flags, stream::kStreamTakesInput);
    peer->send(said(id, {kFocus, key(30, true), key(30, false), motion(512, 1024)}));
    EXPECT_EQ(next(), (std::vector{kFocus, key(30, true), key(30, false), motion(512, 1024)}));
    peer->send(said(id, {kNoFocus, key(31, true)}));
    EXPECT_EQ(next(), (std::vector{kNoFocus}));
    settle();
    EXPECT_TRUE(app->silent());
}

TEST_F(InputTest, WithoutTheFocusNothingGoesThrough) {
    make_stream();
    auto peer = viewer();
    peer->send(said(id, {key(30, true), motion(1, 1), make_event(Kind::release_all), kNoFocus}));
    settle();
    EXPECT_TRUE(app->silent());
}

TEST_F(InputTest, OneConsumerAtATime) {
    make_stream();
    auto first = viewer();
    auto second = viewer();
    first->send(said(id, {kFocus, key(30, true)}));
    EXPECT_EQ(next().size(), 2u);
    second->send(said(id, {key(31, true)}));
    second->send(said(id, {kFocus, key(32, true)}));
    EXPECT_EQ(next(), (std::vector{make_event(Kind::release_all), kFocus, key(32, true)}));
    first->send(said(id, {key(30, false), kNoFocus}));
    settle();
    EXPECT_TRUE(app->silent()) << "the first one has lost it";
    second->send(said(id, {key(32, false)}));
    EXPECT_EQ(next(), (std::vector{key(32, false)}));
}

TEST_F(InputTest, TheFocusEndsWithItsOwner) {
    make_stream();
    auto peer = viewer();
    peer->send(said(id, {kFocus}));
    EXPECT_EQ(next(), (std::vector{kFocus}));
    auto detach = consumer::make<consumer::Detach>();
    detach.stream = id;
    peer->send(detach);
    EXPECT_EQ(next(), (std::vector{kNoFocus}));
    peer->send(said(id, {kFocus}));  // not attached any more
    settle();
    EXPECT_TRUE(app->silent());
    peer->send(attach(id));
    peer->send(said(id, {kFocus}));
    EXPECT_EQ(next(), (std::vector{kFocus}));
    peer->hang_up();
    EXPECT_EQ(next(), (std::vector{kNoFocus}));
}

TEST_F(InputTest, StreamsThatTakeNoneGetNone) {
    make_stream(0);
    auto peer = viewer();
    EXPECT_EQ(flags, 0u);
    peer->send(said(id, {kFocus, key(30, true)}));
    settle();
    EXPECT_TRUE(app->silent());
}

TEST_F(InputTest, OtherStreamsHearNothing) {
    make_stream();
    auto other = greeted_producer();
    auto message = create(1);
    message.flags = stream::kStreamTakesInput;
    other->send(message);
    settle();
    auto peer = greeted_consumer();
    const std::uint64_t mine = peer->expect<consumer::StreamAdded>().stream;
    peer->send(attach(mine));
    const std::uint64_t others = peer->expect<consumer::StreamAdded>().stream;
    peer->send(said(others, {kFocus, key(30, true)}));  // there, but not shown by it
    peer->send(said(mine, {kFocus, key(31, true)}));
    EXPECT_EQ(next(), (std::vector{kFocus, key(31, true)}));
    settle();
    EXPECT_TRUE(app->silent());
    EXPECT_TRUE(other->silent());
}

TEST_F(InputTest, WhatIsMalformedEndsTheConsumer) {
    make_stream();
    for (const Event& event : {key(256, true), key(30, true), motion(kWide * 256, 0)}) {
        auto peer = viewer();
        auto message = said(id, {event});
        if (event == key(30, true)) message.stream = 99;  // has never been
        peer->send(message);
        expect_refused<consumer::ErrorMessage>(*peer, ErrorCode::protocol);
    }
    settle();
    EXPECT_TRUE(app->silent());
}

TEST_F(InputTest, AProducerThatDoesNotListenIsToldToLetGo) {
    make_stream();
    auto peer = viewer();
    peer->send(said(id, {kFocus}));
    for (std::uint16_t i = 0; i < 600; ++i) {
        peer->send(said(id, {key(30, i % 2 == 0)}));
        if (i % 32 == 31) settle();
    }
    settle();
    std::vector<Event> all;
    for (std::uint32_t i = 0; i < input::kWindow; ++i) {
        for (const Event& event : next(false)) all.push_back(event);
    }
    settle();
    EXPECT_TRUE(app->silent()) << "no more than the window";
    acknowledge(sequence);
    const auto more = [this] {
        settle();
        char first = 0;
        return ::recv(app->socket(), &first, 1, MSG_PEEK | MSG_DONTWAIT) > 0;
    };
    while (more()) {
        for (const Event& event : next()) all.push_back(event);
    }
    EXPECT_LE(all.size(), input::kWindow + 2 * InputQueue::kMaxWaiting);
    EXPECT_NE(std::find(all.begin(), all.end(), kNoFocus), all.end());
    // What was pressed last is what it is: after the gap, presses and releases are whole.
    EXPECT_EQ(all.back(), key(30, false));
    peer->send(said(id, {key(31, true)}));
    EXPECT_EQ(next(), (std::vector{key(31, true)}));
}

TEST_F(InputTest, WaysOfThePointerArePutTogether) {
    make_stream();
    auto peer = viewer();
    peer->send(said(id, {kFocus, motion(1, 1), motion(2, 2), motion(3, 3)}));
    EXPECT_EQ(next(), (std::vector{kFocus, motion(3, 3)}));
    const Event wheel = make_event(Kind::wheel, 0, 0, 0, 120);
    const Event moved = make_event(Kind::relative, 0, 0, 5, -5);
    peer->send(said(id, {wheel, wheel, moved, moved, key(30, true), moved}));
    EXPECT_EQ(next(),
              (std::vector{make_event(Kind::wheel, 0, 0, 0, 240),
                           make_event(Kind::relative, 0, 0, 10, -10), key(30, true), moved}));
    // Sums that no message may have stay apart.
    const Event far = make_event(Kind::relative, 0, 0, 32768 * 256, 0);
    peer->send(said(id, {far, far}));
    EXPECT_EQ(next(), (std::vector{far, far}));
}

TEST_F(InputTest, ExtentsAreNotMixed) {
    make_stream();
    auto peer = viewer();
    auto larger = said(id, {kFocus, motion(300 * 256, 0)});
    larger.width = 400;
    for (std::uint32_t i = 0; i < input::kWindow; ++i) peer->send(said(id, {kFocus, motion(0, 0)}));
    peer->send(said(id, {motion(5, 5)}));
    peer->send(larger);
    for (std::uint32_t i = 0; i < input::kWindow; ++i) next(false);
    acknowledge(sequence);
    EXPECT_EQ(next(), (std::vector{motion(5, 5)}));
    EXPECT_EQ(next(), (std::vector{motion(300 * 256, 0)}));
}

TEST_F(InputTest, AFloodEndsItsSenderAndNobodyElse) {
    make_stream();
    auto peer = viewer();
    auto good = viewer();
    good->send(said(id, {kFocus}));
    EXPECT_EQ(next(), (std::vector{kFocus}));
    for (std::uint64_t i = 0; i < 3 * ConsumerSession::kInputsInARow; ++i) {
        peer->send(said(id, {key(30, true)}));
        if (i % 64 == 0) settle();
    }
    expect_refused<consumer::ErrorMessage>(*peer, ErrorCode::quota);
    good->send(said(id, {key(32, true)}));
    EXPECT_EQ(next(), (std::vector{key(32, true)}));
}

TEST_F(InputTest, CursorsGoToWhoHasTheFocusAndWantsThem) {
    make_stream();
    auto cursor = input::make<input::CursorOfProducer>();
    cursor.stream = 1;
    cursor.flags = input::kCursorHidden;
    auto old = viewer();  // does not know of cursors
    auto wanting = consumer();
    auto greeting = consumer_hello();
    greeting.features |= input::kFeatureInput;
    wanting->send(greeting);
    wanting->expect<consumer::Welcome>();
    wanting->expect<consumer::StreamAdded>();
    wanting->send(attach(id));
    old->send(said(id, {kFocus}));
    next();
    app->send(cursor);
    settle();
    EXPECT_TRUE(old->silent());
    EXPECT_TRUE(wanting->silent()) << "another one has the focus";
    wanting->send(said(id, {kFocus}));
    next();
    app->send(cursor);
    const auto told = wanting->expect<input::CursorToConsumer>();
    EXPECT_EQ(told.stream, id);
    EXPECT_EQ(told.flags, input::kCursorHidden);
    EXPECT_TRUE(old->silent());
    cursor.stream = 2;
    app->send(cursor);
    expect_refused<stream::ErrorMessage>(*app, ErrorCode::protocol);
}

TEST_F(InputTest, ShapesOfCursorsGoToWhoHasTheFocusAndWantsThem) {
    make_stream();
    auto part = cursor::make<cursor::PartOfProducer>();
    part.stream = 1;
    part.shape = {40, 30, 3, 29};
    part.first = 1000;
    part.count = 200;
    for (std::uint32_t i = 0; i < cursor::kPartPixels; ++i) part.pixels[i] = 0xFF000000 + i;
    auto old = viewer();  // does not know of shapes
    auto wanting = consumer();
    auto greeting = consumer_hello();
    greeting.features |= cursor::kFeatureCursor;
    wanting->send(greeting);
    EXPECT_TRUE(wanting->expect<consumer::Welcome>().features & cursor::kFeatureCursor);
    wanting->expect<consumer::StreamAdded>();
    wanting->send(attach(id));
    app->send(part);  // nobody has the focus
    old->send(said(id, {kFocus}));
    next();
    app->send(part);
    settle();
    EXPECT_TRUE(old->silent());
    EXPECT_TRUE(wanting->silent()) << "another one has the focus";
    wanting->send(said(id, {kFocus}));
    next();
    app->send(part);
    const auto told = wanting->expect<cursor::PartToConsumer>();
    EXPECT_TRUE(cursor::decode<cursor::PartToConsumer>(cursor::bytes_of(told)));
    EXPECT_EQ(told.stream, id);
    EXPECT_EQ(told.shape, part.shape);
    EXPECT_EQ(told.first, 1000u);
    EXPECT_EQ(told.count, 200u);
    EXPECT_TRUE(std::equal(part.pixels, part.pixels + 200, told.pixels));
    EXPECT_EQ(told.pixels[200], 0u) << "what the producer left behind the pixels";
    // More than is let through is dropped, and ends nobody.
    int came = 0;
    for (int i = 0; i < 2000; ++i) {
        app->send(part);
        if (i % 16 == 0) settle();
        while (!wanting->silent()) ++came;
    }
    EXPECT_GT(came, 200);
    EXPECT_LT(came, 1999);
    part.shape.width = 257;
    app->send(part);
    expect_refused<stream::ErrorMessage>(*app, ErrorCode::protocol);
}

TEST_F(InputTest, WrongAcknowledgementsEndTheProducer) {
    for (const std::uint32_t number : {1u, 3u, 0xFFFFFFFFu}) {
        make_stream();
        sequence = 0;
        auto peer = viewer();
        if (number != 1) {
            peer->send(said(id, {kFocus}));
            next();
        }
        acknowledge(number);
        expect_refused<stream::ErrorMessage>(*app, ErrorCode::protocol);
    }
    app = greeted_producer();
    acknowledge(1);  // of no stream
    expect_refused<stream::ErrorMessage>(*app, ErrorCode::protocol);
}

}  // namespace
}  // namespace vdmabuf::broker::test
