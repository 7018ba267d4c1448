// SPDX-License-Identifier: MIT
// VK_EXT_surface_maintenance1 and VK_EXT_swapchain_maintenance1.
#include <algorithm>

#include "tests/layer/support/fixture.hpp"

namespace vdmabuf::test {
namespace {

constexpr VkPhysicalDeviceSwapchainMaintenance1FeaturesEXT kFeature{
    VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_SWAPCHAIN_MAINTENANCE_1_FEATURES_EXT, nullptr, VK_TRUE};

class Maintenance1Test : public LayerTest {
  protected:
    static AppOptions with_extension(AppOptions options = {}) {
        options.instance_extensions = {"VK_EXT_surface_maintenance1"};
        options.device_extensions = {"VK_EXT_swapchain_maintenance1"};
        options.device_next = &kFeature;
        return options;
    }
    static VkFence make_fence(App& app) {
        VkFenceCreateInfo info{VK_STRUCTURE_TYPE_FENCE_CREATE_INFO};
        VkFence fence = VK_NULL_HANDLE;
        vkCreateFence(app.device, &info, nullptr, &fence);
        return fence;
    }
    // Presents with what is chained.
    static VkResult present(Swap& swap, std::uint32_t index, const FrameObjects& frame,
                            const void* chain) {
        VkPresentInfoKHR info{VK_STRUCTURE_TYPE_PRESENT_INFO_KHR, chain};
        info.waitSemaphoreCount = 1;
        info.pWaitSemaphores = &frame.rendered;
        info.swapchainCount = 1;
        info.pSwapchains = &swap.handle;
        info.pImageIndices = &index;
        return vkQueuePresentKHR(swap.app.queue, &info);
    }
};

TEST_F(Maintenance1Test, FencesOfPresents) {
    App app(with_extension(watched_from_below()));
    ASSERT_EQ(app.created, VK_SUCCESS);
    VkSwapchainCreateInfoKHR info = swapchain_info(app.headless_surface(), kWidth, kHeight);
    Swap swap(app, info);
    ASSERT_EQ(swap.created, VK_SUCCESS);
    VkFence fence = make_fence(app);
    VkSwapchainPresentFenceInfoEXT chained{VK_STRUCTURE_TYPE_SWAPCHAIN_PRESENT_FENCE_INFO_EXT,
                                           nullptr, 1, &fence};
    std::uint32_t index = 0;
    FrameObjects frame;
    for (std::uint32_t i = 0; i < 4; ++i) {
        ASSERT_EQ(swap.draw(i, index, frame), VK_SUCCESS);
        ASSERT_EQ(present(swap, index, frame, &chained), VK_SUCCESS);
        ASSERT_EQ(vkWaitForFences(app.device, 1, &fence, VK_TRUE, 5'000'000'000), VK_SUCCESS);
        vkResetFences(app.device, 1, &fence);
    }
    // Trap 18: of a present that fails, too.
    ASSERT_EQ(swap.draw(9, index, frame), VK_SUCCESS);
    info.oldSwapchain = swap.handle;
    Swap next(app, info);
    ASSERT_EQ(next.created, VK_SUCCESS);
    EXPECT_EQ(present(swap, index, frame, &chained), VK_ERROR_OUT_OF_DATE_KHR);
    EXPECT_EQ(vkWaitForFences(app.device, 1, &fence, VK_TRUE, 5'000'000'000), VK_SUCCESS);
    vkDestroyFence(app.device, fence, nullptr);
    expect_silence(app);
}

TEST_F(Maintenance1Test, ModesChangeWithEachPresent) {
    App app(with_extension());
    ASSERT_EQ(app.created, VK_SUCCESS);
    const VkPresentModeKHR modes[] = {VK_PRESENT_MODE_FIFO_KHR, VK_PRESENT_MODE_MAILBOX_KHR,
                                      VK_PRESENT_MODE_IMMEDIATE_KHR};
    const VkSwapchainPresentModesCreateInfoEXT wanted{
        VK_STRUCTURE_TYPE_SWAPCHAIN_PRESENT_MODES_CREATE_INFO_EXT, nullptr, 3, modes};
    VkSwapchainCreateInfoKHR info = swapchain_info(app.headless_surface(), kWidth, kHeight);
    info.pNext = &wanted;
    Swap swap(app, info);
    ASSERT_EQ(swap.created, VK_SUCCESS);
    host();
    std::uint32_t index = 0;
    FrameObjects frame;
    for (std::uint32_t i = 0; i < 6; ++i) {
        const VkSwapchainPresentModeInfoEXT mode{VK_STRUCTURE_TYPE_SWAPCHAIN_PRESENT_MODE_INFO_EXT,
                                                 nullptr, 1, &modes[i / 2]};
        ASSERT_EQ(swap.draw(10 + i, index, frame), VK_SUCCESS);
        // Every second present says nothing: the mode stays.
        ASSERT_EQ(present(swap, index, frame, i % 2 ? nullptr : &mode), VK_SUCCESS);
        const auto seen = expect_picture(10 + i);
        ASSERT_TRUE(seen);
        EXPECT_EQ(seen->message.mode, i / 2);  // FIFO, MAILBOX, IMMEDIATE
    }
}

TEST_F(Maintenance1Test, CapabilitiesOfAMode) {
    App app(with_extension());
    ASSERT_EQ(app.created, VK_SUCCESS);
    XWindow window(x.display(), kWidth, kHeight);
    VkSurfacePresentModeEXT mode{VK_STRUCTURE_TYPE_SURFACE_PRESENT_MODE_EXT};
    VkPhysicalDeviceSurfaceInfo2KHR info{VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_SURFACE_INFO_2_KHR,
                                         &mode};
    info.surface = app.xcb_surface(window);
    const auto query = app.instance_function<PFN_vkGetPhysicalDeviceSurfaceCapabilities2KHR>(
        "vkGetPhysicalDeviceSurfaceCapabilities2KHR");
    VkPresentModeKHR supported[16];
    std::uint32_t supported_count = 16;
    vkGetPhysicalDeviceSurfacePresentModesKHR(app.physical, info.surface, &supported_count,
                                              supported);
    for (std::uint32_t i = 0; i < supported_count; ++i) {
        mode.presentMode = supported[i];
        VkPresentModeKHR modes[16] = {};
        VkSurfacePresentModeCompatibilityEXT compatible{
            VK_STRUCTURE_TYPE_SURFACE_PRESENT_MODE_COMPATIBILITY_EXT, nullptr, 16, modes};
        VkSurfacePresentScalingCapabilitiesEXT scaling{
            VK_STRUCTURE_TYPE_SURFACE_PRESENT_SCALING_CAPABILITIES_EXT, &compatible};
        VkSurfaceCapabilities2KHR capabilities{VK_STRUCTURE_TYPE_SURFACE_CAPABILITIES_2_KHR,
                                               &scaling};
        ASSERT_EQ(query(app.physical, &info, &capabilities), VK_SUCCESS);
        const bool shared = supported[i] == VK_PRESENT_MODE_SHARED_DEMAND_REFRESH_KHR ||
                            supported[i] == VK_PRESENT_MODE_SHARED_CONTINUOUS_REFRESH_KHR;
        EXPECT_EQ(capabilities.surfaceCapabilities.minImageCount, shared ? 1u : 2u);
        EXPECT_EQ(capabilities.surfaceCapabilities.currentExtent.width, kWidth);
        ASSERT_GE(compatible.presentModeCount, 1u);
        EXPECT_NE(std::find(modes, modes + compatible.presentModeCount, supported[i]),
                  modes + compatible.presentModeCount);
        EXPECT_EQ(scaling.supportedPresentScaling, 7u);
        EXPECT_EQ(scaling.supportedPresentGravityX, 7u);
        EXPECT_EQ(scaling.minScaledImageExtent.width, 1u);
        EXPECT_GE(scaling.maxScaledImageExtent.width, 4096u);
        // Too little room is no error; as many as fit.
        compatible.presentModeCount = 1;
        ASSERT_EQ(query(app.physical, &info, &capabilities), VK_SUCCESS);
        EXPECT_EQ(compatible.presentModeCount, 1u);
    }
}

// A swapchain of another size than the window: the host is told how to scale, and the app is not
// bothered with SUBOPTIMAL.
TEST_F(Maintenance1Test, ScaledSwapchains) {
    App app(with_extension());
    ASSERT_EQ(app.created, VK_SUCCESS);
    XWindow window(x.display(), 200, 100);
    const VkSurfaceKHR surface = app.xcb_surface(window);
    host();
    VkSwapchainPresentScalingCreateInfoEXT scaling{
        VK_STRUCTURE_TYPE_SWAPCHAIN_PRESENT_SCALING_CREATE_INFO_EXT};
    VkSwapchainCreateInfoKHR info = swapchain_info(surface, kWidth, kHeight);
    info.pNext = &scaling;
    struct Case {
        VkPresentScalingFlagBitsEXT behaviour;
        VkPresentGravityFlagBitsEXT x, y;
        stream::Scaling told;
    };
    std::uint32_t seed = 30;
    using stream::Gravity;
    using stream::ScalingBehaviour;
    for (const Case& each : {Case{VK_PRESENT_SCALING_ONE_TO_ONE_BIT_EXT,
                                  VK_PRESENT_GRAVITY_MIN_BIT_EXT,
                                  VK_PRESENT_GRAVITY_MAX_BIT_EXT,
                                  {ScalingBehaviour::one_to_one, Gravity::min, Gravity::max}},
                             Case{VK_PRESENT_SCALING_ASPECT_RATIO_STRETCH_BIT_EXT,
                                  VK_PRESENT_GRAVITY_CENTERED_BIT_EXT,
                                  VK_PRESENT_GRAVITY_MIN_BIT_EXT,
                                  {ScalingBehaviour::keep_shape, Gravity::centre, Gravity::min}},
                             Case{VK_PRESENT_SCALING_STRETCH_BIT_EXT,
                                  {},
                                  {},
                                  {ScalingBehaviour::stretch, Gravity::centre, Gravity::centre}}}) {
        scaling.scalingBehavior = each.behaviour;
        scaling.presentGravityX = each.x;
        scaling.presentGravityY = each.y;
        Swap swap(app, info);
        ASSERT_EQ(swap.created, VK_SUCCESS);
        ASSERT_EQ(swap.show(++seed), VK_SUCCESS);
        const auto seen = expect_picture(seed);
        ASSERT_TRUE(seen);
        EXPECT_EQ(seen->image.width, kWidth);
        EXPECT_TRUE(seen->image.scaling == each.told);
        // The window on the host goes with the app's, though the swapchain stays.
        const auto width = static_cast<std::uint16_t>(150 + seed);
        window.resize(width, 90);
        bool followed = false;
        for (int i = 0; i < 200 && !followed; ++i) {
            ASSERT_EQ(swap.show(++seed), VK_SUCCESS);
            followed = host().wait_extent(width, 90, 50);
        }
        EXPECT_TRUE(followed);
    }
    scaling.scalingBehavior = 3;  // two at a time
    Swap refused(app, info);
    EXPECT_EQ(refused.created, VK_ERROR_INITIALIZATION_FAILED);
}

TEST_F(Maintenance1Test, ImagesGivenBackUnpresented) {
    App app(with_extension(watched_from_below()));
    ASSERT_EQ(app.created, VK_SUCCESS);
    VkSwapchainCreateInfoKHR info = swapchain_info(app.headless_surface(), kWidth, kHeight, 3);
    info.flags = VK_SWAPCHAIN_CREATE_DEFERRED_MEMORY_ALLOCATION_BIT_EXT;
    Swap swap(app, info);
    ASSERT_EQ(swap.created, VK_SUCCESS);
    const auto release =
        app.device_function<PFN_vkReleaseSwapchainImagesEXT>("vkReleaseSwapchainImagesEXT");
    ASSERT_TRUE(release);
    VkFence fence = make_fence(app);
    const auto acquire_all = [&] {
        std::vector<std::uint32_t> indices;
        for (int i = 0; i < 3; ++i) {
            std::uint32_t index = 99;
            EXPECT_EQ(
                vkAcquireNextImageKHR(app.device, swap.handle, 0, VK_NULL_HANDLE, fence, &index),
                VK_SUCCESS);
            vkWaitForFences(app.device, 1, &fence, VK_TRUE, 5'000'000'000);
            vkResetFences(app.device, 1, &fence);
            indices.push_back(index);
        }
        std::sort(indices.begin(), indices.end());
        return indices;
    };
    const std::vector<std::uint32_t> all{0, 1, 2};
    for (int round = 0; round < 3; ++round) {
        ASSERT_EQ(acquire_all(), all);
        std::uint32_t index = 0;
        EXPECT_EQ(vkAcquireNextImageKHR(app.device, swap.handle, 0, VK_NULL_HANDLE, fence, &index),
                  VK_NOT_READY);
        const VkReleaseSwapchainImagesInfoEXT given{
            VK_STRUCTURE_TYPE_RELEASE_SWAPCHAIN_IMAGES_INFO_EXT, nullptr, swap.handle, 3,
            all.data()};
        ASSERT_EQ(release(app.device, &given), VK_SUCCESS);
    }
    host();
    ASSERT_EQ(swap.show(5), VK_SUCCESS);
    expect_picture(5);
    // Of a swapchain that is retired, too.
    ASSERT_EQ(vkAcquireNextImageKHR(app.device, swap.handle, UINT64_MAX, VK_NULL_HANDLE, fence,
                                    &swap.extent.width),
              VK_SUCCESS);
    vkWaitForFences(app.device, 1, &fence, VK_TRUE, 5'000'000'000);
    const std::uint32_t held = swap.extent.width;
    info.oldSwapchain = swap.handle;
    Swap next(app, info);
    ASSERT_EQ(next.created, VK_SUCCESS);
    const VkReleaseSwapchainImagesInfoEXT given{VK_STRUCTURE_TYPE_RELEASE_SWAPCHAIN_IMAGES_INFO_EXT,
                                                nullptr, swap.handle, 1, &held};
    EXPECT_EQ(release(app.device, &given), VK_SUCCESS);
    vkDestroyFence(app.device, fence, nullptr);
}

}  // namespace
}  // namespace vdmabuf::test
