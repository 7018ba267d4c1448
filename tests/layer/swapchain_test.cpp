// SPDX-License-Identifier: MIT
#include <vulkan/vulkan_core.h>

#include <chrono>
#include <thread>

#include "tests/layer/support/fixture.hpp"
#include "tests/layer/support/strategies.hpp"

namespace vdmabuf::test {
namespace {

using SwapchainTest = LayerTest;

TEST_F(SwapchainTest, RefusesWhatDriversRefuse) {
    App app;
    ASSERT_EQ(app.created, VK_SUCCESS);
    const VkSurfaceKHR surface = app.headless_surface();
    const VkSwapchainCreateInfoKHR good = swapchain_info(surface, kWidth, kHeight);
    const auto result = [&](const VkSwapchainCreateInfoKHR& info) {
        return Swap(app, info).created;
    };
    EXPECT_EQ(result(good), VK_SUCCESS);
    auto bad = good;
    bad.imageExtent.width = 0;
    EXPECT_EQ(result(bad), VK_ERROR_INITIALIZATION_FAILED);
    bad = good;
    bad.imageFormat = VK_FORMAT_R32G32B32A32_SFLOAT;
    EXPECT_EQ(result(bad), VK_ERROR_INITIALIZATION_FAILED);
    bad = good;
    bad.imageArrayLayers = 2;
    EXPECT_EQ(result(bad), VK_ERROR_INITIALIZATION_FAILED);
    bad = good;
    bad.minImageCount = 17;
    EXPECT_EQ(result(bad), VK_ERROR_INITIALIZATION_FAILED);
    bad = good;
    bad.presentMode = VK_PRESENT_MODE_MAX_ENUM_KHR;
    EXPECT_EQ(result(bad), VK_ERROR_INITIALIZATION_FAILED);
    bad = good;
    bad.preTransform = VK_SURFACE_TRANSFORM_ROTATE_90_BIT_KHR;
    EXPECT_EQ(result(bad), VK_ERROR_INITIALIZATION_FAILED);
    // What was refused has left nothing behind.
    EXPECT_EQ(result(good), VK_SUCCESS);
}

TEST_F(SwapchainTest, GivesAsManyImagesAsAsked) {
    App app;
    ASSERT_EQ(app.created, VK_SUCCESS);
    const VkSurfaceKHR surface = app.headless_surface();
    for (const std::uint32_t count : {2u, 3u, 5u, 16u}) {
        Swap swap(app, swapchain_info(surface, kWidth, kHeight, count));
        ASSERT_EQ(swap.created, VK_SUCCESS);
        EXPECT_EQ(swap.images.size(), count);
        std::uint32_t room = 1;
        VkImage one = VK_NULL_HANDLE;
        EXPECT_EQ(vkGetSwapchainImagesKHR(app.device, swap.handle, &room, &one), VK_INCOMPLETE);
        EXPECT_EQ(one, swap.images[0]);
    }
}

// Trap 17.
TEST_F(SwapchainTest, OldSwapchainIsRetired) {
    App app;
    ASSERT_EQ(app.created, VK_SUCCESS);
    VkSwapchainCreateInfoKHR info = swapchain_info(app.headless_surface(), kWidth, kHeight);
    Swap first(app, info);
    ASSERT_EQ(first.created, VK_SUCCESS);
    host();
    ASSERT_EQ(first.show(1), VK_SUCCESS);
    std::uint32_t held = 0;
    FrameObjects frame;
    ASSERT_EQ(first.draw(2, held, frame), VK_SUCCESS);

    info.oldSwapchain = first.handle;
    info.imageExtent = {64, 64};
    Swap second(app, info);
    ASSERT_EQ(second.created, VK_SUCCESS);
    std::uint32_t index = 0;
    FrameObjects other;
    EXPECT_EQ(first.draw(3, index, other), VK_ERROR_OUT_OF_DATE_KHR);
    EXPECT_EQ(first.present(held, frame), VK_ERROR_OUT_OF_DATE_KHR);
    ASSERT_EQ(second.show(4), VK_SUCCESS);
    const auto seen = expect_picture(4);
    ASSERT_TRUE(seen);
    EXPECT_EQ(seen->image.width, 64u);

    // Retired even though the new one is refused; a chain of several on one surface.
    info.oldSwapchain = second.handle;
    info.imageFormat = VK_FORMAT_R32G32B32A32_SFLOAT;
    Swap refused(app, info);
    EXPECT_EQ(refused.created, VK_ERROR_INITIALIZATION_FAILED);
    EXPECT_EQ(second.draw(5, index, other), VK_ERROR_OUT_OF_DATE_KHR);
    info.imageFormat = VK_FORMAT_B8G8R8A8_UNORM;
    info.oldSwapchain = VK_NULL_HANDLE;
    Swap third(app, info);
    ASSERT_EQ(third.created, VK_SUCCESS);
    ASSERT_EQ(third.show(6), VK_SUCCESS);
    expect_picture(6);
}

// Trap 30: SUBOPTIMAL comes only when the capabilities show the new size, and stops when the
// swapchain has it.
TEST_F(SwapchainTest, FollowsTheWindowsSize) {
    XWindow window(x.display(), kWidth, kHeight);
    App app;
    ASSERT_EQ(app.created, VK_SUCCESS);
    const VkSurfaceKHR surface = app.xcb_surface(window);
    VkSwapchainCreateInfoKHR info = swapchain_info(surface, kWidth, kHeight);
    host();
    auto swap = std::make_unique<Swap>(app, info);
    ASSERT_EQ(swap->created, VK_SUCCESS);
    ASSERT_EQ(swap->show(1), VK_SUCCESS);
    for (const std::uint16_t size : {std::uint16_t{130}, std::uint16_t{40}, std::uint16_t{333}}) {
        window.resize(size, 55);
        VkResult result = VK_SUCCESS;
        for (int i = 0; i < 300 && result == VK_SUCCESS; ++i) result = swap->show(2);
        ASSERT_EQ(result, VK_SUBOPTIMAL_KHR);
        VkSurfaceCapabilitiesKHR caps{};
        ASSERT_EQ(vkGetPhysicalDeviceSurfaceCapabilitiesKHR(app.physical, surface, &caps),
                  VK_SUCCESS);
        EXPECT_EQ(caps.currentExtent.width, size);
        info.imageExtent = caps.currentExtent;
        info.oldSwapchain = swap->handle;
        auto next = std::make_unique<Swap>(app, info);
        ASSERT_EQ(next->created, VK_SUCCESS);
        swap = std::move(next);
        const std::uint32_t seed = 100u + size % 100;
        ASSERT_EQ(swap->show(seed), VK_SUCCESS);
        const auto seen = expect_picture(seed);
        ASSERT_TRUE(seen);
        EXPECT_EQ(seen->image.width, size);
        EXPECT_EQ(seen->image.height, 55u);
    }
}

TEST_F(SwapchainTest, DestroyedWithFramesInFlight) {
    App app(watched_from_below());
    ASSERT_EQ(app.created, VK_SUCCESS);
    const VkSurfaceKHR surface = app.headless_surface();
    host();
    for (std::uint32_t i = 0; i < 30; ++i) {
        VkSwapchainCreateInfoKHR info = swapchain_info(surface, kWidth, kHeight, 3);
        info.presentMode = i % 2 ? VK_PRESENT_MODE_MAILBOX_KHR : VK_PRESENT_MODE_FIFO_KHR;
        Swap swap(app, info);
        ASSERT_EQ(swap.created, VK_SUCCESS) << i;
        for (std::uint32_t frame = 0; frame <= i % 3; ++frame) {
            ASSERT_EQ(swap.show(i), VK_SUCCESS);
        }
    }
    expect_clean_end(app);
}

// An app may destroy a swapchain when its own work is done: the layer's copy at present need not
// be.
TEST_F(SwapchainTest, DestroyedWhileThePresentIsCopied) {
    ::setenv("VDMABUF_STRATEGY", "cpu-copy", 1);
    App app(watched_from_below());
    ASSERT_EQ(app.created, VK_SUCCESS);
    const VkSurfaceKHR surface = app.headless_surface();
    VkFence drawn = VK_NULL_HANDLE;
    VkFenceCreateInfo fence_info{VK_STRUCTURE_TYPE_FENCE_CREATE_INFO};
    vkCreateFence(app.device, &fence_info, nullptr, &drawn);
    for (std::uint32_t i = 0; i < 10; ++i) {
        Swap swap(app, swapchain_info(surface, 2048, 2048, 2));
        ASSERT_EQ(swap.created, VK_SUCCESS);
        std::uint32_t index = 0;
        FrameObjects frame;
        ASSERT_EQ(swap.draw(i, index, frame), VK_SUCCESS);
        ASSERT_EQ(vkQueueSubmit(app.queue, 0, nullptr, drawn), VK_SUCCESS);
        ASSERT_EQ(swap.present(index, frame), VK_SUCCESS);
        ASSERT_EQ(vkWaitForFences(app.device, 1, &drawn, VK_TRUE, UINT64_MAX), VK_SUCCESS);
        vkResetFences(app.device, 1, &drawn);
        vkDestroySwapchainKHR(app.device, swap.handle, nullptr);
        swap.handle = VK_NULL_HANDLE;
    }
    vkDestroyFence(app.device, drawn, nullptr);
    expect_clean_end(app);
}

// More swapchains, one after the other, than a stream has slots: they come back.
TEST_F(SwapchainTest, SlotsComeBack) {
    App app;
    ASSERT_EQ(app.created, VK_SUCCESS);
    const VkSurfaceKHR surface = app.headless_surface();
    for (std::uint32_t i = 0; i < 12; ++i) {
        Swap swap(app, swapchain_info(surface, 16, 16, 16));
        ASSERT_EQ(swap.created, VK_SUCCESS) << i;
        ASSERT_EQ(swap.show(i), VK_SUCCESS);
    }
}

// Images of the app's own on the memory of the swapchain's (Vulkan 1.1, device groups).
TEST_F(SwapchainTest, AliasImages) {
    App app;
    ASSERT_EQ(app.created, VK_SUCCESS);
    const VkSwapchainCreateInfoKHR info =
        swapchain_info(app.headless_surface(), kWidth, kHeight, 2);
    std::uint32_t seed = 90;
    for (const Way& way : kWays) {
        if (!has_what_it_takes(app, way)) continue;
        ::setenv("VDMABUF_STRATEGY", way.name, 1);
        Swap swap(app, info);
        ASSERT_EQ(swap.created, VK_SUCCESS);
        host();
        std::vector<VkImage> aliases;
        for (std::uint32_t i = 0; i < swap.images.size(); ++i) {
            VkImageSwapchainCreateInfoKHR of{VK_STRUCTURE_TYPE_IMAGE_SWAPCHAIN_CREATE_INFO_KHR};
            of.swapchain = swap.handle;
            VkImageCreateInfo create{VK_STRUCTURE_TYPE_IMAGE_CREATE_INFO};
            create.pNext = &of;
            create.imageType = VK_IMAGE_TYPE_2D;
            create.format = info.imageFormat;
            create.extent = {kWidth, kHeight, 1};
            create.mipLevels = 1;
            create.arrayLayers = 1;
            create.samples = VK_SAMPLE_COUNT_1_BIT;
            create.usage = info.imageUsage;
            VkImage image = VK_NULL_HANDLE;
            ASSERT_EQ(vkCreateImage(app.device, &create, nullptr, &image), VK_SUCCESS);
            VkBindImageMemorySwapchainInfoKHR to{
                VK_STRUCTURE_TYPE_BIND_IMAGE_MEMORY_SWAPCHAIN_INFO_KHR};
            to.swapchain = swap.handle;
            to.imageIndex = i;
            VkBindImageMemoryInfo bind{VK_STRUCTURE_TYPE_BIND_IMAGE_MEMORY_INFO};
            bind.pNext = &to;
            bind.image = image;
            ASSERT_EQ(vkBindImageMemory2(app.device, 1, &bind), VK_SUCCESS);
            aliases.push_back(image);
        }
        // Drawn through the aliases.
        std::swap(aliases, swap.images);
        for (std::uint32_t i = 0; i < 4; ++i) {
            ASSERT_EQ(swap.show(++seed), VK_SUCCESS);
            const auto seen = expect_picture(seed);
            ASSERT_TRUE(seen);
            EXPECT_EQ(seen->image.strategy, static_cast<std::uint32_t>(way.announced));
        }
        vkDeviceWaitIdle(app.device);
        for (VkImage image : swap.images) vkDestroyImage(app.device, image, nullptr);
    }
}

// What DXVK and Zink ask for.
TEST_F(SwapchainTest, MutableFormat) {
    AppOptions options;
    options.device_extensions = {"VK_KHR_swapchain_mutable_format", "VK_KHR_image_format_list",
                                 "VK_KHR_maintenance2"};
    App app(options);
    ASSERT_EQ(app.created, VK_SUCCESS);
    const VkFormat formats[] = {VK_FORMAT_B8G8R8A8_UNORM, VK_FORMAT_B8G8R8A8_SRGB};
    VkImageFormatListCreateInfo list{VK_STRUCTURE_TYPE_IMAGE_FORMAT_LIST_CREATE_INFO};
    list.viewFormatCount = 2;
    list.pViewFormats = formats;
    VkSwapchainCreateInfoKHR info = swapchain_info(app.headless_surface(), kWidth, kHeight);
    info.flags = VK_SWAPCHAIN_CREATE_MUTABLE_FORMAT_BIT_KHR;
    info.pNext = &list;
    // Zink's usage.
    info.imageUsage = VK_IMAGE_USAGE_TRANSFER_SRC_BIT | VK_IMAGE_USAGE_TRANSFER_DST_BIT |
                      VK_IMAGE_USAGE_SAMPLED_BIT | VK_IMAGE_USAGE_COLOR_ATTACHMENT_BIT |
                      VK_IMAGE_USAGE_INPUT_ATTACHMENT_BIT;
    Swap swap(app, info);
    ASSERT_EQ(swap.created, VK_SUCCESS);
    host();
    VkImageViewCreateInfo view_info{VK_STRUCTURE_TYPE_IMAGE_VIEW_CREATE_INFO};
    view_info.image = swap.images[0];
    view_info.viewType = VK_IMAGE_VIEW_TYPE_2D;
    view_info.format = VK_FORMAT_B8G8R8A8_SRGB;
    view_info.subresourceRange = {VK_IMAGE_ASPECT_COLOR_BIT, 0, 1, 0, 1};
    VkImageView view = VK_NULL_HANDLE;
    EXPECT_EQ(vkCreateImageView(app.device, &view_info, nullptr, &view), VK_SUCCESS);
    vkDestroyImageView(app.device, view, nullptr);
    ASSERT_EQ(swap.show(95), VK_SUCCESS);
    const auto seen = expect_picture(95);
    ASSERT_TRUE(seen);
    EXPECT_EQ(seen->image.strategy, static_cast<std::uint32_t>(stream::Strategy::host_pointer));
}

}  // namespace
}  // namespace vdmabuf::test
