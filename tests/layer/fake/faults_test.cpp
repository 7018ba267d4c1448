// SPDX-License-Identifier: MIT
// Every call that the layer makes to the driver fails, one after the other: the app gets a result
// that Vulkan allows there, nothing is left behind, nothing hangs, and afterwards all works again.
#include <set>

#include "tests/layer/fake/fixture.hpp"

namespace vdmabuf::fake {
namespace {

struct Fault {
    std::string function;
    std::uint32_t nth = 0;
    VkResult result = VK_SUCCESS;
};

std::ostream& operator<<(std::ostream& out, const Fault& fault) {
    return out << fault.function << " number " << fault.nth << " gives " << fault.result;
}

std::vector<VkResult> results_of(const std::string& function) {
    if (function == "QueueSubmit" || function == "WaitForFences") {
        return {VK_ERROR_OUT_OF_DEVICE_MEMORY, VK_ERROR_DEVICE_LOST};
    }
    if (function.starts_with("Import") || function == "GetMemoryHostPointerPropertiesEXT" ||
        function == "GetMemoryFdPropertiesKHR") {
        return {VK_ERROR_INVALID_EXTERNAL_HANDLE};
    }
    if (function == "GetPhysicalDeviceImageFormatProperties2") {
        return {VK_ERROR_FORMAT_NOT_SUPPORTED};
    }
    if (function == "GetMemoryFdKHR" || function == "GetSemaphoreFdKHR") {
        return {VK_ERROR_TOO_MANY_OBJECTS};
    }
    return {VK_ERROR_OUT_OF_DEVICE_MEMORY};
}

bool can_fail(const std::string& function) {
    static const std::set<std::string> functions = {"AllocateCommandBuffers",
                                                    "AllocateMemory",
                                                    "BeginCommandBuffer",
                                                    "BindBufferMemory",
                                                    "BindImageMemory",
                                                    "CreateBuffer",
                                                    "CreateCommandPool",
                                                    "CreateDevice",
                                                    "CreateFence",
                                                    "CreateFramebuffer",
                                                    "CreateImage",
                                                    "CreateImageView",
                                                    "CreateInstance",
                                                    "CreateRenderPass",
                                                    "CreateSemaphore",
                                                    "EndCommandBuffer",
                                                    "EnumerateDeviceExtensionProperties",
                                                    "EnumeratePhysicalDevices",
                                                    "GetMemoryFdKHR",
                                                    "GetMemoryFdPropertiesKHR",
                                                    "GetMemoryHostPointerPropertiesEXT",
                                                    "GetPhysicalDeviceImageFormatProperties2",
                                                    "GetSemaphoreFdKHR",
                                                    "ImportFenceFdKHR",
                                                    "ImportSemaphoreFdKHR",
                                                    "MapMemory",
                                                    "QueueSubmit",
                                                    "ResetFences",
                                                    "WaitForFences"};
    return functions.count(function) != 0;
}

// One for each call of the layer's in this log, with each result.
std::vector<Fault> faults_of(const std::vector<Call>& calls) {
    std::vector<Fault> faults;
    std::map<std::string, std::uint32_t> seen;
    for (const Call& call : calls) {
        if (!call.of_layer || !can_fail(call.name)) continue;
        const std::uint32_t nth = ++seen[call.name];
        for (const VkResult result : results_of(call.name)) {
            faults.push_back({call.name, nth, result});
        }
    }
    return faults;
}

bool creation_may_say(VkResult result) {
    return result == VK_SUCCESS || result == VK_ERROR_OUT_OF_HOST_MEMORY ||
           result == VK_ERROR_OUT_OF_DEVICE_MEMORY || result == VK_ERROR_DEVICE_LOST ||
           result == VK_ERROR_SURFACE_LOST_KHR || result == VK_ERROR_INITIALIZATION_FAILED;
}

bool frame_may_say(VkResult result) {
    return result == VK_SUCCESS || result == VK_SUBOPTIMAL_KHR ||
           result == VK_ERROR_OUT_OF_HOST_MEMORY || result == VK_ERROR_OUT_OF_DEVICE_MEMORY ||
           result == VK_ERROR_DEVICE_LOST || result == VK_ERROR_OUT_OF_DATE_KHR ||
           result == VK_ERROR_SURFACE_LOST_KHR;
}

struct Gpu {
    const char* name;
    DeviceConfig (*config)();
    const char* strategy;  // VDMABUF_STRATEGY
};
void PrintTo(const Gpu& gpu, std::ostream* out) {
    *out << gpu.name;
}

class FaultTest : public FakeHostTest, public ::testing::WithParamInterface<Gpu> {
  protected:
    Config config() const override {
        Config config;
        config.devices = {GetParam().config()};
        return config;
    }
    void set_strategy() {
        if (GetParam().strategy) ::setenv("VDMABUF_STRATEGY", GetParam().strategy, 1);
    }
    // A swapchain with a few frames, and another in its place. What is said on the way has to be
    // what Vulkan allows.
    void live(App& app) {
        const VkSurfaceKHR surface = app.headless_surface();
        VkSwapchainCreateInfoKHR info = swapchain_info(surface, kWidth, kHeight, 3);
        info.presentMode = VK_PRESENT_MODE_MAILBOX_KHR;
        Swap swap(app, info);
        EXPECT_TRUE(creation_may_say(swap.created)) << swap.created;
        EXPECT_EQ(swap.created == VK_SUCCESS, swap.handle != VK_NULL_HANDLE);
        if (swap.created == VK_SUCCESS) draw(swap);
        info.oldSwapchain = swap.handle;
        Swap next(app, info);
        EXPECT_TRUE(creation_may_say(next.created)) << next.created;
        if (next.created == VK_SUCCESS) draw(next);
    }
    void draw(Swap& swap) {
        for (std::uint32_t i = 0; i < 2; ++i) {
            std::uint32_t index = 0;
            FrameObjects frame;
            const VkResult drawn = swap.draw(i, index, frame, 2'000'000'000);
            EXPECT_TRUE(frame_may_say(drawn)) << drawn;
            if (drawn == VK_ERROR_DEVICE_LOST || drawn == VK_ERROR_OUT_OF_DATE_KHR) return;
            // Also when it was the app's own submit that failed: the image stays with it.
            if (drawn != VK_SUCCESS) continue;
            VkResult presented = swap.present(index, frame);
            EXPECT_TRUE(frame_may_say(presented)) << presented;
            // Nothing was done: again, with the same semaphore.
            if (presented == VK_ERROR_OUT_OF_HOST_MEMORY ||
                presented == VK_ERROR_OUT_OF_DEVICE_MEMORY) {
                presented = swap.present(index, frame);
                EXPECT_TRUE(frame_may_say(presented)) << presented;
            }
            if (presented == VK_ERROR_DEVICE_LOST) return;
        }
    }
    bool works() {
        App app;
        if (app.created != VK_SUCCESS) return false;
        Swap swap(app, swapchain_info(app.headless_surface(), 16, 16, 2));
        return swap.created == VK_SUCCESS && swap.show(1) == VK_SUCCESS;
    }
    void expect_nothing_wrong(const Fault& fault) {
        EXPECT_THAT(driver.errors(), ::testing::IsEmpty()) << fault;
        EXPECT_THAT(driver.alive(), ::testing::IsEmpty()) << fault;
    }
};

TEST_P(FaultTest, EveryDriverCallOfASwapchainsLife) {
    set_strategy();
    {
        App app;
        ASSERT_EQ(app.created, VK_SUCCESS);
        driver.forget_calls();
        live(app);
    }
    const auto faults = faults_of(driver.calls());
    EXPECT_GT(faults.size(), 30u);
    for (const Fault& fault : faults) {
        SCOPED_TRACE(::testing::Message() << fault);
        driver.reset(config());  // the layer's self-tests of a driver are made again
        const auto start = Clock::now();
        {
            App app;
            ASSERT_EQ(app.created, VK_SUCCESS);
            driver.set_gpu_time(std::chrono::microseconds(100));
            driver.fail_of_layer(fault.function, fault.nth, fault.result);
            live(app);
        }
        driver.stop_failing();
        EXPECT_LT(seconds_since(start), 4.0);
        expect_nothing_wrong(fault);
        if (HasFailure()) return;
    }
    EXPECT_TRUE(works());
}

TEST_P(FaultTest, EveryDriverCallOfInstanceAndDevice) {
    {
        App app;
        ASSERT_EQ(app.created, VK_SUCCESS);
    }
    for (const Fault& fault : faults_of(driver.calls())) {
        SCOPED_TRACE(::testing::Message() << fault);
        driver.reset(config());
        driver.fail(fault.function, fault.nth, fault.result);
        { App app; }
        driver.stop_failing();
        expect_nothing_wrong(fault);
        EXPECT_TRUE(works());
        if (HasFailure()) return;
    }
}

INSTANTIATE_TEST_SUITE_P(, FaultTest,
                         ::testing::Values(Gpu{"LavapipeHostPointer", lavapipe_old, nullptr},
                                           Gpu{"LavapipeCpuCopy", lavapipe_old, "cpu-copy"},
                                           Gpu{"Intel", intel, nullptr}, Gpu{"Amd", amd, nullptr},
                                           Gpu{"Nvidia", nvidia, nullptr},
                                           Gpu{"Venus", venus, nullptr}),
                         [](const auto& parameter) { return parameter.param.name; });

}  // namespace
}  // namespace vdmabuf::fake
