// SPDX-License-Identifier: MIT
#include <chrono>
#include <cstring>
#include <map>

#include "runtime/common/drm_format.hpp"
#include "tests/layer/support/fixture.hpp"
#include "tests/layer/support/strategies.hpp"

namespace vdmabuf::test {
namespace {

using Clock = std::chrono::steady_clock;

class StrategyTest : public LayerTest, public ::testing::WithParamInterface<Way> {};

// Every pixel of every frame comes to the host as it was drawn, in order, through xcb windows.
TEST_P(StrategyTest, PixelsComeToTheHost) {
    ::setenv("VDMABUF_STRATEGY", GetParam().name, 1);
    XWindow window(x.display(), kWidth, kHeight);
    App app;
    ASSERT_EQ(app.created, VK_SUCCESS);
    if (!has_what_it_takes(app, GetParam())) GTEST_SKIP() << "not on this machine";
    Swap swap(app, swapchain_info(app.xcb_surface(window), kWidth, kHeight));
    ASSERT_EQ(swap.created, VK_SUCCESS);
    EXPECT_EQ(swap.images.size(), 3u);
    host();
    for (std::uint32_t seed = 1; seed <= 8; ++seed) {
        ASSERT_EQ(swap.show(seed), VK_SUCCESS);
        const auto frame = expect_picture(seed);
        ASSERT_TRUE(frame);
        EXPECT_EQ(frame->image.width, kWidth);
        EXPECT_EQ(frame->image.height, kHeight);
        EXPECT_EQ(frame->image.strategy, static_cast<std::uint32_t>(GetParam().announced));
        EXPECT_EQ(frame->message.cpu_copied_bytes,
                  GetParam().copies ? std::uint64_t{4} * kWidth * kHeight : 0);
        EXPECT_GE(frame->message.gpu_done_ns, frame->message.called_ns);
        EXPECT_NE(frame->message.called_ns, 0u);
    }
}

// Every format that surfaces offer, byte by byte: sRGB and UNORM are the same bytes.
TEST_P(StrategyTest, EveryFormat) {
    ::setenv("VDMABUF_STRATEGY", GetParam().name, 1);
    App app;
    ASSERT_EQ(app.created, VK_SUCCESS);
    if (!has_what_it_takes(app, GetParam())) GTEST_SKIP() << "not on this machine";
    const VkSurfaceKHR surface = app.headless_surface();
    host();
    const std::map<VkFormat, std::uint32_t> codes = {
        {VK_FORMAT_B8G8R8A8_UNORM, fourcc_of("AR24")},
        {VK_FORMAT_B8G8R8A8_SRGB, fourcc_of("AR24")},
        {VK_FORMAT_R8G8B8A8_UNORM, fourcc_of("AB24")},
        {VK_FORMAT_R8G8B8A8_SRGB, fourcc_of("AB24")},
        {VK_FORMAT_A2B10G10R10_UNORM_PACK32, fourcc_of("AB30")},
        {VK_FORMAT_A2R10G10B10_UNORM_PACK32, fourcc_of("AR30")},
        {VK_FORMAT_R16G16B16A16_SFLOAT, fourcc_of("AB4H")},
        {VK_FORMAT_R5G6B5_UNORM_PACK16, fourcc_of("RG16")},
    };
    VkSurfaceFormatKHR formats[32];
    std::uint32_t count = 32;
    ASSERT_EQ(vkGetPhysicalDeviceSurfaceFormatsKHR(app.physical, surface, &count, formats),
              VK_SUCCESS);
    ASSERT_GE(count, 4u);
    std::uint32_t seed = 20;
    for (std::uint32_t i = 0; i < count; ++i) {
        VkSwapchainCreateInfoKHR info = swapchain_info(surface, kWidth, kHeight);
        info.imageFormat = formats[i].format;
        Swap swap(app, info);
        ASSERT_EQ(swap.created, VK_SUCCESS) << info.imageFormat;
        ASSERT_EQ(swap.show(++seed), VK_SUCCESS);
        std::vector<std::uint32_t> drawn;
        for (std::uint32_t row = 0; row < 2 * kHeight; ++row) {
            for (std::uint32_t column = 0; column < kWidth; ++column) {
                drawn.push_back(pattern(seed, column, row));
            }
        }
        ASSERT_TRUE(codes.contains(info.imageFormat)) << info.imageFormat;
        const auto frame = host().wait_frame([&](const SeenFrame& seen) {
            return seen.image.fourcc == codes.at(info.imageFormat) && !seen.bytes.empty() &&
                   seen.bytes.size() <= 4 * drawn.size() &&
                   std::memcmp(seen.bytes.data(), drawn.data(), seen.bytes.size()) == 0;
        });
        EXPECT_TRUE(frame) << info.imageFormat;
    }
}

INSTANTIATE_TEST_SUITE_P(, StrategyTest, ::testing::ValuesIn(kWays),
                         [](const auto& parameter) { return parameter.param.test_name; });

using PresentTest = LayerTest;

// Trap 19: one call, several swapchains, semaphores waited for once.
TEST_F(PresentTest, SeveralSwapchainsInOneCall) {
    XWindow windows[3] = {
        {x.display(), kWidth, kHeight}, {x.display(), 64, 64}, {x.display(), 50, 40}};
    App app;
    ASSERT_EQ(app.created, VK_SUCCESS);
    Swap first(app, swapchain_info(app.xcb_surface(windows[0]), kWidth, kHeight));
    Swap second(app, swapchain_info(app.xcb_surface(windows[1]), 64, 64));
    Swap third(app, swapchain_info(app.xcb_surface(windows[2]), 50, 40));
    host();
    for (std::uint32_t round = 0; round < 3; ++round) {
        std::uint32_t indices[3] = {};
        FrameObjects frames[3];
        ASSERT_EQ(first.draw(31 + round, indices[0], frames[0]), VK_SUCCESS);
        ASSERT_EQ(second.draw(41 + round, indices[1], frames[1]), VK_SUCCESS);
        ASSERT_EQ(third.draw(51 + round, indices[2], frames[2]), VK_SUCCESS);
        const VkSemaphore waits[] = {frames[0].rendered, frames[1].rendered, frames[2].rendered};
        const VkSwapchainKHR swapchains[] = {first.handle, second.handle, third.handle};
        VkResult results[] = {VK_ERROR_UNKNOWN, VK_ERROR_UNKNOWN, VK_ERROR_UNKNOWN};
        VkPresentInfoKHR info{VK_STRUCTURE_TYPE_PRESENT_INFO_KHR};
        info.waitSemaphoreCount = 3;
        info.pWaitSemaphores = waits;
        info.swapchainCount = 3;
        info.pSwapchains = swapchains;
        info.pImageIndices = indices;
        info.pResults = results;
        ASSERT_EQ(vkQueuePresentKHR(app.queue, &info), VK_SUCCESS);
        for (VkResult result : results) EXPECT_EQ(result, VK_SUCCESS);
        expect_picture(31 + round);
        expect_picture(41 + round);
        expect_picture(51 + round);
    }
    // One window goes: its result says so, the others' frames come all the same.
    windows[1].destroy();
    std::uint32_t indices[3] = {};
    FrameObjects frames[3];
    ASSERT_EQ(first.draw(61, indices[0], frames[0]), VK_SUCCESS);
    VkResult lost = VK_SUCCESS;
    for (int i = 0; i < 100 && lost != VK_ERROR_SURFACE_LOST_KHR; ++i) {
        lost = second.draw(62, indices[1], frames[1], 10'000'000);
        if (lost == VK_SUCCESS) lost = second.present(indices[1], frames[1]);
    }
    EXPECT_EQ(lost, VK_ERROR_SURFACE_LOST_KHR);
    EXPECT_EQ(first.present(indices[0], frames[0]), VK_SUCCESS);
    expect_picture(61);
}

// Trap 18: a present that fails does its waits all the same: the semaphore can be signalled again,
// of which the validation layer below us keeps account.
TEST_F(PresentTest, FailedPresentWaitsForItsSemaphores) {
    App app(watched_from_below());
    ASSERT_EQ(app.created, VK_SUCCESS);
    const VkSurfaceKHR surface = app.headless_surface();
    VkSwapchainCreateInfoKHR info = swapchain_info(surface, kWidth, kHeight);
    Swap old(app, info);
    ASSERT_EQ(old.created, VK_SUCCESS);
    std::uint32_t index = 0;
    FrameObjects frame;
    ASSERT_EQ(old.draw(1, index, frame), VK_SUCCESS);
    info.oldSwapchain = old.handle;
    Swap next(app, info);
    ASSERT_EQ(next.created, VK_SUCCESS);
    VkResult result = VK_SUCCESS;
    VkPresentInfoKHR present{VK_STRUCTURE_TYPE_PRESENT_INFO_KHR};
    present.waitSemaphoreCount = 1;
    present.pWaitSemaphores = &frame.rendered;
    present.swapchainCount = 1;
    present.pSwapchains = &old.handle;
    present.pImageIndices = &index;
    present.pResults = &result;
    EXPECT_EQ(vkQueuePresentKHR(app.queue, &present), VK_ERROR_OUT_OF_DATE_KHR);
    EXPECT_EQ(result, VK_ERROR_OUT_OF_DATE_KHR);
    VkFence fence = VK_NULL_HANDLE;
    VkFenceCreateInfo fence_info{VK_STRUCTURE_TYPE_FENCE_CREATE_INFO};
    vkCreateFence(app.device, &fence_info, nullptr, &fence);
    VkSubmitInfo signal{VK_STRUCTURE_TYPE_SUBMIT_INFO};
    signal.signalSemaphoreCount = 1;
    signal.pSignalSemaphores = &frame.rendered;
    ASSERT_EQ(vkQueueSubmit(app.queue, 1, &signal, VK_NULL_HANDLE), VK_SUCCESS);
    const VkPipelineStageFlags stage = VK_PIPELINE_STAGE_ALL_COMMANDS_BIT;
    VkSubmitInfo wait{VK_STRUCTURE_TYPE_SUBMIT_INFO};
    wait.waitSemaphoreCount = 1;
    wait.pWaitSemaphores = &frame.rendered;
    wait.pWaitDstStageMask = &stage;
    ASSERT_EQ(vkQueueSubmit(app.queue, 1, &wait, fence), VK_SUCCESS);
    EXPECT_EQ(vkWaitForFences(app.device, 1, &fence, VK_TRUE, 3'000'000'000), VK_SUCCESS);
    vkDestroyFence(app.device, fence, nullptr);
    expect_silence(app);
}

// More semaphores than one submit of the layer takes.
TEST_F(PresentTest, ManyWaitSemaphores) {
    App app;
    ASSERT_EQ(app.created, VK_SUCCESS);
    Swap swap(app, swapchain_info(app.headless_surface(), kWidth, kHeight));
    ASSERT_EQ(swap.created, VK_SUCCESS);
    host();
    std::uint32_t index = 0;
    FrameObjects frame;
    ASSERT_EQ(swap.draw(71, index, frame), VK_SUCCESS);
    std::vector<VkSemaphore> semaphores(40);
    VkSemaphoreCreateInfo semaphore_info{VK_STRUCTURE_TYPE_SEMAPHORE_CREATE_INFO};
    for (auto& semaphore : semaphores) {
        vkCreateSemaphore(app.device, &semaphore_info, nullptr, &semaphore);
    }
    VkSubmitInfo signal{VK_STRUCTURE_TYPE_SUBMIT_INFO};
    signal.signalSemaphoreCount = 40;
    signal.pSignalSemaphores = semaphores.data();
    ASSERT_EQ(vkQueueSubmit(app.queue, 1, &signal, VK_NULL_HANDLE), VK_SUCCESS);
    auto waits = semaphores;
    waits.push_back(frame.rendered);
    VkPresentInfoKHR present{VK_STRUCTURE_TYPE_PRESENT_INFO_KHR};
    present.waitSemaphoreCount = static_cast<std::uint32_t>(waits.size());
    present.pWaitSemaphores = waits.data();
    present.swapchainCount = 1;
    present.pSwapchains = &swap.handle;
    present.pImageIndices = &index;
    EXPECT_EQ(vkQueuePresentKHR(app.queue, &present), VK_SUCCESS);
    expect_picture(71);
    vkDeviceWaitIdle(app.device);
    for (auto& semaphore : semaphores) vkDestroySemaphore(app.device, semaphore, nullptr);
}

double show_frames(Swap& swap, std::uint32_t count) {
    const auto start = Clock::now();
    for (std::uint32_t i = 0; i < count; ++i) {
        if (swap.show(i) != VK_SUCCESS) return -1;
    }
    return std::chrono::duration<double>(Clock::now() - start).count();
}

// FIFO waits for the host's refresh (60 Hz with nobody attached), the other modes do not.
TEST_F(PresentTest, Modes) {
    App app;
    ASSERT_EQ(app.created, VK_SUCCESS);
    VkSwapchainCreateInfoKHR info = swapchain_info(app.headless_surface(), 16, 16);
    double fifo = 0;
    {
        Swap swap(app, info);
        ASSERT_EQ(swap.created, VK_SUCCESS);
        fifo = show_frames(swap, 60);
    }
    EXPECT_GT(fifo, 0.8);
    EXPECT_LT(fifo, 4.0);
    for (const auto mode : {VK_PRESENT_MODE_MAILBOX_KHR, VK_PRESENT_MODE_IMMEDIATE_KHR}) {
        info.presentMode = mode;
        Swap swap(app, info);
        ASSERT_EQ(swap.created, VK_SUCCESS);
        const double free_running = show_frames(swap, 60);
        EXPECT_GT(free_running, 0);
        EXPECT_LT(free_running, fifo * 0.8) << mode;
    }
}

TEST_F(PresentTest, DamageReachesTheHost) {
    AppOptions options;
    options.device_extensions = {"VK_KHR_incremental_present"};
    App app(options);
    ASSERT_EQ(app.created, VK_SUCCESS);
    Swap swap(app, swapchain_info(app.headless_surface(), kWidth, kHeight));
    ASSERT_EQ(swap.created, VK_SUCCESS);
    host();
    // The first frame is new to the consumer as a whole.
    ASSERT_EQ(swap.show(80), VK_SUCCESS);
    ASSERT_TRUE(expect_picture(80));
    std::uint32_t index = 0;
    FrameObjects frame;
    ASSERT_EQ(swap.draw(81, index, frame), VK_SUCCESS);
    const VkRectLayerKHR rects[] = {{{1, 2}, {3, 4}, 0}, {{50, 40}, {10, 20}, 0}};
    const VkPresentRegionKHR region{2, rects};
    const VkPresentRegionsKHR regions{VK_STRUCTURE_TYPE_PRESENT_REGIONS_KHR, nullptr, 1, &region};
    VkPresentInfoKHR present{VK_STRUCTURE_TYPE_PRESENT_INFO_KHR};
    present.pNext = &regions;
    present.waitSemaphoreCount = 1;
    present.pWaitSemaphores = &frame.rendered;
    present.swapchainCount = 1;
    present.pSwapchains = &swap.handle;
    present.pImageIndices = &index;
    ASSERT_EQ(vkQueuePresentKHR(app.queue, &present), VK_SUCCESS);
    const auto seen = expect_picture(81);
    ASSERT_TRUE(seen);
    ASSERT_EQ(seen->message.damage_count, 2u);
    EXPECT_EQ(seen->message.damage[1].x, 50u);
    EXPECT_EQ(seen->message.damage[1].height, 20u);
}

}  // namespace
}  // namespace vdmabuf::test
