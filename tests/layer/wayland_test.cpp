// SPDX-License-Identifier: MIT
// Wayland surfaces under a real compositor.
#include <poll.h>
#include <signal.h>

#include <chrono>
#include <thread>

#include "tests/layer/support/fixture.hpp"
#include "tests/layer/support/wayland_server.hpp"

// Needs what the others bring.
#include <vulkan/vulkan_wayland.h>

namespace vdmabuf::test {
namespace {

using Clock = std::chrono::steady_clock;

class WaylandTest : public LayerTest {
  protected:
    void SetUp() override {
        ASSERT_TRUE(server.running()) << "weston does not start";
        LayerTest::SetUp();
    }
    static VkSurfaceKHR make_surface(const App& app, const WaylandWindow& window) {
        VkWaylandSurfaceCreateInfoKHR info{VK_STRUCTURE_TYPE_WAYLAND_SURFACE_CREATE_INFO_KHR};
        info.display = window.display();
        info.surface = window.surface();
        VkSurfaceKHR surface = VK_NULL_HANDLE;
        const auto create =
            app.instance_function<PFN_vkCreateWaylandSurfaceKHR>("vkCreateWaylandSurfaceKHR");
        EXPECT_TRUE(create);
        if (create) {
            EXPECT_EQ(create(app.instance, &info, nullptr, &surface), VK_SUCCESS);
        }
        return surface;
    }
    // Presents until `condition` holds, with a frame callback asked for with each frame. The app
    // does not read its socket: presenting does it.
    template <typename Condition>
    static bool show_until(WaylandWindow& window, Swap& swap, Condition condition) {
        const auto deadline = Clock::now() + std::chrono::seconds(10);
        for (std::uint32_t i = 0; !condition() && Clock::now() < deadline; ++i) {
            window.ask_frame();
            if (swap.show(i) != VK_SUCCESS) return false;
            window.dispatch();
            std::this_thread::sleep_for(std::chrono::milliseconds(4));
        }
        return condition();
    }

