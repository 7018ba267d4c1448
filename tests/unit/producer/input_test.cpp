// SPDX-License-Identifier: MIT
// What a user does on the host, on its way to an app.
#include <gtest/gtest.h>

#include "runtime/producer/connection.hpp"
#include "tests/unit/producer/producer_fixture.hpp"

namespace vdmabuf::test {
namespace {

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

}  // namespace
}  // namespace vdmabuf::test
