// SPDX-License-Identifier: MIT
// With no host, or switched off, an app works as it does without the layer.
#include <sys/socket.h>

#include "runtime/common/seqpacket.hpp"
#include "tests/layer/support/fixture.hpp"

namespace vdmabuf::test {
namespace {

class StepAsideTest : public LayerTest {
  protected:
    // The driver's own surface copies the picture into the window.
    void expect_native() {
        XWindow window(x.display(), kWidth, kHeight);
        App app;
        ASSERT_EQ(app.created, VK_SUCCESS);
        const VkSurfaceKHR surface = app.xcb_surface(window);
        ASSERT_NE(surface, VK_NULL_HANDLE);
        Swap swap(app, swapchain_info(surface, kWidth, kHeight));
        ASSERT_EQ(swap.created, VK_SUCCESS);
        bool there = false;
        for (std::uint32_t i = 0; i < 100 && !there; ++i) {
            ASSERT_GE(swap.show(7), VK_SUCCESS);
            there = wrong_pixels(window.pixels(kWidth, kHeight), kWidth, kHeight, 7) == 0;
        }
        EXPECT_TRUE(there);
    }
};

// The control: with the layer at work the window itself stays empty.
TEST_F(StepAsideTest, WithAHostTheWindowIsNotDrawn) {
    XWindow window(x.display(), kWidth, kHeight);
    App app;
    ASSERT_EQ(app.created, VK_SUCCESS);
    Swap swap(app, swapchain_info(app.xcb_surface(window), kWidth, kHeight));
    ASSERT_EQ(swap.created, VK_SUCCESS);
    host();
    for (std::uint32_t i = 0; i < 10; ++i) ASSERT_EQ(swap.show(7), VK_SUCCESS);
    expect_picture(7);
    EXPECT_NE(wrong_pixels(window.pixels(kWidth, kHeight), kWidth, kHeight, 7), 0u);
}

TEST_F(StepAsideTest, NoEndpoint) {
    ::setenv("VDMABUF_ENDPOINT", "unix:/nonexistent/producer.sock", 1);
    expect_native();
}

TEST_F(StepAsideTest, BrokerThatHasDied) {
    broker.kill();  // its socket file stays
    expect_native();
}

TEST_F(StepAsideTest, Disabled) {
    ::setenv("DISABLE_VDMABUF", "1", 1);
    expect_native();
}

TEST_F(StepAsideTest, NotEnabled) {
    ::unsetenv("ENABLE_VDMABUF");
    expect_native();
}

TEST_F(StepAsideTest, HeadlessWithoutAHostShowsNothingAndWorks) {
    ::setenv("VDMABUF_ENDPOINT", "unix:/nonexistent/producer.sock", 1);
    App app;
    ASSERT_EQ(app.created, VK_SUCCESS);
    const VkSurfaceKHR surface = app.headless_surface();
    ASSERT_NE(surface, VK_NULL_HANDLE);
    for (const auto mode : {VK_PRESENT_MODE_FIFO_KHR, VK_PRESENT_MODE_MAILBOX_KHR}) {
        VkSwapchainCreateInfoKHR info = swapchain_info(surface, kWidth, kHeight);
        info.presentMode = mode;
        Swap swap(app, info);
        ASSERT_EQ(swap.created, VK_SUCCESS);
        for (std::uint32_t i = 0; i < 20; ++i) ASSERT_EQ(swap.show(i), VK_SUCCESS);
    }
}

// One window of ours and one of the driver's in the same call (trap 4): the first surface is made
// while there is nobody on the socket, the second when there is.
TEST_F(StepAsideTest, OursAndTheDriversInOnePresent) {
    broker.kill();
    XWindow foreign_window(x.display(), kWidth, kHeight);
    XWindow our_window(x.display(), kWidth, kHeight);
    App app(watched_from_below());
    ASSERT_EQ(app.created, VK_SUCCESS);
    const VkSurfaceKHR foreign_surface = app.xcb_surface(foreign_window);
    broker.start();
    const VkSurfaceKHR our_surface = app.xcb_surface(our_window);
    Swap foreign(app, swapchain_info(foreign_surface, kWidth, kHeight));
    Swap ours(app, swapchain_info(our_surface, kWidth, kHeight));
    ASSERT_EQ(foreign.created, VK_SUCCESS);
    ASSERT_EQ(ours.created, VK_SUCCESS);
    host();
    for (std::uint32_t round = 0; round < 6; ++round) {
        std::uint32_t indices[2] = {};
        FrameObjects frames[2];
        ASSERT_GE(foreign.draw(51 + round, indices[0], frames[0]), VK_SUCCESS);
        ASSERT_EQ(ours.draw(61 + round, indices[1], frames[1]), VK_SUCCESS);
        const VkSemaphore waits[] = {frames[0].rendered, frames[1].rendered};
        const VkSwapchainKHR swapchains[] = {foreign.handle, ours.handle};
        VkResult results[] = {VK_ERROR_UNKNOWN, VK_ERROR_UNKNOWN};
        VkPresentInfoKHR info{VK_STRUCTURE_TYPE_PRESENT_INFO_KHR};
        info.waitSemaphoreCount = 2;
        info.pWaitSemaphores = waits;
        info.swapchainCount = 2;
        info.pSwapchains = swapchains;
        info.pImageIndices = indices;
        info.pResults = results;
        ASSERT_GE(vkQueuePresentKHR(app.queue, &info), VK_SUCCESS);
        EXPECT_GE(results[0], VK_SUCCESS);
        EXPECT_EQ(results[1], VK_SUCCESS);
        expect_picture(61 + round);
    }
    vkDeviceWaitIdle(app.device);
    EXPECT_EQ(wrong_pixels(foreign_window.pixels(kWidth, kHeight), kWidth, kHeight, 56), 0u);
    expect_silence(app);
}

}  // namespace
}  // namespace vdmabuf::test