    WaylandServer server;
};

TEST_F(WaylandTest, WindowIsMappedAndFrameCallbacksComeBack) {
    WaylandWindow window(server.socket());
    ASSERT_TRUE(window.configured());
    App app;
    ASSERT_EQ(app.created, VK_SUCCESS);
    const VkSurfaceKHR surface = make_surface(app, window);
    {
        Swap swap(app, swapchain_info(surface, kWidth, kHeight));
        ASSERT_EQ(swap.created, VK_SUCCESS);
        host();
        EXPECT_FALSE(window.on_an_output());
        EXPECT_TRUE(show_until(window, swap, [&] { return window.frames_called() >= 30; }))
            << window.frames_called() << " frame callbacks";
        EXPECT_TRUE(window.on_an_output());
        ASSERT_EQ(swap.show(77), VK_SUCCESS);
        const auto frame = expect_picture(77);
        if (frame) {
            EXPECT_EQ(frame->message.cpu_copied_bytes, 0u);
        }
    }
    EXPECT_EQ(window.error(), 0);
    vkDestroySurfaceKHR(app.instance, surface, nullptr);
}

TEST_F(WaylandTest, SizeIsTheSwapchains) {
    WaylandWindow window(server.socket());
    ASSERT_TRUE(window.configured());
    App app(watched_from_below());
    ASSERT_EQ(app.created, VK_SUCCESS);
    const auto support =
        app.instance_function<PFN_vkGetPhysicalDeviceWaylandPresentationSupportKHR>(
            "vkGetPhysicalDeviceWaylandPresentationSupportKHR");
    ASSERT_TRUE(support);
    EXPECT_TRUE(support(app.physical, 0, window.display()));
    const VkSurfaceKHR surface = make_surface(app, window);
    VkSurfaceCapabilitiesKHR caps{};
    ASSERT_EQ(vkGetPhysicalDeviceSurfaceCapabilitiesKHR(app.physical, surface, &caps), VK_SUCCESS);
    EXPECT_EQ(caps.minImageCount, 2u);  // the driver's own surfaces say 3 or 4
    EXPECT_EQ(caps.currentExtent.width, UINT32_MAX);
    EXPECT_EQ(caps.currentExtent.height, UINT32_MAX);
    EXPECT_EQ(caps.minImageExtent.width, 1u);
    EXPECT_GE(caps.maxImageExtent.width, 8192u);
    VkBool32 supported = VK_FALSE;
    EXPECT_EQ(vkGetPhysicalDeviceSurfaceSupportKHR(app.physical, 0, surface, &supported),
              VK_SUCCESS);
    EXPECT_TRUE(supported);

    // A resize as apps do it: a new swapchain that replaces the old one.
    host();
    Swap first(app, swapchain_info(surface, kWidth, kHeight));
    ASSERT_EQ(first.created, VK_SUCCESS);
    EXPECT_TRUE(show_until(window, first, [&] { return window.frames_called() >= 5; }));
    VkSwapchainCreateInfoKHR info = swapchain_info(surface, 70, 130);
    info.oldSwapchain = first.handle;
    Swap second(app, info);
    ASSERT_EQ(second.created, VK_SUCCESS);
    first.destroy();
    const std::uint32_t before = window.frames_called();
    EXPECT_TRUE(show_until(window, second, [&] { return window.frames_called() >= before + 5; }));
    ASSERT_EQ(second.show(88), VK_SUCCESS);
    const auto frame = expect_picture(88);
    if (frame) {
        EXPECT_EQ(frame->image.width, 70u);
        EXPECT_EQ(frame->image.height, 130u);
    }
    second.destroy();
    vkDestroySurfaceKHR(app.instance, surface, nullptr);
    // The window outlives its surface, and may get another one.
    const VkSurfaceKHR again = make_surface(app, window);
    {
        Swap swap(app, swapchain_info(again, kWidth, kHeight));
        ASSERT_EQ(swap.created, VK_SUCCESS);
        ASSERT_EQ(swap.show(99), VK_SUCCESS);
        expect_picture(99);
    }
    vkDestroySurfaceKHR(app.instance, again, nullptr);
    window.roundtrip();
    EXPECT_EQ(window.error(), 0);
    expect_silence(app);
}

TEST_F(WaylandTest, TwoWindowsOnOneConnection) {
    WaylandWindow one(server.socket());
    WaylandWindow two(server.socket());
    App app;
    ASSERT_EQ(app.created, VK_SUCCESS);
    const VkSurfaceKHR surfaces[] = {make_surface(app, one), make_surface(app, two)};
    {
        Swap first(app, swapchain_info(surfaces[0], kWidth, kHeight));
        Swap second(app, swapchain_info(surfaces[1], 50, 40));
        ASSERT_EQ(first.created, VK_SUCCESS);
        ASSERT_EQ(second.created, VK_SUCCESS);
        EXPECT_TRUE(host().wait_streams(2));
        ASSERT_EQ(first.show(11), VK_SUCCESS);
        ASSERT_EQ(second.show(12), VK_SUCCESS);
        expect_picture(11);
        expect_picture(12);
    }
    for (const VkSurfaceKHR surface : surfaces) {
        vkDestroySurfaceKHR(app.instance, surface, nullptr);
    }
}

// es2gears draws when its socket wakes it, and asks for nothing that would: the driver's events do.
TEST_F(WaylandTest, SocketWakesAfterAPresent) {
    WaylandWindow window(server.socket());
    ASSERT_TRUE(window.configured());
    App app;
    ASSERT_EQ(app.created, VK_SUCCESS);
    const VkSurfaceKHR surface = make_surface(app, window);
    {
        Swap swap(app, swapchain_info(surface, kWidth, kHeight));
        ASSERT_EQ(swap.created, VK_SUCCESS);
        for (std::uint32_t i = 0; i < 10; ++i) {
            ASSERT_EQ(swap.show(i), VK_SUCCESS);
            pollfd socket{wl_display_get_fd(window.display()), POLLIN, 0};
            ASSERT_EQ(::poll(&socket, 1, 5000), 1) << "frame " << i;
            wl_display_dispatch(window.display());
        }
    }
    vkDestroySurfaceKHR(app.instance, surface, nullptr);
}

// A surface has one viewport at most, and a second one ends the connection: it is the app's.
TEST_F(WaylandTest, ViewportIsLeftToTheApp) {
    WaylandWindow window(server.socket());
    ASSERT_TRUE(window.configured());
    App app;
    ASSERT_EQ(app.created, VK_SUCCESS);
    const VkSurfaceKHR surface = make_surface(app, window);
    {
        Swap swap(app, swapchain_info(surface, kWidth, kHeight));
        ASSERT_EQ(swap.created, VK_SUCCESS);
        ASSERT_EQ(swap.show(1), VK_SUCCESS);
        window.make_viewport();
        EXPECT_TRUE(show_until(window, swap, [&] { return window.frames_called() >= 5; }));
        window.roundtrip();
        EXPECT_EQ(window.error(), 0);
    }
    vkDestroySurfaceKHR(app.instance, surface, nullptr);
}

// A compositor that stands still costs frame callbacks, and nothing else.
TEST_F(WaylandTest, CompositorThatStandsStillHangsNobody) {
    WaylandWindow window(server.socket());
    ASSERT_TRUE(window.configured());
    App app;
    ASSERT_EQ(app.created, VK_SUCCESS);
    const VkSurfaceKHR surface = make_surface(app, window);
    {
        VkSwapchainCreateInfoKHR info = swapchain_info(surface, 8, 8);
        info.presentMode = VK_PRESENT_MODE_MAILBOX_KHR;
        Swap swap(app, info);
        ASSERT_EQ(swap.created, VK_SUCCESS);
        EXPECT_TRUE(show_until(window, swap, [&] { return window.frames_called() >= 2; }));
        server.kill(SIGSTOP);
        // More than the socket and libwayland's buffer of 4 KiB hold.
        const auto start = Clock::now();
        for (std::uint32_t i = 0; i < 1500; ++i) ASSERT_EQ(swap.show(i), VK_SUCCESS) << i;
        EXPECT_LT(std::chrono::duration<double>(Clock::now() - start).count(), 60.0);
        EXPECT_EQ(window.error(), 0);
        server.kill(SIGCONT);
        const std::uint32_t before = window.frames_called();
        EXPECT_TRUE(show_until(window, swap, [&] { return window.frames_called() >= before + 5; }));
    }
    vkDestroySurfaceKHR(app.instance, surface, nullptr);
}

TEST_F(WaylandTest, CompositorThatDiesLosesTheSurface) {
    WaylandWindow window(server.socket());
    ASSERT_TRUE(window.configured());
    App app;
    ASSERT_EQ(app.created, VK_SUCCESS);
    const VkSurfaceKHR surface = make_surface(app, window);
    {
        Swap swap(app, swapchain_info(surface, kWidth, kHeight));
        ASSERT_EQ(swap.created, VK_SUCCESS);
        ASSERT_EQ(swap.show(1), VK_SUCCESS);
        server.kill(SIGKILL);
        VkResult result = VK_SUCCESS;
        for (std::uint32_t i = 0; i < 300 && result == VK_SUCCESS; ++i) result = swap.show(i);
        EXPECT_EQ(result, VK_ERROR_SURFACE_LOST_KHR);
        VkSurfaceCapabilitiesKHR caps{};
        EXPECT_EQ(vkGetPhysicalDeviceSurfaceCapabilitiesKHR(app.physical, surface, &caps),
                  VK_ERROR_SURFACE_LOST_KHR);
    }
    vkDestroySurfaceKHR(app.instance, surface, nullptr);
}

// Without a host the driver's own surface serves.
TEST_F(WaylandTest, StepsAsideWithoutAHost) {
    ::setenv("VDMABUF_ENDPOINT", "unix:/nonexistent/producer.sock", 1);
    WaylandWindow window(server.socket());
    ASSERT_TRUE(window.configured());
    App app;
    ASSERT_EQ(app.created, VK_SUCCESS);
    const VkSurfaceKHR surface = make_surface(app, window);
    VkSurfaceCapabilitiesKHR caps{};
    ASSERT_EQ(vkGetPhysicalDeviceSurfaceCapabilitiesKHR(app.physical, surface, &caps), VK_SUCCESS);
    EXPECT_NE(caps.maxImageCount, 16u);
    {
        Swap swap(app, swapchain_info(surface, kWidth, kHeight, 4));
        ASSERT_EQ(swap.created, VK_SUCCESS);
        EXPECT_TRUE(show_until(window, swap, [&] { return window.frames_called() >= 5; }));
        EXPECT_TRUE(window.on_an_output());
    }
    vkDestroySurfaceKHR(app.instance, surface, nullptr);
}

}  // namespace
}  // namespace vdmabuf::test
