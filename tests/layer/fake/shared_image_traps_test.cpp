// SPDX-License-Identifier: MIT
// VK_KHR_shared_presentable_image: what the app keeps while the host has it, too.
#include <algorithm>
#include <atomic>
#include <thread>

#include "tests/layer/fake/fixture.hpp"

namespace vdmabuf::fake {
namespace {

VkSwapchainCreateInfoKHR shared_info(
    VkSurfaceKHR surface, VkPresentModeKHR mode = VK_PRESENT_MODE_SHARED_DEMAND_REFRESH_KHR) {
    VkSwapchainCreateInfoKHR info = swapchain_info(surface, kWidth, kHeight, 1);
    info.presentMode = mode;
    return info;
}

AppOptions with_extension() {
    AppOptions options;
    options.device_extensions = {"VK_KHR_shared_presentable_image"};
    return options;
}

struct Gpu {
    const char* name;
    DeviceConfig (*config)();
    const char* strategy;  // VDMABUF_STRATEGY
};
void PrintTo(const Gpu& gpu, std::ostream* out) {
    *out << gpu.name;
}

class SharedImages : public FakeHostTest, public ::testing::WithParamInterface<Gpu> {
  protected:
    void SetUp() override {
        FakeHostTest::SetUp();
        if (GetParam().strategy) ::setenv("VDMABUF_STRATEGY", GetParam().strategy, 1);
    }
    Config config() const override {
        Config config;
        config.devices = {GetParam().config()};
        return config;
    }
};

// Nobody takes it out of its layout or from its family: the app may be drawing on another queue.
TEST_P(SharedImages, StayInTheirLayoutAndFamily) {
    App app(with_extension());
    ASSERT_EQ(app.created, VK_SUCCESS);
    Swap swap(app, shared_info(app.headless_surface()));
    ASSERT_EQ(swap.created, VK_SUCCESS);
    ASSERT_EQ(swap.images.size(), 1u);
    host();
    FrameObjects frame;
    ASSERT_EQ(swap.acquire_shared(frame), VK_SUCCESS);
    for (std::uint32_t seed = 1; seed <= 3; ++seed) {
        ASSERT_EQ(swap.draw_shared(seed, frame, true), VK_SUCCESS);
        ASSERT_EQ(swap.present(0, frame), VK_SUCCESS);
        expect_picture(seed);
    }
    bool seen = false;
    for (const Call& barrier : calls("CmdPipelineBarrier")) {
        if (!barrier.of_layer || !barrier.has("oldLayout")) continue;
        if (barrier.at("oldLayout") != VK_IMAGE_LAYOUT_SHARED_PRESENT_KHR) continue;
        seen = true;
        EXPECT_EQ(barrier.at("newLayout"),
                  static_cast<std::uint64_t>(VK_IMAGE_LAYOUT_SHARED_PRESENT_KHR));
        EXPECT_EQ(barrier.at("srcFamily"), barrier.at("dstFamily"));
    }
    EXPECT_TRUE(seen);
}

// A GPU that is behind is waited for, so that it does not fall behind without end; nothing is lost
// on the way.
TEST_P(SharedImages, PresentsAreNotPiledUp) {
    App app(with_extension());
    ASSERT_EQ(app.created, VK_SUCCESS);
    Swap swap(app, shared_info(app.headless_surface()));
    ASSERT_EQ(swap.created, VK_SUCCESS);
    host();
    FrameObjects frame;
    ASSERT_EQ(swap.acquire_shared(frame), VK_SUCCESS);
    vkDeviceWaitIdle(app.device);
    driver.hold_gpu(true);
    const auto start = Clock::now();
    for (std::uint32_t seed = 1; seed <= 4; ++seed) {
        ASSERT_EQ(swap.draw_shared(seed, frame, true), VK_SUCCESS);
        ASSERT_EQ(swap.present(0, frame), VK_SUCCESS);
    }
    EXPECT_LT(seconds_since(start), 0.5);
    ASSERT_EQ(swap.draw_shared(5, frame, true), VK_SUCCESS);
    std::atomic<bool> let_go{false};
    std::thread gpu([&] {
        std::this_thread::sleep_for(std::chrono::milliseconds(100));
        let_go.store(true);
        driver.hold_gpu(false);
    });
    EXPECT_EQ(swap.present(0, frame), VK_SUCCESS);
    EXPECT_TRUE(let_go.load());
    gpu.join();
    expect_picture(5);
}

TEST_P(SharedImages, PresentsThatFailTakeNothingAlong) {
    App app(with_extension());
    ASSERT_EQ(app.created, VK_SUCCESS);
    Swap swap(app, shared_info(app.headless_surface()));
    ASSERT_EQ(swap.created, VK_SUCCESS);
    host();
    FrameObjects frame;
    ASSERT_EQ(swap.acquire_shared(frame), VK_SUCCESS);
    ASSERT_EQ(swap.draw_shared(1, frame, true), VK_SUCCESS);
    for (int i = 0; i < 10; ++i) {
        driver.fail_of_layer("QueueSubmit", 1, VK_ERROR_OUT_OF_DEVICE_MEMORY);
        EXPECT_EQ(swap.present(0, frame), VK_ERROR_OUT_OF_DEVICE_MEMORY) << i;
    }
    driver.stop_failing();
    ASSERT_EQ(swap.present(0, frame), VK_SUCCESS);
    expect_picture(1);
}

// What is refreshed by the layer ends with the swapchain, or when it is retired.
TEST_P(SharedImages, RefreshingEnds) {
    App app(with_extension());
    ASSERT_EQ(app.created, VK_SUCCESS);
    const VkSurfaceKHR surface = app.headless_surface();
    const VkSwapchainCreateInfoKHR info =
        shared_info(surface, VK_PRESENT_MODE_SHARED_CONTINUOUS_REFRESH_KHR);
    Swap swap(app, info);
    ASSERT_EQ(swap.created, VK_SUCCESS);
    host();
    FrameObjects frame;
    ASSERT_EQ(swap.acquire_shared(frame), VK_SUCCESS);
    ASSERT_EQ(swap.draw_shared(1, frame, true), VK_SUCCESS);
    ASSERT_EQ(swap.present(0, frame), VK_SUCCESS);
    ASSERT_EQ(swap.draw_shared(2, frame, false), VK_SUCCESS);
    expect_picture(2);
    const auto submits = [&] {
        return std::ranges::count_if(driver.calls(), [](const Call& call) {
            return call.name == "QueueSubmit" && call.of_layer;
        });
    };
    VkSwapchainCreateInfoKHR with_old = info;
    with_old.oldSwapchain = swap.handle;
    Swap next(app, with_old);
    ASSERT_EQ(next.created, VK_SUCCESS);
    std::this_thread::sleep_for(std::chrono::milliseconds(50));
    const auto before = submits();
    std::this_thread::sleep_for(std::chrono::milliseconds(150));
    EXPECT_EQ(submits(), before);
}

INSTANTIATE_TEST_SUITE_P(, SharedImages,
                         ::testing::Values(Gpu{"LavapipeHostPointer", lavapipe_old, nullptr},
                                           Gpu{"LavapipeGpuCopy", lavapipe_old, "gpu-copy"},
                                           Gpu{"LavapipeCpuCopy", lavapipe_old, "cpu-copy"},
                                           Gpu{"Intel", intel, nullptr}, Gpu{"Amd", amd, nullptr}),
                         [](const auto& parameter) { return parameter.param.name; });

// The app brings images into the extension's layout, which these drivers need not know.
using SharedImagesOffered = FakeTest;

TEST_F(SharedImagesOffered, OnlyWhereTheDriverKnowsTheLayout) {
    for (const auto& [config, offered] :
         {std::pair(lavapipe_old(), true), std::pair(intel(), true), std::pair(amd(), true),
          std::pair(nvidia(), false), std::pair(venus(), false)}) {
        Config one;
        one.devices = {config};
        driver.reset(one);
        App app;
        ASSERT_EQ(app.created, VK_SUCCESS);
        EXPECT_EQ(app.has_device_extension("VK_KHR_shared_presentable_image"), offered)
            << config.name;
        VkPresentModeKHR modes[16] = {};
        std::uint32_t count = 16;
        ASSERT_EQ(vkGetPhysicalDeviceSurfacePresentModesKHR(app.physical, app.headless_surface(),
                                                            &count, modes),
                  VK_SUCCESS);
        EXPECT_EQ(std::count(modes, modes + count, VK_PRESENT_MODE_SHARED_DEMAND_REFRESH_KHR),
                  offered ? 1 : 0)
            << config.name;
    }
}

}  // namespace
}  // namespace vdmabuf::fake
