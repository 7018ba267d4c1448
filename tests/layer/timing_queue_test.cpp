// SPDX-License-Identifier: MIT
#include "layer/timing_queue.hpp"

#include <gtest/gtest.h>

#include "runtime/common/clock.hpp"

namespace vdmabuf::layer {
namespace {

constexpr std::uint32_t kSlot = 3;

PresentTiming both(std::uint64_t id) {
    PresentTiming timing;
    timing.id = id;
    timing.stages = kStageGpuDone | kStagePixelOut;
    return timing;
}

std::vector<TimingQueue::Result> take(TimingQueue& queue, const TimingQueue::Wanted& wanted = {},
                                      std::uint32_t room = 8) {
    std::vector<TimingQueue::Result> results;
    (void)queue.collect(wanted, room, [&](const auto& result) { results.push_back(result); });
    return results;
}

// The reader may be faster than the thread that has sent the frame.
TEST(TimingQueue, ReportsThatComeBeforeTheSenderKnowsTheSerial) {
    TimingQueue queue;
    ASSERT_EQ(queue.resize(4), VK_SUCCESS);
    const std::uint64_t ticket = queue.reserve(both(7));
    queue.gpu_done(ticket, 100);
    queue.reported(5, 200, 0);
    queue.reported(5, 0, 0);  // and its release
    EXPECT_TRUE(take(queue).empty());
    queue.handed_over(ticket, 5, kSlot, 0);
    const auto results = take(queue);
    ASSERT_EQ(results.size(), 1u);
    EXPECT_TRUE(results[0].complete);
    EXPECT_EQ(results[0].what.id, 7u);
    EXPECT_EQ(results[0].gpu_done_ns, 100u);
    EXPECT_EQ(results[0].shown_ns, 200u);
    std::uint64_t shown_ns = 0;
    EXPECT_TRUE(queue.last_shown(0, shown_ns));
    EXPECT_EQ(shown_ns, 200u);
}

// What is told of other frames of the window, such as an older swapchain's, is nobody's here.
TEST(TimingQueue, ReportsOfOtherFramesAreForgotten) {
    TimingQueue queue;
    ASSERT_EQ(queue.resize(4), VK_SUCCESS);
    for (std::uint64_t serial = 1; serial < 100; ++serial) queue.reported(serial, serial * 10, 0);
    const std::uint64_t ticket = queue.reserve(both(1));
    queue.handed_over(ticket, 100, kSlot, 0);
    EXPECT_TRUE(take(queue).empty());
    queue.reported(99, 5, 0);
    EXPECT_TRUE(take(queue).empty());
    queue.reported(100, 1000, 0);
    EXPECT_EQ(take(queue).size(), 1u);
}

TEST(TimingQueue, TheOrderOfThePresents) {
    TimingQueue queue;
    ASSERT_EQ(queue.resize(3), VK_SUCCESS);
    for (std::uint64_t id = 1; id <= 3; ++id) {
        queue.handed_over(queue.reserve(both(id)), id, kSlot, 0);
    }
    EXPECT_EQ(queue.reserve(both(4)), 0u) << "full";
    EXPECT_EQ(queue.resize(2), VK_NOT_READY);
    queue.reported(2, 20, 0);
    EXPECT_TRUE(take(queue).empty());
    EXPECT_EQ(queue.available({true, false}), 1u);
    const auto early = take(queue, {true, false});
    ASSERT_EQ(early.size(), 1u);
    EXPECT_EQ(early[0].what.id, 2u);
    EXPECT_NE(queue.reserve(both(4)), 0u) << "its place is free";
    queue.reported(3, 30, 0);
    queue.reported(1, 10, 0);
    const auto rest = take(queue);
    ASSERT_EQ(rest.size(), 2u);
    EXPECT_EQ(rest[0].what.id, 1u);
    EXPECT_EQ(rest[1].what.id, 3u);
}

TEST(TimingQueue, InPartOnceForEachTime) {
    TimingQueue queue;
    ASSERT_EQ(queue.resize(1), VK_SUCCESS);
    const std::uint64_t ticket = queue.reserve(both(1));
    const TimingQueue::Wanted partial{false, true};
    EXPECT_TRUE(take(queue, partial).empty());
    queue.gpu_done(ticket, 100);
    EXPECT_TRUE(take(queue).empty());
    ASSERT_EQ(take(queue, partial).size(), 1u);
    EXPECT_TRUE(take(queue, partial).empty()) << "nothing new";
    queue.handed_over(ticket, 1, kSlot, 0);
    queue.reported(1, 0, 0);  // not shown
    const auto results = take(queue, partial);
    ASSERT_EQ(results.size(), 1u);
    EXPECT_TRUE(results[0].complete);
    EXPECT_EQ(results[0].shown_ns, 0u);
}

TEST(TimingQueue, PresentsThatFailedLeaveNothing) {
    TimingQueue queue;
    ASSERT_EQ(queue.resize(1), VK_SUCCESS);
    queue.withdraw(queue.reserve(both(1)));
    EXPECT_NE(queue.reserve(both(2)), 0u);
}

// The frame that somebody waits for is not over while the host was told to keep it.
TEST(TimingQueue, WaitsForTheLastFrameAsLongAsItMayTake) {
    TimingQueue queue;
    std::uint64_t shown_ns = 1;
    EXPECT_TRUE(queue.last_shown(0, shown_ns)) << "there is none";
    EXPECT_EQ(shown_ns, 0u);
    queue.handed_over(0, 1, kSlot, now_ns() + 60 * kNsPerSecond);
    EXPECT_FALSE(queue.last_shown(0, shown_ns));
    queue.reported(1, 77, 16);
    EXPECT_TRUE(queue.last_shown(0, shown_ns));
    EXPECT_EQ(shown_ns, 77u);
    EXPECT_EQ(queue.refresh_ns(), 16u);
}

}  // namespace
}  // namespace vdmabuf::layer
