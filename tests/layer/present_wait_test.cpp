// SPDX-License-Identifier: MIT
// VK_KHR_present_id and VK_KHR_present_wait, and their second versions.
#include <chrono>
#include <thread>

#include "tests/layer/support/fixture.hpp"

namespace vdmabuf::test {
namespace {

using Clock = std::chrono::steady_clock;

double seconds_since(Clock::time_point start) {
    return std::chrono::duration<double>(Clock::now() - start).count();
}

class PresentWaitTest : public LayerTest {
  protected:
    static AppOptions with_extensions() {
        static const VkPhysicalDevicePresentWaitFeaturesKHR wait{
            VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_PRESENT_WAIT_FEATURES_KHR, nullptr, VK_TRUE};
        static const VkPhysicalDevicePresentIdFeaturesKHR id{
            VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_PRESENT_ID_FEATURES_KHR,
            const_cast<VkPhysicalDevicePresentWaitFeaturesKHR*>(&wait), VK_TRUE};
        AppOptions options = watched_from_below();
        options.device_extensions = {"VK_KHR_present_id", "VK_KHR_present_wait"};
        options.device_next = &id;
        return options;
    }
    static VkResult show(Swap& swap, std::uint32_t seed, std::uint64_t id) {
        std::uint32_t index = 0;
        FrameObjects frame;
        const VkResult drawn = swap.draw(seed, index, frame);
        if (drawn != VK_SUCCESS) return drawn;
        const VkPresentIdKHR ids{VK_STRUCTURE_TYPE_PRESENT_ID_KHR, nullptr, 1, &id};
        VkPresentInfoKHR info{VK_STRUCTURE_TYPE_PRESENT_INFO_KHR, &ids};
        info.waitSemaphoreCount = 1;
        info.pWaitSemaphores = &frame.rendered;
        info.swapchainCount = 1;
        info.pSwapchains = &swap.handle;
        info.pImageIndices = &index;
        return vkQueuePresentKHR(swap.app.queue, &info);
    }
};

constexpr std::uint64_t kLong = 10'000'000'000;

TEST_F(PresentWaitTest, WaitsForWhatIsShown) {
    App app(with_extensions());
    ASSERT_EQ(app.created, VK_SUCCESS);
    const auto wait = app.device_function<PFN_vkWaitForPresentKHR>("vkWaitForPresentKHR");
    ASSERT_TRUE(wait);
    Swap swap(app, swapchain_info(app.headless_surface(), kWidth, kHeight));
    ASSERT_EQ(swap.created, VK_SUCCESS);
    for (const bool watched : {false, true}) {
        if (watched) host();
        const std::uint64_t first = watched ? 100 : 1;
        // Not presented: the whole time passes.
        const auto start = Clock::now();
        EXPECT_EQ(wait(app.device, swap.handle, first, 100'000'000), VK_TIMEOUT);
        EXPECT_GE(seconds_since(start), 0.1);
        EXPECT_EQ(wait(app.device, swap.handle, first, 0), VK_TIMEOUT);
        for (std::uint64_t id = first; id < first + 5; ++id) {
            ASSERT_EQ(show(swap, static_cast<std::uint32_t>(id), id), VK_SUCCESS);
            EXPECT_EQ(wait(app.device, swap.handle, id, kLong), VK_SUCCESS);
        }
        EXPECT_EQ(wait(app.device, swap.handle, first + 2, 0), VK_SUCCESS) << "long past";
        EXPECT_EQ(wait(app.device, swap.handle, first + 5, 10'000'000), VK_TIMEOUT) << "to come";
        // Presents without an id do not count.
        ASSERT_EQ(swap.show(7), VK_SUCCESS);
        EXPECT_EQ(wait(app.device, swap.handle, first + 5, 50'000'000), VK_TIMEOUT);
    }
    expect_silence(app);
}

// Trap 27: a wait holds up nobody, and is itself only ended by what it waits for.
TEST_F(PresentWaitTest, FromAnotherThread) {
    App app(with_extensions());
    ASSERT_EQ(app.created, VK_SUCCESS);
    const auto wait = app.device_function<PFN_vkWaitForPresentKHR>("vkWaitForPresentKHR");
    Swap swap(app, swapchain_info(app.headless_surface(), kWidth, kHeight));
    ASSERT_EQ(swap.created, VK_SUCCESS);
    VkResult result = VK_ERROR_UNKNOWN;
    std::thread waiter([&] { result = wait(app.device, swap.handle, 20, kLong); });
    for (std::uint64_t id = 1; id <= 20; ++id) {
        ASSERT_EQ(show(swap, static_cast<std::uint32_t>(id), id), VK_SUCCESS);
    }
    waiter.join();
    EXPECT_EQ(result, VK_SUCCESS);
}

TEST_F(PresentWaitTest, AHostThatIsAwayEndsIt) {
    App app(with_extensions());
    ASSERT_EQ(app.created, VK_SUCCESS);
    const auto wait = app.device_function<PFN_vkWaitForPresentKHR>("vkWaitForPresentKHR");
    Swap swap(app, swapchain_info(app.headless_surface(), kWidth, kHeight));
    ASSERT_EQ(swap.created, VK_SUCCESS);
    ASSERT_EQ(show(swap, 1, 1), VK_SUCCESS);
    EXPECT_EQ(wait(app.device, swap.handle, 1, kLong), VK_SUCCESS);
    broker.kill();
    const auto start = Clock::now();
    for (std::uint64_t id = 2; id < 5; ++id) {
        ASSERT_EQ(show(swap, static_cast<std::uint32_t>(id), id), VK_SUCCESS);
        EXPECT_EQ(wait(app.device, swap.handle, id, UINT64_MAX), VK_SUCCESS);
    }
    EXPECT_LT(seconds_since(start), 8.0);
}

TEST_F(PresentWaitTest, RetiredSwapchainsEndIt) {
    App app(with_extensions());
    ASSERT_EQ(app.created, VK_SUCCESS);
    const auto wait = app.device_function<PFN_vkWaitForPresentKHR>("vkWaitForPresentKHR");
    VkSwapchainCreateInfoKHR info = swapchain_info(app.headless_surface(), kWidth, kHeight);
    Swap swap(app, info);
    ASSERT_EQ(swap.created, VK_SUCCESS);
    ASSERT_EQ(show(swap, 1, 1), VK_SUCCESS);
    VkResult result = VK_SUCCESS;
    std::thread waiter([&] { result = wait(app.device, swap.handle, 2, UINT64_MAX); });
    std::this_thread::sleep_for(std::chrono::milliseconds(100));
    info.oldSwapchain = swap.handle;
    Swap next(app, info);
    ASSERT_EQ(next.created, VK_SUCCESS);
    waiter.join();
    EXPECT_EQ(result, VK_ERROR_OUT_OF_DATE_KHR);
    EXPECT_EQ(wait(app.device, swap.handle, 1, kLong), VK_SUCCESS) << "was on its way";
}

#if defined(VK_KHR_present_id2) && defined(VK_KHR_present_wait2)
TEST_F(PresentWaitTest, SecondVersion) {
    static const VkPhysicalDevicePresentWait2FeaturesKHR wait_feature{
        VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_PRESENT_WAIT_2_FEATURES_KHR, nullptr, VK_TRUE};
    static const VkPhysicalDevicePresentId2FeaturesKHR id_feature{
        VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_PRESENT_ID_2_FEATURES_KHR,
        const_cast<VkPhysicalDevicePresentWait2FeaturesKHR*>(&wait_feature), VK_TRUE};
    AppOptions options = watched_from_below();
    options.device_extensions = {"VK_KHR_present_id2", "VK_KHR_present_wait2"};
    options.device_next = &id_feature;
    App app(options);
    ASSERT_EQ(app.created, VK_SUCCESS);
    const auto wait = app.device_function<PFN_vkWaitForPresent2KHR>("vkWaitForPresent2KHR");
    ASSERT_TRUE(wait);
    VkSwapchainCreateInfoKHR info = swapchain_info(app.headless_surface(), kWidth, kHeight);
    info.flags =
        VK_SWAPCHAIN_CREATE_PRESENT_ID_2_BIT_KHR | VK_SWAPCHAIN_CREATE_PRESENT_WAIT_2_BIT_KHR;
    Swap swap(app, info);
    ASSERT_EQ(swap.created, VK_SUCCESS);
    std::uint32_t index = 0;
    FrameObjects frame;
    ASSERT_EQ(swap.draw(1, index, frame), VK_SUCCESS);
    const std::uint64_t id = 77;
    const VkPresentId2KHR ids{VK_STRUCTURE_TYPE_PRESENT_ID_2_KHR, nullptr, 1, &id};
    VkPresentInfoKHR present{VK_STRUCTURE_TYPE_PRESENT_INFO_KHR, &ids};
    present.waitSemaphoreCount = 1;
    present.pWaitSemaphores = &frame.rendered;
    present.swapchainCount = 1;
    present.pSwapchains = &swap.handle;
    present.pImageIndices = &index;
    ASSERT_EQ(vkQueuePresentKHR(app.queue, &present), VK_SUCCESS);
    VkPresentWait2InfoKHR what{VK_STRUCTURE_TYPE_PRESENT_WAIT_2_INFO_KHR, nullptr, id, kLong};
    EXPECT_EQ(wait(app.device, swap.handle, &what), VK_SUCCESS);
    what.presentId = 78;
    what.timeout = 1'000'000;
    EXPECT_EQ(wait(app.device, swap.handle, &what), VK_TIMEOUT);
    expect_silence(app);
}
#endif

}  // namespace
}  // namespace vdmabuf::test
