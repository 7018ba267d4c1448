// SPDX-License-Identifier: MIT
#include <atomic>
#include <chrono>
#include <thread>

#include "tests/layer/support/fixture.hpp"

namespace vdmabuf::test {
namespace {

using AcquireTest = LayerTest;
using Clock = std::chrono::steady_clock;

double seconds_since(Clock::time_point start) {
    return std::chrono::duration<double>(Clock::now() - start).count();
}

TEST_F(AcquireTest, Timeouts) {
    App app;
    ASSERT_EQ(app.created, VK_SUCCESS);
    Swap swap(app, swapchain_info(app.headless_surface(), kWidth, kHeight, 2));
    ASSERT_EQ(swap.created, VK_SUCCESS);
    std::uint32_t index = 0;
    FrameObjects frames[2];
    ASSERT_EQ(swap.draw(1, index, frames[0]), VK_SUCCESS);
    std::uint32_t second = 0;
    ASSERT_EQ(swap.draw(2, second, frames[1]), VK_SUCCESS);
    EXPECT_NE(index, second);
    // Nothing is left.
    VkFence fence = VK_NULL_HANDLE;
    VkFenceCreateInfo fence_info{VK_STRUCTURE_TYPE_FENCE_CREATE_INFO};
    vkCreateFence(app.device, &fence_info, nullptr, &fence);
    std::uint32_t none = 0;
    auto start = Clock::now();
    EXPECT_EQ(vkAcquireNextImageKHR(app.device, swap.handle, 0, VK_NULL_HANDLE, fence, &none),
              VK_NOT_READY);
    EXPECT_LT(seconds_since(start), 0.05);
    start = Clock::now();
    EXPECT_EQ(
        vkAcquireNextImageKHR(app.device, swap.handle, 100'000'000, VK_NULL_HANDLE, fence, &none),
        VK_TIMEOUT);
    EXPECT_GE(seconds_since(start), 0.1);
    EXPECT_LT(seconds_since(start), 2.0);
    EXPECT_EQ(vkGetFenceStatus(app.device, fence), VK_NOT_READY);
    // As soon as the host is done with one there is one.
    EXPECT_EQ(swap.present(index, frames[0]), VK_SUCCESS);
    EXPECT_EQ(swap.present(second, frames[1]), VK_SUCCESS);
    EXPECT_EQ(
        vkAcquireNextImageKHR(app.device, swap.handle, 3'000'000'000, VK_NULL_HANDLE, fence, &none),
        VK_SUCCESS);
    EXPECT_EQ(none, index);
    EXPECT_EQ(vkWaitForFences(app.device, 1, &fence, VK_TRUE, 3'000'000'000), VK_SUCCESS);
    vkDestroyFence(app.device, fence, nullptr);
}

// Trap 20: Qt 5 gives both.
TEST_F(AcquireTest, SignalsSemaphoreAndFenceTogether) {
    App app;
    ASSERT_EQ(app.created, VK_SUCCESS);
    Swap swap(app, swapchain_info(app.headless_surface(), kWidth, kHeight));
    ASSERT_EQ(swap.created, VK_SUCCESS);
    VkFence fences[2] = {};
    VkFenceCreateInfo fence_info{VK_STRUCTURE_TYPE_FENCE_CREATE_INFO};
    for (VkFence& fence : fences) vkCreateFence(app.device, &fence_info, nullptr, &fence);
    VkSemaphore semaphore = VK_NULL_HANDLE;
    VkSemaphoreCreateInfo semaphore_info{VK_STRUCTURE_TYPE_SEMAPHORE_CREATE_INFO};
    vkCreateSemaphore(app.device, &semaphore_info, nullptr, &semaphore);
    VkAcquireNextImageInfoKHR info{VK_STRUCTURE_TYPE_ACQUIRE_NEXT_IMAGE_INFO_KHR};
    info.swapchain = swap.handle;
    info.timeout = UINT64_MAX;
    info.semaphore = semaphore;
    info.fence = fences[0];
    info.deviceMask = 1;
    std::uint32_t index = 0;
    const auto acquire2 = app.device_function<PFN_vkAcquireNextImage2KHR>("vkAcquireNextImage2KHR");
    ASSERT_TRUE(acquire2);
    ASSERT_EQ(acquire2(app.device, &info, &index), VK_SUCCESS);
    EXPECT_EQ(vkWaitForFences(app.device, 1, &fences[0], VK_TRUE, 3'000'000'000), VK_SUCCESS);
    // Work that waits for the semaphore ends.
    const VkPipelineStageFlags stage = VK_PIPELINE_STAGE_ALL_COMMANDS_BIT;
    VkSubmitInfo submit{VK_STRUCTURE_TYPE_SUBMIT_INFO};
    submit.waitSemaphoreCount = 1;
    submit.pWaitSemaphores = &semaphore;
    submit.pWaitDstStageMask = &stage;
    ASSERT_EQ(vkQueueSubmit(app.queue, 1, &submit, fences[1]), VK_SUCCESS);
    EXPECT_EQ(vkWaitForFences(app.device, 1, &fences[1], VK_TRUE, 3'000'000'000), VK_SUCCESS);
    for (VkFence fence : fences) vkDestroyFence(app.device, fence, nullptr);
    vkDestroySemaphore(app.device, semaphore, nullptr);
}

// Trap 22: the layer's submits and the app's, from two threads, on the only queue.
TEST_F(AcquireTest, WhileAnotherThreadUsesTheQueue) {
    App app(watched_from_below());
    ASSERT_EQ(app.created, VK_SUCCESS);
    VkSwapchainCreateInfoKHR info = swapchain_info(app.headless_surface(), kWidth, kHeight);
    info.presentMode = VK_PRESENT_MODE_MAILBOX_KHR;
    Swap swap(app, info);
    ASSERT_EQ(swap.created, VK_SUCCESS);
    std::atomic<bool> stop{false};
    std::atomic<int> submits{0};
    std::mutex queue_mutex;  // the app's own, as Vulkan asks for: acquire is not under it
    std::thread other([&] {
        while (!stop.load()) {
            const std::lock_guard lock(queue_mutex);
            VkSubmitInfo submit{VK_STRUCTURE_TYPE_SUBMIT_INFO};
            if (vkQueueSubmit(app.queue, 1, &submit, VK_NULL_HANDLE) != VK_SUCCESS) break;
            if (++submits % 16 == 0) vkQueueWaitIdle(app.queue);
        }
    });
    swap.queue_mutex = &queue_mutex;
    for (std::uint32_t i = 0; i < 60; ++i) ASSERT_EQ(swap.show(i), VK_SUCCESS);
    stop.store(true);
    other.join();
    vkDeviceWaitIdle(app.device);
    EXPECT_GT(submits.load(), 0);
    expect_silence(app);
}

TEST_F(AcquireTest, WindowThatGoesEndsTheWait) {
    XWindow window(x.display(), kWidth, kHeight);
    App app;
    ASSERT_EQ(app.created, VK_SUCCESS);
    const VkSurfaceKHR surface = app.xcb_surface(window);
    Swap swap(app, swapchain_info(surface, kWidth, kHeight, 2));
    ASSERT_EQ(swap.created, VK_SUCCESS);
    std::uint32_t index = 0;
    FrameObjects frames[2];
    ASSERT_EQ(swap.draw(1, index, frames[0]), VK_SUCCESS);
    ASSERT_EQ(swap.draw(2, index, frames[1]), VK_SUCCESS);
    std::thread killer([&] {
        std::this_thread::sleep_for(std::chrono::milliseconds(200));
        window.destroy();
    });
    VkFence fence = VK_NULL_HANDLE;
    VkFenceCreateInfo fence_info{VK_STRUCTURE_TYPE_FENCE_CREATE_INFO};
    vkCreateFence(app.device, &fence_info, nullptr, &fence);
    const auto start = Clock::now();
    EXPECT_EQ(vkAcquireNextImageKHR(app.device, swap.handle, 20'000'000'000, VK_NULL_HANDLE, fence,
                                    &index),
              VK_ERROR_SURFACE_LOST_KHR);
    EXPECT_LT(seconds_since(start), 10.0);
    killer.join();
    vkDestroyFence(app.device, fence, nullptr);
    VkSurfaceCapabilitiesKHR caps{};
    EXPECT_EQ(vkGetPhysicalDeviceSurfaceCapabilitiesKHR(app.physical, surface, &caps),
              VK_ERROR_SURFACE_LOST_KHR);
}

TEST_F(AcquireTest, BrokerThatDiesHangsNobody) {
    App app;
    ASSERT_EQ(app.created, VK_SUCCESS);
    Swap swap(app, swapchain_info(app.headless_surface(), kWidth, kHeight, 2));
    ASSERT_EQ(swap.created, VK_SUCCESS);
    for (std::uint32_t i = 0; i < 5; ++i) ASSERT_EQ(swap.show(i), VK_SUCCESS);
    broker.kill();
    const auto start = Clock::now();
    for (std::uint32_t i = 0; i < 60; ++i) ASSERT_EQ(swap.show(i), VK_SUCCESS) << i;
    EXPECT_LT(seconds_since(start), 10.0);
    EXPECT_GT(seconds_since(start), 0.5) << "frames are paced without a host too";
    broker.start();
    host();
    std::shared_ptr<const SeenFrame> seen;
    for (std::uint32_t i = 0; i < 200 && !seen; ++i) {
        ASSERT_EQ(swap.show(77), VK_SUCCESS);
        seen = host().wait_frame(
            [](const SeenFrame& frame) {
                return wrong_pixels(frame.pixels, kWidth, kHeight, 77) == 0;
            },
            1);
    }
    EXPECT_TRUE(seen) << "frames come again after a restart";
}

}  // namespace
}  // namespace vdmabuf::test
