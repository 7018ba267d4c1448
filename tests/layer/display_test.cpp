// SPDX-License-Identifier: MIT
// VK_KHR_display on a driver that has no displays.
#include "tests/layer/support/fixture.hpp"

namespace vdmabuf::test {
namespace {

class DisplayTest : public LayerTest {
  protected:
    // The one display, with the functions of the instance.
    struct Displays {
        explicit Displays(const App& the_app) : app(the_app) {
            std::uint32_t count = 8;
            VkDisplayPropertiesKHR all[8] = {};
            const auto get = function<PFN_vkGetPhysicalDeviceDisplayPropertiesKHR>(
                "vkGetPhysicalDeviceDisplayPropertiesKHR");
            if (!get || get(app.physical, &count, all) != VK_SUCCESS) return;
            number = count;
            if (count > 0) properties = all[0];
        }
        template <typename Function>
        Function function(const char* name) const {
            return app.instance_function<Function>(name);
        }
        std::vector<VkDisplayModePropertiesKHR> modes() const {
            const auto get =
                function<PFN_vkGetDisplayModePropertiesKHR>("vkGetDisplayModePropertiesKHR");
            std::uint32_t count = 0;
            EXPECT_EQ(get(app.physical, properties.display, &count, nullptr), VK_SUCCESS);
            std::vector<VkDisplayModePropertiesKHR> found(count);
            EXPECT_EQ(get(app.physical, properties.display, &count, found.data()), VK_SUCCESS);
            return found;
        }
        VkResult create_mode(std::uint32_t width, std::uint32_t height, std::uint32_t rate,
                             VkDisplayModeKHR& mode) const {
            VkDisplayModeCreateInfoKHR info{VK_STRUCTURE_TYPE_DISPLAY_MODE_CREATE_INFO_KHR};
            info.parameters = {{width, height}, rate};
            return function<PFN_vkCreateDisplayModeKHR>("vkCreateDisplayModeKHR")(
                app.physical, properties.display, &info, nullptr, &mode);
        }
        VkSurfaceKHR make_surface(const VkDisplayModePropertiesKHR& mode) const {
            VkDisplaySurfaceCreateInfoKHR info{VK_STRUCTURE_TYPE_DISPLAY_SURFACE_CREATE_INFO_KHR};
            info.displayMode = mode.displayMode;
            info.transform = VK_SURFACE_TRANSFORM_IDENTITY_BIT_KHR;
            info.alphaMode = VK_DISPLAY_PLANE_ALPHA_OPAQUE_BIT_KHR;
            info.imageExtent = mode.parameters.visibleRegion;
            VkSurfaceKHR surface = VK_NULL_HANDLE;
            const auto create =
                function<PFN_vkCreateDisplayPlaneSurfaceKHR>("vkCreateDisplayPlaneSurfaceKHR");
            EXPECT_EQ(create(app.instance, &info, nullptr, &surface), VK_SUCCESS);
            return surface;
        }
        const App& app;
        std::uint32_t number = 0;
        VkDisplayPropertiesKHR properties{};
    };
};

TEST_F(DisplayTest, OneDisplayWithItsPreferredModeFirst) {
    App app(watched_from_below());
    ASSERT_EQ(app.created, VK_SUCCESS);
    const Displays displays(app);
    ASSERT_EQ(displays.number, 1u);
    EXPECT_STREQ(displays.properties.displayName, "vdmabuf");
    EXPECT_EQ(displays.properties.physicalResolution.width, 1920u);
    EXPECT_EQ(displays.properties.physicalDimensions.width, 508u);  // at 96 dots an inch
    const auto modes = displays.modes();
    ASSERT_GE(modes.size(), 10u);
    EXPECT_EQ(modes.front().parameters.visibleRegion.height, 1080u);
    EXPECT_EQ(modes.front().parameters.refreshRate, 60000u);
    EXPECT_EQ(modes.back().parameters.visibleRegion.width, 640u);

    std::uint32_t count = 8;
    VkDisplayPlanePropertiesKHR planes[8] = {};
    const auto get_planes = displays.function<PFN_vkGetPhysicalDeviceDisplayPlanePropertiesKHR>(
        "vkGetPhysicalDeviceDisplayPlanePropertiesKHR");
    ASSERT_EQ(get_planes(app.physical, &count, planes), VK_SUCCESS);
    ASSERT_EQ(count, 1u);
    EXPECT_EQ(planes[0].currentDisplay, displays.properties.display);
    VkDisplayKHR of_plane[8] = {};
    const auto get_displays = displays.function<PFN_vkGetDisplayPlaneSupportedDisplaysKHR>(
        "vkGetDisplayPlaneSupportedDisplaysKHR");
    count = 8;
    ASSERT_EQ(get_displays(app.physical, 0, &count, of_plane), VK_SUCCESS);
    ASSERT_EQ(count, 1u);
    EXPECT_EQ(of_plane[0], displays.properties.display);
    VkDisplayPlaneCapabilitiesKHR capabilities{};
    const auto get_capabilities =
        displays.function<PFN_vkGetDisplayPlaneCapabilitiesKHR>("vkGetDisplayPlaneCapabilitiesKHR");
    ASSERT_EQ(get_capabilities(app.physical, modes[1].displayMode, 0, &capabilities), VK_SUCCESS);
    EXPECT_EQ(capabilities.maxSrcExtent.width, modes[1].parameters.visibleRegion.width);
    EXPECT_TRUE(capabilities.supportedAlpha & VK_DISPLAY_PLANE_ALPHA_OPAQUE_BIT_KHR);
    expect_silence(app);
}

TEST_F(DisplayTest, SecondVersionOfTheQueries) {
    App app;
    ASSERT_EQ(app.created, VK_SUCCESS);
    const Displays displays(app);
    ASSERT_EQ(displays.number, 1u);
    const auto get = displays.function<PFN_vkGetPhysicalDeviceDisplayProperties2KHR>(
        "vkGetPhysicalDeviceDisplayProperties2KHR");
    ASSERT_TRUE(get);
    std::uint32_t count = 1;
    VkDisplayProperties2KHR properties{VK_STRUCTURE_TYPE_DISPLAY_PROPERTIES_2_KHR};
    ASSERT_EQ(get(app.physical, &count, &properties), VK_SUCCESS);
    EXPECT_EQ(properties.displayProperties.display, displays.properties.display);
    const auto get_modes =
        displays.function<PFN_vkGetDisplayModeProperties2KHR>("vkGetDisplayModeProperties2KHR");
    VkDisplayModeProperties2KHR mode{VK_STRUCTURE_TYPE_DISPLAY_MODE_PROPERTIES_2_KHR};
    count = 1;
    ASSERT_EQ(get_modes(app.physical, displays.properties.display, &count, &mode), VK_INCOMPLETE);
    EXPECT_EQ(mode.displayModeProperties.displayMode, displays.modes().front().displayMode);
    const auto get_capabilities = displays.function<PFN_vkGetDisplayPlaneCapabilities2KHR>(
        "vkGetDisplayPlaneCapabilities2KHR");
    VkDisplayPlaneInfo2KHR info{VK_STRUCTURE_TYPE_DISPLAY_PLANE_INFO_2_KHR};
    info.mode = mode.displayModeProperties.displayMode;
    VkDisplayPlaneCapabilities2KHR capabilities{VK_STRUCTURE_TYPE_DISPLAY_PLANE_CAPABILITIES_2_KHR};
    ASSERT_EQ(get_capabilities(app.physical, &info, &capabilities), VK_SUCCESS);
    EXPECT_EQ(capabilities.capabilities.minDstExtent.width, 1920u);
    const auto release = displays.function<PFN_vkReleaseDisplayEXT>("vkReleaseDisplayEXT");
    ASSERT_TRUE(release);
    EXPECT_EQ(release(app.physical, displays.properties.display), VK_SUCCESS);
}

TEST_F(DisplayTest, ModesOfTheApp) {
    App app;
    ASSERT_EQ(app.created, VK_SUCCESS);
    const Displays displays(app);
    ASSERT_EQ(displays.number, 1u);
    const std::size_t before = displays.modes().size();
    VkDisplayModeKHR mode = VK_NULL_HANDLE;
    EXPECT_EQ(displays.create_mode(0, 100, 60000, mode), VK_ERROR_INITIALIZATION_FAILED);
    EXPECT_EQ(displays.create_mode(100, 0, 60000, mode), VK_ERROR_INITIALIZATION_FAILED);
    EXPECT_EQ(displays.create_mode(100, 100, 0, mode), VK_ERROR_INITIALIZATION_FAILED);
    EXPECT_EQ(displays.create_mode(1u << 20, 100, 60000, mode), VK_ERROR_INITIALIZATION_FAILED);
    EXPECT_EQ(displays.modes().size(), before);
    ASSERT_EQ(displays.create_mode(kWidth, kHeight, 50000, mode), VK_SUCCESS);
    EXPECT_NE(mode, VK_NULL_HANDLE);
    EXPECT_EQ(displays.modes().size(), before + 1);
    // A program that makes its mode anew with each start of a video does not fill the memory.
    VkDisplayModeKHR again = VK_NULL_HANDLE;
    ASSERT_EQ(displays.create_mode(kWidth, kHeight, 50000, again), VK_SUCCESS);
    EXPECT_EQ(again, mode);
    VkResult result = VK_SUCCESS;
    for (std::uint32_t i = 1; i < 2000 && result == VK_SUCCESS; ++i) {
        result = displays.create_mode(i, 7, 60000, again);
    }
    EXPECT_EQ(result, VK_ERROR_OUT_OF_HOST_MEMORY);
}

TEST_F(DisplayTest, FramesReachTheHost) {
    App app(watched_from_below());
    ASSERT_EQ(app.created, VK_SUCCESS);
    const Displays displays(app);
    ASSERT_EQ(displays.number, 1u);
    VkDisplayModeKHR mode = VK_NULL_HANDLE;
    ASSERT_EQ(displays.create_mode(kWidth, kHeight, 60000, mode), VK_SUCCESS);
    const VkSurfaceKHR surface = displays.make_surface(displays.modes().back());
    ASSERT_NE(surface, VK_NULL_HANDLE);
    VkBool32 supported = VK_FALSE;
    EXPECT_EQ(vkGetPhysicalDeviceSurfaceSupportKHR(app.physical, 0, surface, &supported),
              VK_SUCCESS);
    EXPECT_TRUE(supported);
    VkSurfaceCapabilitiesKHR caps{};
    ASSERT_EQ(vkGetPhysicalDeviceSurfaceCapabilitiesKHR(app.physical, surface, &caps), VK_SUCCESS);
    EXPECT_EQ(caps.currentExtent.width, kWidth);
    EXPECT_EQ(caps.currentExtent.height, kHeight);
    {
        Swap swap(app, swapchain_info(surface, kWidth, kHeight));
        ASSERT_EQ(swap.created, VK_SUCCESS);
        host();
        for (std::uint32_t i = 0; i < 10; ++i) ASSERT_EQ(swap.show(i), VK_SUCCESS);
        ASSERT_EQ(swap.show(42), VK_SUCCESS);
        expect_picture(42);
    }
    vkDestroySurfaceKHR(app.instance, surface, nullptr);
    EXPECT_TRUE(host().wait_streams(0));
    expect_silence(app);
}

TEST_F(DisplayTest, PreferredModeOfTheUser) {
    ::setenv("VDMABUF_DISPLAY", "1280x800@75", 1);
    App app;
    ASSERT_EQ(app.created, VK_SUCCESS);
    const Displays displays(app);
    ASSERT_EQ(displays.number, 1u);
    EXPECT_EQ(displays.properties.physicalResolution.height, 800u);
    EXPECT_EQ(displays.modes().front().parameters.refreshRate, 75000u);
    ::unsetenv("VDMABUF_DISPLAY");
}

// Without a host there is nothing to show: a driver that has displays shows its own.
TEST_F(DisplayTest, NoHostNoDisplay) {
    ::setenv("VDMABUF_ENDPOINT", "unix:/nonexistent/producer.sock", 1);
    App app;
    ASSERT_EQ(app.created, VK_SUCCESS);
    const Displays displays(app);
    EXPECT_EQ(displays.number, 0u);
}

}  // namespace
}  // namespace vdmabuf::test
