// SPDX-License-Identifier: MIT
// A broker that goes, stands still, or refuses.
#include <gtest/gtest.h>
#include <unistd.h>

#include <set>

#include "runtime/common/clock.hpp"
#include "runtime/producer/connection.hpp"
#include "tests/unit/producer/producer_fixture.hpp"

namespace vdmabuf::test {
namespace {

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

}  // namespace
}  // namespace vdmabuf::test
