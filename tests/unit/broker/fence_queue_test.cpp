// SPDX-License-Identifier: MIT
#include "runtime/broker/fence_queue.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <vector>

namespace vdmabuf::broker {
namespace {

using testing::ElementsAre;

// eventfds: to poll(2), a sync_file is the same.
class FenceQueueTest : public testing::Test {
  protected:
    FenceQueueTest() {
        auto made = EventLoop::create();
        EXPECT_TRUE(made);
        loop = std::move(*made);
        queue = make();
    }
    std::unique_ptr<FenceQueue> make() {
        return std::make_unique<FenceQueue>(*loop, waiting, [this](const stream::Present& message) {
            serials.push_back(message.serial);
            stamps.push_back(message);
            if (on_ready) on_ready();
        });
    }
    // A frame with a fence; what signals the fence comes back.
    UniqueFd add(std::uint32_t slot, std::uint64_t serial) {
        UniqueFd fence(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
        UniqueFd signal(::dup(fence.get()));
        EXPECT_TRUE(queue->add(frame(slot, serial), std::move(fence)));
        return signal;
    }
    static stream::Present frame(std::uint32_t slot, std::uint64_t serial) {
        auto message = stream::make<stream::Present>();
        message.slot = slot;
        message.serial = serial;
        return message;
    }
    static void signal(const UniqueFd& fence) {
        const std::uint64_t one = 1;
        ASSERT_EQ(::write(fence.get(), &one, sizeof one), ssize_t{sizeof one});
    }
    void turn() {
        for (int i = 0; i < 5; ++i) loop->run_once(0);
    }

    std::unique_ptr<EventLoop> loop;
    std::size_t waiting = 0;
    std::vector<std::uint64_t> serials;
    std::vector<stream::Present> stamps;
    std::function<void()> on_ready;
    std::unique_ptr<FenceQueue> queue;
};

TEST_F(FenceQueueTest, AFrameComesWhenItsFenceHasSignalled) {
    const auto fence = add(0, 1);
    turn();
    EXPECT_THAT(serials, ElementsAre());
    EXPECT_EQ(waiting, 1u);
    signal(fence);
    turn();
    EXPECT_THAT(serials, ElementsAre(1));
    EXPECT_EQ(waiting, 0u);
    EXPECT_TRUE(queue->empty());
    EXPECT_NE(stamps[0].gpu_done_ns, 0u);
    EXPECT_GE(stamps[0].sent_ns, stamps[0].gpu_done_ns);
}

TEST_F(FenceQueueTest, TheOrderIsThatOfTheFramesNotOfTheFences) {
    const auto a = add(0, 1);
    const auto b = add(1, 2);
    EXPECT_TRUE(queue->add(frame(2, 3), UniqueFd()));
    const auto c = add(3, 4);
    signal(b);
    turn();
    EXPECT_THAT(serials, ElementsAre());
    signal(a);
    turn();
    EXPECT_THAT(serials, ElementsAre(1, 2, 3));
    signal(c);
    turn();
    EXPECT_THAT(serials, ElementsAre(1, 2, 3, 4));
}

TEST_F(FenceQueueTest, OneThatHasSignalledDoesNotWait) {
    UniqueFd fence(::eventfd(1, EFD_CLOEXEC | EFD_NONBLOCK));
    auto message = frame(0, 1);
    message.gpu_done_ns = 17;  // before the fence: only that can tell
    EXPECT_TRUE(queue->add(message, std::move(fence)));
    EXPECT_THAT(serials, ElementsAre(1));
    EXPECT_GT(stamps[0].gpu_done_ns, 17u);
    auto complete = frame(0, 2);
    complete.gpu_done_ns = complete.sent_ns = 18;
    EXPECT_TRUE(queue->add(complete, UniqueFd()));
    EXPECT_EQ(stamps[1].gpu_done_ns, 18u);
    EXPECT_EQ(stamps[1].sent_ns, 18u);
}

TEST_F(FenceQueueTest, ASlotThatIsTakenBackLosesItsFrame) {
    const auto a = add(0, 1);
    const auto b = add(1, 2);
    const auto again = add(0, 3);
    signal(a);
    signal(b);
    turn();
    EXPECT_THAT(serials, ElementsAre(2));
    signal(again);
    turn();
    EXPECT_THAT(serials, ElementsAre(2, 3));
}

TEST_F(FenceQueueTest, AnImageThatGoesTakesItsFrameAlongAndFreesThoseBehind) {
    const auto a = add(0, 1);
    EXPECT_TRUE(queue->add(frame(1, 2), UniqueFd()));
    queue->withdraw(5);
    EXPECT_THAT(serials, ElementsAre());
    queue->withdraw(0);
    EXPECT_THAT(serials, ElementsAre(2));
    EXPECT_EQ(waiting, 0u);
    signal(a);
    turn();
    EXPECT_THAT(serials, ElementsAre(2));
}

TEST_F(FenceQueueTest, NoMoreThanTheLimitWait) {
    std::vector<UniqueFd> fences;
    auto other = make();  // a second stream of the connection
    for (std::size_t i = 0; i < FenceQueue::kMaxWaiting; ++i) {
        FenceQueue& which = i < 64 ? *queue : *other;
        UniqueFd fence(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
        fences.emplace_back(::dup(fence.get()));
        ASSERT_TRUE(which.add(frame(static_cast<std::uint32_t>(i), i + 1), std::move(fence)));
    }
    EXPECT_FALSE(queue->add(frame(64, 1000), UniqueFd(::dup(fences[0].get()))));
    EXPECT_TRUE(queue->add(frame(5, 1001), UniqueFd(::dup(fences[0].get()))))
        << "in the place of the slot's older one";
    EXPECT_EQ(waiting, FenceQueue::kMaxWaiting);
    other.reset();
    EXPECT_EQ(waiting, 64u);
    EXPECT_TRUE(queue->add(frame(64, 1002), UniqueFd(::dup(fences[0].get()))));
}

TEST_F(FenceQueueTest, WhoIsToldMayEndTheQueue) {
    const auto a = add(0, 1);
    const auto b = add(1, 2);
    on_ready = [this] { queue.reset(); };
    signal(b);
    signal(a);
    turn();
    EXPECT_THAT(serials, ElementsAre(1));
    EXPECT_EQ(waiting, 0u);
}

TEST_F(FenceQueueTest, NothingComesAfterItsEnd) {
    const auto a = add(0, 1);
    queue.reset();
    signal(a);
    turn();
    EXPECT_THAT(serials, ElementsAre());
    EXPECT_EQ(waiting, 0u);
}

}  // namespace
}  // namespace vdmabuf::broker
