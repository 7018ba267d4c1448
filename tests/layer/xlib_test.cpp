// SPDX-License-Identifier: MIT
#include "tests/layer/support/fixture.hpp"

// After everything else: its macros (Status, None, Bool) are names of other people.
#include <X11/Xlib.h>
#include <vulkan/vulkan_xlib.h>

namespace vdmabuf::test {
namespace {

class XlibTest : public LayerTest {
  protected:
    void SetUp() override {
        LayerTest::SetUp();
        display = XOpenDisplay(x.display().c_str());
        ASSERT_TRUE(display);
        window = XCreateSimpleWindow(display, DefaultRootWindow(display), 0, 0, kWidth, kHeight, 0,
                                     0, 0);
        XStoreName(display, window, "an xlib window");
        // Not flushed: the layer must not depend on it.
    }
    void TearDown() override {
        if (display) XCloseDisplay(display);
    }
    VkSurfaceKHR make_surface(const App& app) {
        VkXlibSurfaceCreateInfoKHR info{VK_STRUCTURE_TYPE_XLIB_SURFACE_CREATE_INFO_KHR};
        info.dpy = display;
        info.window = window;
        VkSurfaceKHR surface = VK_NULL_HANDLE;
        const auto create =
            app.instance_function<PFN_vkCreateXlibSurfaceKHR>("vkCreateXlibSurfaceKHR");
        EXPECT_EQ(create(app.instance, &info, nullptr, &surface), VK_SUCCESS);
        return surface;
    }

    Display* display = nullptr;
    Window window = 0;
};

TEST_F(XlibTest, FollowsTheWindow) {
    App app;
    ASSERT_EQ(app.created, VK_SUCCESS);
    const auto support = app.instance_function<PFN_vkGetPhysicalDeviceXlibPresentationSupportKHR>(
        "vkGetPhysicalDeviceXlibPresentationSupportKHR");
    EXPECT_TRUE(support(app.physical, 0, display,
                        XVisualIDFromVisual(DefaultVisual(display, DefaultScreen(display)))));
    const VkSurfaceKHR surface = make_surface(app);
    VkSurfaceCapabilitiesKHR caps{};
    ASSERT_EQ(vkGetPhysicalDeviceSurfaceCapabilitiesKHR(app.physical, surface, &caps), VK_SUCCESS);
    EXPECT_EQ(caps.currentExtent.width, kWidth);
    {
        Swap swap(app, swapchain_info(surface, kWidth, kHeight));
        ASSERT_EQ(swap.created, VK_SUCCESS);
        EXPECT_TRUE(host().wait_title("an xlib window"));
        ASSERT_EQ(swap.show(3), VK_SUCCESS);
        expect_picture(3);
        XResizeWindow(display, window, 70, 80);
        XFlush(display);
        VkResult result = VK_SUCCESS;
        for (int i = 0; i < 300 && result == VK_SUCCESS; ++i) result = swap.show(4);
        EXPECT_EQ(result, VK_SUBOPTIMAL_KHR);
        ASSERT_EQ(vkGetPhysicalDeviceSurfaceCapabilitiesKHR(app.physical, surface, &caps),
                  VK_SUCCESS);
        EXPECT_EQ(caps.currentExtent.height, 80u);
    }
    app.destroy(surface);
}

}  // namespace
}  // namespace vdmabuf::test
