// SPDX-License-Identifier: MIT
#include <algorithm>
#include <chrono>
#include <thread>

#include "tests/layer/support/fixture.hpp"

namespace vdmabuf::test {
namespace {

using SurfaceTest = LayerTest;

TEST_F(SurfaceTest, CapabilitiesAreThoseOfTheWindow) {
    XWindow window(x.display(), kWidth, kHeight);
    App app;
    ASSERT_EQ(app.created, VK_SUCCESS);
    const VkSurfaceKHR surface = app.xcb_surface(window);
    VkSurfaceCapabilitiesKHR caps{};
    ASSERT_EQ(vkGetPhysicalDeviceSurfaceCapabilitiesKHR(app.physical, surface, &caps), VK_SUCCESS);
    EXPECT_EQ(caps.minImageCount, 2u);  // the driver's own surfaces say 3
    EXPECT_EQ(caps.maxImageCount, 16u);
    EXPECT_EQ(caps.currentExtent.width, kWidth);
    EXPECT_EQ(caps.currentExtent.height, kHeight);
    EXPECT_EQ(caps.maxImageArrayLayers, 1u);
    EXPECT_TRUE(caps.supportedUsageFlags & VK_IMAGE_USAGE_COLOR_ATTACHMENT_BIT);
    EXPECT_TRUE(caps.supportedUsageFlags & VK_IMAGE_USAGE_TRANSFER_DST_BIT);
    EXPECT_TRUE(caps.supportedCompositeAlpha & VK_COMPOSITE_ALPHA_OPAQUE_BIT_KHR);
    EXPECT_TRUE(caps.supportedCompositeAlpha & VK_COMPOSITE_ALPHA_INHERIT_BIT_KHR);

    const auto caps2 = app.instance_function<PFN_vkGetPhysicalDeviceSurfaceCapabilities2KHR>(
        "vkGetPhysicalDeviceSurfaceCapabilities2KHR");
    VkPhysicalDeviceSurfaceInfo2KHR info{VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_SURFACE_INFO_2_KHR};
    info.surface = surface;
    VkSurfaceCapabilities2KHR two{VK_STRUCTURE_TYPE_SURFACE_CAPABILITIES_2_KHR};
    ASSERT_EQ(caps2(app.physical, &info, &two), VK_SUCCESS);
    EXPECT_EQ(two.surfaceCapabilities.currentExtent.width, kWidth);

    VkBool32 supported = VK_FALSE;
    EXPECT_EQ(vkGetPhysicalDeviceSurfaceSupportKHR(app.physical, 0, surface, &supported),
              VK_SUCCESS);
    EXPECT_TRUE(supported);
    const auto xcb_support =
        app.instance_function<PFN_vkGetPhysicalDeviceXcbPresentationSupportKHR>(
            "vkGetPhysicalDeviceXcbPresentationSupportKHR");
    EXPECT_TRUE(xcb_support(app.physical, 0, window.connection(), window.visual()));
}

// A program that connects anew gets the numbers of its old windows again: their end is not the new
// one's.
TEST_F(SurfaceTest, AWindowWithTheNumberOfAnother) {
    App app;
    ASSERT_EQ(app.created, VK_SUCCESS);
    xcb_window_t last = 0;
    int same = 0;
    for (int i = 0; i < 200; ++i) {
        VkSurfaceKHR surface = VK_NULL_HANDLE;
        {
            XWindow window(x.display(), kWidth, kHeight);
            if (window.id() == last) ++same;
            last = window.id();
            surface = app.xcb_surface(window);
            VkSurfaceCapabilitiesKHR caps{};
            ASSERT_EQ(vkGetPhysicalDeviceSurfaceCapabilitiesKHR(app.physical, surface, &caps),
                      VK_SUCCESS)
                << i;
        }
        XWindow next(x.display(), kWidth, kHeight);
        if (next.id() == last) ++same;
        last = next.id();
        const VkSurfaceKHR again = app.xcb_surface(next);
        std::this_thread::sleep_for(std::chrono::microseconds(i * 10));
        VkSurfaceCapabilitiesKHR caps{};
        ASSERT_EQ(vkGetPhysicalDeviceSurfaceCapabilitiesKHR(app.physical, again, &caps), VK_SUCCESS)
            << i;
        app.destroy(again);
        app.destroy(surface);
    }
    EXPECT_GT(same, 0);
}

TEST_F(SurfaceTest, FormatsAndModesInTheOrderThatAppsTakeThem) {
    XWindow window(x.display(), kWidth, kHeight);
    App app;
    ASSERT_EQ(app.created, VK_SUCCESS);
    const VkSurfaceKHR surface = app.xcb_surface(window);
    std::uint32_t count = 0;
    vkGetPhysicalDeviceSurfaceFormatsKHR(app.physical, surface, &count, nullptr);
    std::vector<VkSurfaceFormatKHR> formats(count);
    ASSERT_EQ(vkGetPhysicalDeviceSurfaceFormatsKHR(app.physical, surface, &count, formats.data()),
              VK_SUCCESS);
    ASSERT_GE(formats.size(), 4u);
    EXPECT_EQ(formats[0].format, VK_FORMAT_B8G8R8A8_UNORM);
    EXPECT_EQ(formats[1].format, VK_FORMAT_B8G8R8A8_SRGB);
    EXPECT_EQ(formats[3].format, VK_FORMAT_R8G8B8A8_SRGB);
    // Zink takes ten bits where Wayland programs ask for alpha and the most bits.
    for (const VkFormat wanted :
         {VK_FORMAT_A2B10G10R10_UNORM_PACK32, VK_FORMAT_A2R10G10B10_UNORM_PACK32}) {
        const auto found = std::find_if(formats.begin(), formats.end(), [&](const auto& offered) {
            return offered.format == wanted;
        });
        EXPECT_NE(found, formats.end()) << wanted;
    }
    count = 1;
    EXPECT_EQ(vkGetPhysicalDeviceSurfaceFormatsKHR(app.physical, surface, &count, formats.data()),
              VK_INCOMPLETE);
    EXPECT_EQ(count, 1u);

    VkPresentModeKHR modes[16] = {};
    count = 16;
    ASSERT_EQ(vkGetPhysicalDeviceSurfacePresentModesKHR(app.physical, surface, &count, modes),
              VK_SUCCESS);
    EXPECT_EQ(modes[0], VK_PRESENT_MODE_FIFO_KHR);
    for (const auto mode : {VK_PRESENT_MODE_FIFO_KHR, VK_PRESENT_MODE_MAILBOX_KHR,
                            VK_PRESENT_MODE_IMMEDIATE_KHR, VK_PRESENT_MODE_FIFO_RELAXED_KHR}) {
        EXPECT_NE(std::find(modes, modes + count, mode), modes + count) << mode;
    }
}

TEST_F(SurfaceTest, TenBitsAComponent) {
    App app;
    ASSERT_EQ(app.created, VK_SUCCESS);
    const VkSurfaceKHR surface = app.headless_surface();
    host();
    std::uint32_t seed = 30;
    for (const auto& [format, fourcc] :
         {std::pair{VK_FORMAT_A2B10G10R10_UNORM_PACK32, 0x30334241u},     // AB30
          std::pair{VK_FORMAT_A2R10G10B10_UNORM_PACK32, 0x30335241u}}) {  // AR30
        VkSwapchainCreateInfoKHR info = swapchain_info(surface, kWidth, kHeight);
        info.imageFormat = format;
        Swap swap(app, info);
        ASSERT_EQ(swap.created, VK_SUCCESS);
        ASSERT_EQ(swap.show(++seed), VK_SUCCESS);
        const auto frame = expect_picture(seed);
        if (frame) {
            EXPECT_EQ(frame->image.fourcc, fourcc);
        }
    }
}

TEST_F(SurfaceTest, HeadlessIsOfferedWhateverTheDriver) {
    App app;
    ASSERT_EQ(app.created, VK_SUCCESS);
    const VkSurfaceKHR surface = app.headless_surface();
    ASSERT_NE(surface, VK_NULL_HANDLE);
    VkSurfaceCapabilitiesKHR caps{};
    ASSERT_EQ(vkGetPhysicalDeviceSurfaceCapabilitiesKHR(app.physical, surface, &caps), VK_SUCCESS);
    EXPECT_EQ(caps.currentExtent.width, UINT32_MAX);
    EXPECT_EQ(caps.minImageExtent.width, 1u);
    EXPECT_GE(caps.maxImageExtent.width, 4096u);
    Swap swap(app, swapchain_info(surface, kWidth, kHeight));
    ASSERT_EQ(swap.created, VK_SUCCESS);
    host();
    ASSERT_EQ(swap.show(9), VK_SUCCESS);
    expect_picture(9);
}

TEST_F(SurfaceTest, DeviceGroupQueries) {
    XWindow window(x.display(), kWidth, kHeight);
    App app;
    ASSERT_EQ(app.created, VK_SUCCESS);
    const VkSurfaceKHR surface = app.xcb_surface(window);
    VkDeviceGroupPresentModeFlagsKHR modes = 0;
    const auto surface_modes = app.device_function<PFN_vkGetDeviceGroupSurfacePresentModesKHR>(
        "vkGetDeviceGroupSurfacePresentModesKHR");
    ASSERT_TRUE(surface_modes);
    EXPECT_EQ(surface_modes(app.device, surface, &modes), VK_SUCCESS);
    EXPECT_EQ(modes, VkFlags{VK_DEVICE_GROUP_PRESENT_MODE_LOCAL_BIT_KHR});
    const auto rectangles = app.instance_function<PFN_vkGetPhysicalDevicePresentRectanglesKHR>(
        "vkGetPhysicalDevicePresentRectanglesKHR");
    ASSERT_TRUE(rectangles);
    VkRect2D rect{};
    std::uint32_t count = 1;
    EXPECT_EQ(rectangles(app.physical, surface, &count, &rect), VK_SUCCESS);
    EXPECT_EQ(rect.extent.width, kWidth);
}

TEST_F(SurfaceTest, TitleOfTheWindowReachesTheHostAndFollowsIt) {
    XWindow window(x.display(), kWidth, kHeight);
    window.set_title("first title");
    App app;
    ASSERT_EQ(app.created, VK_SUCCESS);
    Swap swap(app, swapchain_info(app.xcb_surface(window), kWidth, kHeight));
    ASSERT_EQ(swap.created, VK_SUCCESS);
    EXPECT_TRUE(host().wait_title("first title"));
    window.set_title("second title");
    EXPECT_TRUE(host().wait_title("second title"));
}

TEST_F(SurfaceTest, StreamEndsWithTheSurface) {
    XWindow window(x.display(), kWidth, kHeight);
    App app;
    ASSERT_EQ(app.created, VK_SUCCESS);
    const VkSurfaceKHR surface = app.xcb_surface(window);
    {
        Swap swap(app, swapchain_info(surface, kWidth, kHeight));
        ASSERT_EQ(swap.created, VK_SUCCESS);
        EXPECT_TRUE(host().wait_streams(1));
    }
    app.destroy(surface);
    EXPECT_TRUE(host().wait_streams(0));
}

// Surface functions of the driver must not be reached with what it cannot serve, and extensions
// that the layer does not serve must not be enabled.
TEST_F(SurfaceTest, ExtensionsThatTheLayerDoesNotServeAreHidden) {
    App app;
    ASSERT_EQ(app.created, VK_SUCCESS);
    EXPECT_TRUE(app.has_device_extension("VK_KHR_swapchain"));
    EXPECT_FALSE(app.has_device_extension("VK_KHR_display_swapchain"));
    EXPECT_FALSE(app.has_device_extension("VK_GOOGLE_display_timing"));
}

// Trap 11: programs that link the loader call what they have not enabled.
TEST_F(SurfaceTest, DeviceWithoutTheSwapchainExtensionIsLeftAlone) {
    AppOptions options;
    options.swapchain = false;
    App app(options);
    ASSERT_EQ(app.created, VK_SUCCESS);
    EXPECT_EQ(app.device_function<PFN_vkVoidFunction>("vkCreateSwapchainKHR"), nullptr);
    EXPECT_EQ(vkDeviceWaitIdle(app.device), VK_SUCCESS);
}

// libplacebo names objects by a function of the instance, on devices whose driver knows no names.
TEST_F(SurfaceTest, NamesOfObjectsWithoutADriverThatKeepsThem) {
    AppOptions options;
    options.instance_extensions = {"VK_EXT_debug_utils"};
    App app(options);
    ASSERT_EQ(app.created, VK_SUCCESS);
    const auto set_name =
        app.instance_function<PFN_vkSetDebugUtilsObjectNameEXT>("vkSetDebugUtilsObjectNameEXT");
    ASSERT_TRUE(set_name);
    VkDebugUtilsObjectNameInfoEXT info{VK_STRUCTURE_TYPE_DEBUG_UTILS_OBJECT_NAME_INFO_EXT};
    info.objectType = VK_OBJECT_TYPE_QUEUE;
    info.objectHandle = reinterpret_cast<std::uintptr_t>(app.queue);
    info.pObjectName = "the queue";
    EXPECT_EQ(set_name(app.device, &info), VK_SUCCESS);
}

// Somebody closes the window on the host: the program is asked as a window manager would ask.
TEST_F(SurfaceTest, CloseOnTheHostReachesTheProgram) {
    XWindow window(x.display(), kWidth, kHeight);
    window.take_delete();
    // Wine presents to a child of the window that the user knows.
    const xcb_window_t child = window.make_child(kWidth, kHeight);
    App app;
    ASSERT_EQ(app.created, VK_SUCCESS);
    const VkSurfaceKHR surface = app.xcb_surface(window.connection(), child);
    Swap swap(app, swapchain_info(surface, kWidth, kHeight));
    ASSERT_EQ(swap.created, VK_SUCCESS);
    EXPECT_TRUE(host().wait_streams(1));
    EXPECT_FALSE(window.asked_to_close());
    host().close_streams();
    bool asked = false;
    for (int i = 0; i < 500 && !asked; ++i) {
        asked = window.asked_to_close();
        std::this_thread::sleep_for(std::chrono::milliseconds(10));
    }
    EXPECT_TRUE(asked);
    // It is the program's to decide: nothing else happens.
    EXPECT_EQ(swap.show(5), VK_SUCCESS);
    expect_picture(5);
}

// Somebody drags the border of the window on the host: the program's window takes the size, and
// its swapchain is told to be made anew.
TEST_F(SurfaceTest, SizeOnTheHostReachesTheProgram) {
    XWindow window(x.display(), kWidth, kHeight);
    App app;
    ASSERT_EQ(app.created, VK_SUCCESS);
    const VkSurfaceKHR surface = app.xcb_surface(window.connection(), window.id());
    Swap swap(app, swapchain_info(surface, kWidth, kHeight));
    ASSERT_EQ(swap.created, VK_SUCCESS);
    EXPECT_TRUE(host().wait_streams(1));
    const auto resize = [&](std::uint32_t width, std::uint32_t height) {
        host().resize_streams(width, height);
        VkSurfaceCapabilitiesKHR caps{};
        for (int i = 0; i < 500 && caps.currentExtent.width != width; ++i) {
            EXPECT_EQ(vkGetPhysicalDeviceSurfaceCapabilitiesKHR(app.physical, surface, &caps),
                      VK_SUCCESS);
            std::this_thread::sleep_for(std::chrono::milliseconds(10));
        }
        return caps.currentExtent;
    };
    VkExtent2D extent = resize(kWidth + 33, kHeight + 7);
    EXPECT_EQ(extent.width, kWidth + 33);
    EXPECT_EQ(extent.height, kHeight + 7);
    VkResult result = VK_SUCCESS;
    for (std::uint32_t i = 0; i < 500 && result == VK_SUCCESS; ++i) result = swap.show(i);
    EXPECT_EQ(result, VK_SUBOPTIMAL_KHR);
    // What the program says of its size holds.
    window.set_size_limits(kWidth, kHeight, kWidth + 50, kHeight + 50);
    extent = resize(kWidth + 50, kHeight - 10);
    EXPECT_EQ(extent.width, kWidth + 50);
    EXPECT_EQ(extent.height, kHeight);
}

// Wine again: surfaces of children that are not mapped, in parents of one pixel.
TEST_F(SurfaceTest, ChildOfATinyWindowThatIsNotMapped) {
    XWindow window(x.display(), 1, 1);
    const xcb_window_t child = window.make_child(kWidth, kHeight);
    App app;
    ASSERT_EQ(app.created, VK_SUCCESS);
    const VkSurfaceKHR surface = app.xcb_surface(window.connection(), child);
    VkSurfaceCapabilitiesKHR caps{};
    ASSERT_EQ(vkGetPhysicalDeviceSurfaceCapabilitiesKHR(app.physical, surface, &caps), VK_SUCCESS);
    EXPECT_EQ(caps.currentExtent.width, kWidth);
    Swap swap(app, swapchain_info(surface, kWidth, kHeight));
    ASSERT_EQ(swap.created, VK_SUCCESS);
    host();
    ASSERT_EQ(swap.show(6), VK_SUCCESS);
    expect_picture(6);
    // It goes with its parent.
    window.destroy();
    VkResult result = VK_SUCCESS;
    for (std::uint32_t i = 0; i < 500 && result == VK_SUCCESS; ++i) result = swap.show(i);
    EXPECT_EQ(result, VK_ERROR_SURFACE_LOST_KHR);
}

}  // namespace
}  // namespace vdmabuf::test
