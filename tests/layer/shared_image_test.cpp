// SPDX-License-Identifier: MIT
// VK_KHR_shared_presentable_image: one image, which the app draws into while the host shows it.
#include <chrono>
#include <thread>

#include "tests/layer/support/fixture.hpp"
#include "tests/layer/support/strategies.hpp"

namespace vdmabuf::test {
namespace {

constexpr VkPresentModeKHR kDemand = VK_PRESENT_MODE_SHARED_DEMAND_REFRESH_KHR;
constexpr VkPresentModeKHR kContinuous = VK_PRESENT_MODE_SHARED_CONTINUOUS_REFRESH_KHR;

AppOptions with_extension() {
    AppOptions options = watched_from_below();
    options.device_extensions = {"VK_KHR_shared_presentable_image"};
    return options;
}

VkSwapchainCreateInfoKHR shared_info(VkSurfaceKHR surface, VkPresentModeKHR mode) {
    VkSwapchainCreateInfoKHR info = swapchain_info(surface, kWidth, kHeight, 1);
    info.presentMode = mode;
    return info;
}

// The validation below is not told of the extension, which the driver does not have: the layout is
// not one of those that it lets be copied from and to. Everything else it may complain of.
void expect_clean_end_but_for_layout(App& app) {
    app.destroy_device();
    for (const auto& message : app.messages()) {
        if (message.find("VK_IMAGE_LAYOUT_SHARED_PRESENT_KHR but can only be") ==
            std::string::npos) {
            ADD_FAILURE() << message;
        }
    }
}

class SharedImageTest : public LayerTest, public ::testing::WithParamInterface<Way> {
  protected:
    void SetUp() override {
        LayerTest::SetUp();
        ::setenv("VDMABUF_STRATEGY", GetParam().name, 1);
    }
};

TEST_P(SharedImageTest, DemandShowsWhatIsDrawnAtEachPresent) {
    App app(with_extension());
    ASSERT_EQ(app.created, VK_SUCCESS);
    if (!has_what_it_takes(app, GetParam())) GTEST_SKIP() << "not on this machine";
    const auto status = app.device_function<PFN_vkGetSwapchainStatusKHR>("vkGetSwapchainStatusKHR");
    ASSERT_TRUE(status);
    XWindow window(x.display(), kWidth, kHeight);
    {
        Swap swap(app, shared_info(app.xcb_surface(window), kDemand));
        ASSERT_EQ(swap.created, VK_SUCCESS);
        ASSERT_EQ(swap.images.size(), 1u);
        host();
        FrameObjects first;
        ASSERT_EQ(swap.acquire_shared(first), VK_SUCCESS);
        for (std::uint32_t seed = 1; seed <= 20; ++seed) {
            FrameObjects frame;
            ASSERT_EQ(swap.draw_shared(seed, frame, true), VK_SUCCESS);
            ASSERT_EQ(swap.present(0, frame), VK_SUCCESS);
            EXPECT_EQ(status(app.device, swap.handle), VK_SUCCESS);
            const auto seen = expect_picture(seed);
            ASSERT_TRUE(seen);
            EXPECT_EQ(seen->image.strategy, static_cast<std::uint32_t>(GetParam().announced));
        }
        // Faster than the GPU and the host: none of it is refused, and the last one comes.
        for (std::uint32_t seed = 21; seed <= 80; ++seed) {
            FrameObjects frame;
            ASSERT_EQ(swap.draw_shared(seed, frame, true), VK_SUCCESS);
            ASSERT_EQ(swap.present(0, frame), VK_SUCCESS);
        }
        EXPECT_TRUE(expect_picture(80));
        swap.destroy();
        swap.drop_frames();
    }
    expect_clean_end_but_for_layout(app);
}

TEST_P(SharedImageTest, ContinuousShowsWhatIsDrawnWithoutPresents) {
    App app(with_extension());
    ASSERT_EQ(app.created, VK_SUCCESS);
    if (!has_what_it_takes(app, GetParam())) GTEST_SKIP() << "not on this machine";
    XWindow window(x.display(), kWidth, kHeight);
    {
        Swap swap(app, shared_info(app.xcb_surface(window), kContinuous));
        ASSERT_EQ(swap.created, VK_SUCCESS);
        host();
        FrameObjects frame;
        ASSERT_EQ(swap.acquire_shared(frame), VK_SUCCESS);
        ASSERT_EQ(swap.draw_shared(1, frame, true), VK_SUCCESS);
        ASSERT_EQ(swap.present(0, frame), VK_SUCCESS);
        EXPECT_TRUE(expect_picture(1));
        for (std::uint32_t seed = 2; seed <= 6; ++seed) {
            ASSERT_EQ(swap.draw_shared(seed, frame, false), VK_SUCCESS);
            EXPECT_TRUE(expect_picture(seed));
        }
        swap.destroy();
        swap.drop_frames();
    }
    expect_clean_end_but_for_layout(app);
}

INSTANTIATE_TEST_SUITE_P(, SharedImageTest, ::testing::ValuesIn(kWays),
                         [](const auto& parameter) { return parameter.param.test_name; });

using SharedImageSurfaceTest = LayerTest;

TEST_F(SharedImageSurfaceTest, CapabilitiesAndStatus) {
    AppOptions options;
    options.device_extensions = {"VK_KHR_shared_presentable_image"};
    options.instance_extensions = {"VK_EXT_surface_maintenance1"};
    App app(options);
    ASSERT_EQ(app.created, VK_SUCCESS);
    XWindow window(x.display(), kWidth, kHeight);
    VkSurfacePresentModeEXT mode{VK_STRUCTURE_TYPE_SURFACE_PRESENT_MODE_EXT, nullptr, kDemand};
    VkPhysicalDeviceSurfaceInfo2KHR info{VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_SURFACE_INFO_2_KHR,
                                         &mode};
    info.surface = app.xcb_surface(window);
    VkPresentModeKHR one = VK_PRESENT_MODE_FIFO_KHR;
    VkSurfacePresentModeCompatibilityEXT compatible{
        VK_STRUCTURE_TYPE_SURFACE_PRESENT_MODE_COMPATIBILITY_EXT, nullptr, 1, &one};
    VkSharedPresentSurfaceCapabilitiesKHR shared{
        VK_STRUCTURE_TYPE_SHARED_PRESENT_SURFACE_CAPABILITIES_KHR, &compatible};
    VkSurfaceCapabilities2KHR capabilities{VK_STRUCTURE_TYPE_SURFACE_CAPABILITIES_2_KHR, &shared};
    const auto query = app.instance_function<PFN_vkGetPhysicalDeviceSurfaceCapabilities2KHR>(
        "vkGetPhysicalDeviceSurfaceCapabilities2KHR");
    for (const VkPresentModeKHR asked : {kDemand, kContinuous}) {
        mode.presentMode = asked;
        ASSERT_EQ(query(app.physical, &info, &capabilities), VK_SUCCESS);
        EXPECT_EQ(capabilities.surfaceCapabilities.minImageCount, 1u);
        EXPECT_EQ(capabilities.surfaceCapabilities.maxImageCount, 1u);
        EXPECT_TRUE(shared.sharedPresentSupportedUsageFlags & VK_IMAGE_USAGE_COLOR_ATTACHMENT_BIT);
        EXPECT_EQ(one, asked) << "a list that is cut short has the mode that was asked about";
    }
    const auto status = app.device_function<PFN_vkGetSwapchainStatusKHR>("vkGetSwapchainStatusKHR");
    Swap swap(app, shared_info(info.surface, kContinuous));
    ASSERT_EQ(swap.created, VK_SUCCESS);
    EXPECT_EQ(status(app.device, swap.handle), VK_SUCCESS);
    FrameObjects frame;
    ASSERT_EQ(swap.acquire_shared(frame), VK_SUCCESS);
    ASSERT_EQ(swap.draw_shared(1, frame, true), VK_SUCCESS);
    ASSERT_EQ(swap.present(0, frame), VK_SUCCESS);
    const auto wait_status = [&](VkResult wanted) {
        for (int i = 0; i < 500 && status(app.device, swap.handle) != wanted; ++i) {
            std::this_thread::sleep_for(std::chrono::milliseconds(10));
        }
        return status(app.device, swap.handle);
    };
    window.resize(70, 80);
    EXPECT_EQ(wait_status(VK_SUBOPTIMAL_KHR), VK_SUBOPTIMAL_KHR);
    Swap next(app, [&] {
        VkSwapchainCreateInfoKHR with_old = shared_info(info.surface, kContinuous);
        with_old.oldSwapchain = swap.handle;
        return with_old;
    }());
    ASSERT_EQ(next.created, VK_SUCCESS);
    EXPECT_EQ(status(app.device, swap.handle), VK_ERROR_OUT_OF_DATE_KHR);
    window.destroy();
    swap.destroy();
    std::swap(swap.handle, next.handle);
    EXPECT_EQ(wait_status(VK_ERROR_SURFACE_LOST_KHR), VK_ERROR_SURFACE_LOST_KHR);
}

}  // namespace
}  // namespace vdmabuf::test
