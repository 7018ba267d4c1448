// SPDX-License-Identifier: MIT
// VK_SUBOPTIMAL_KHR: the window has another size than its swapchain. By the numbers of README.md.
#include "tests/layer/fake/fixture.hpp"
#include "tests/layer/support/x_server.hpp"

namespace vdmabuf::fake {
namespace {

using SuboptimalTest = FakeHostTest;

TEST_F(SuboptimalTest, Trap19_SuboptimalIsASuccess) {
    test::XServer x;
    ASSERT_TRUE(x.running());
    test::XWindow small(x.display(), 20, 10);
    App app;
    ASSERT_EQ(app.created, VK_SUCCESS);
    const VkSurfaceKHR surface = app.xcb_surface(small);
    Swap swap(app, swapchain_info(surface, 20, 10));
    Swap other(app, swapchain_info(app.headless_surface(), 20, 10));
    small.resize(40, 30);
    VkResult result = VK_SUCCESS;
    const auto start = Clock::now();
    while (result == VK_SUCCESS && seconds_since(start) < 5) {
        std::uint32_t indices[2] = {};
        FrameObjects frames[2];
        ASSERT_GE(swap.draw(1, indices[0], frames[0]), VK_SUCCESS);
        ASSERT_EQ(other.draw(1, indices[1], frames[1]), VK_SUCCESS);
        const VkSwapchainKHR swapchains[] = {swap.handle, other.handle};
        const VkSemaphore waits[] = {frames[0].rendered, frames[1].rendered};
        VkResult results[2] = {};
        VkPresentInfoKHR info{VK_STRUCTURE_TYPE_PRESENT_INFO_KHR};
        info.waitSemaphoreCount = 2;
        info.pWaitSemaphores = waits;
        info.swapchainCount = 2;
        info.pSwapchains = swapchains;
        info.pImageIndices = indices;
        info.pResults = results;
        result = vkQueuePresentKHR(app.queue, &info);
        EXPECT_EQ(results[0], result);
        EXPECT_EQ(results[1], VK_SUCCESS);
    }
    EXPECT_EQ(result, VK_SUBOPTIMAL_KHR);
    // Trap 30: no sooner than the capabilities show the new size.
    VkSurfaceCapabilitiesKHR caps{};
    ASSERT_EQ(vkGetPhysicalDeviceSurfaceCapabilitiesKHR(app.physical, surface, &caps), VK_SUCCESS);
    EXPECT_EQ(caps.currentExtent.width, 40u);
    EXPECT_EQ(caps.currentExtent.height, 30u);
    VkSwapchainCreateInfoKHR info = swapchain_info(surface, 40, 30);
    info.oldSwapchain = swap.handle;
    Swap next(app, info);
    for (std::uint32_t i = 0; i < 5; ++i) EXPECT_EQ(next.show(i), VK_SUCCESS);
}

// Many apps take it for an error and let go of the fence at once, which the GPU may be behind.
TEST_F(SuboptimalTest, Trap19_TheFenceOfTheAcquireIsSignalled) {
    test::XServer x;
    ASSERT_TRUE(x.running());
    test::XWindow small(x.display(), 20, 10);
    App app;
    ASSERT_EQ(app.created, VK_SUCCESS);
    Swap swap(app, swapchain_info(app.xcb_surface(small), 20, 10));
    small.resize(40, 30);
    VkResult result = VK_SUCCESS;
    const auto start = Clock::now();
    while (result == VK_SUCCESS && seconds_since(start) < 5) result = swap.show(1);
    ASSERT_EQ(result, VK_SUBOPTIMAL_KHR);
    driver.set_gpu_time(std::chrono::milliseconds(5));
    FrameObjects frame;
    std::uint32_t drawn = 0;
    std::uint32_t index = 0;
    ASSERT_EQ(swap.draw(2, drawn, frame), VK_SUBOPTIMAL_KHR);
    const VkFenceCreateInfo info{VK_STRUCTURE_TYPE_FENCE_CREATE_INFO};
    VkFence fence = VK_NULL_HANDLE;
    ASSERT_EQ(vkCreateFence(app.device, &info, nullptr, &fence), VK_SUCCESS);
    ASSERT_EQ(
        vkAcquireNextImageKHR(app.device, swap.handle, UINT64_MAX, VK_NULL_HANDLE, fence, &index),
        VK_SUBOPTIMAL_KHR);
    EXPECT_EQ(vkGetFenceStatus(app.device, fence), VK_SUCCESS);
    vkWaitForFences(app.device, 1, &fence, VK_TRUE, UINT64_MAX);
    vkDestroyFence(app.device, fence, nullptr);
}

}  // namespace
}  // namespace vdmabuf::fake
