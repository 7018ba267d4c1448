// SPDX-License-Identifier: MIT
// Which way pictures take with which family of drivers, what the layer asks of the driver for it,
// and what it does when that way turns out not to be one.
#include <unistd.h>

#include "tests/layer/fake/fixture.hpp"

namespace vdmabuf::fake {
namespace {

using ::testing::AnyOf;
using ::testing::Eq;
using enum stream::Strategy;

constexpr std::uint64_t kHostPointerBit = VK_EXTERNAL_MEMORY_HANDLE_TYPE_HOST_ALLOCATION_BIT_EXT;
constexpr std::uint64_t kDmaBufBit = VK_EXTERNAL_MEMORY_HANDLE_TYPE_DMA_BUF_BIT_EXT;

bool has_udmabuf() {
    return ::access("/dev/udmabuf", R_OK | W_OK) == 0;
}

class StrategyChoice : public FakeHostTest {
  protected:
    void use(const DeviceConfig& device) {
        Config config;
        config.devices = {device};
        driver.reset(config);
    }
    // The strategy of a swapchain whose picture has come to the host as it was drawn.
    std::uint32_t strategy_used(VkImageUsageFlags usage = 0) {
        App app;
        EXPECT_EQ(app.created, VK_SUCCESS);
        driver.forget_calls();
        VkSwapchainCreateInfoKHR info = swapchain_info(app.headless_surface(), kWidth, kHeight);
        info.imageUsage |= usage;
        Swap swap(app, info);
        EXPECT_EQ(swap.created, VK_SUCCESS);
        host();
        const auto seen = show_until_seen(swap, ++seed_);
        return seen ? seen->image.strategy : 0;
    }
    static std::uint32_t number(stream::Strategy strategy) {
        return static_cast<std::uint32_t>(strategy);
    }
    // The calls for the swapchain's own images, after those of the layer's test of a strategy.
    std::vector<Call> last(const std::string& name, std::size_t count) {
        auto all = calls(name);
        EXPECT_GE(all.size(), count) << name;
        if (all.size() > count) all.erase(all.begin(), all.end() - static_cast<long>(count));
        return all;
    }

  private:
    std::uint32_t seed_ = 0;
};

TEST_F(StrategyChoice, ProcessorsRenderIntoThePagesByHostPointer) {
    for (const auto& device : {lavapipe_old(), lavapipe_new()}) {
        use(device);
        EXPECT_EQ(strategy_used(), number(host_pointer)) << device.name;
        for (const Call& call : last("CreateImage", 3)) {
            EXPECT_NE(call.at("tiling"), std::uint64_t{VK_IMAGE_TILING_OPTIMAL});
            EXPECT_EQ(call.at("handleTypes"), kHostPointerBit);
        }
        for (const Call& call : last("AllocateMemory", 4)) {
            // The last is the app's own.
            if (!call.of_layer) continue;
            EXPECT_TRUE(call.chains(VK_STRUCTURE_TYPE_IMPORT_MEMORY_HOST_POINTER_INFO_EXT));
            EXPECT_EQ(call.at("hostPointer") % 4096, 0u);
            EXPECT_EQ(call.at("size") % 4096, 0u);
        }
        bool to_host = false;
        for (const Call& call : calls("CmdPipelineBarrier")) {
            if (!call.of_layer || call.at("images") != 1) continue;
            to_host |= call.at("dstAccess") == std::uint64_t{VK_ACCESS_HOST_READ_BIT} &&
                       call.at("dstStages") == std::uint64_t{VK_PIPELINE_STAGE_HOST_BIT};
        }
        EXPECT_TRUE(to_host);
    }
}

TEST_F(StrategyChoice, GpusInSystemMemoryRenderIntoThePages) {
    use(intel());
    const std::uint32_t used = strategy_used();
    if (!has_udmabuf()) {
        EXPECT_EQ(used, number(host_pointer)) << "without udmabuf there is no dmabuf to import";
        return;
    }
    EXPECT_EQ(used, number(dmabuf_import));
    for (const Call& call : last("CreateImage", 3)) EXPECT_EQ(call.at("handleTypes"), kDmaBufBit);
    bool released = false;
    bool taken_back = false;
    for (const Call& call : calls("CmdPipelineBarrier")) {
        released |= call.at("dstFamily") == std::uint64_t{VK_QUEUE_FAMILY_FOREIGN_EXT};
        taken_back |= call.at("srcFamily") == std::uint64_t{VK_QUEUE_FAMILY_FOREIGN_EXT};
    }
    EXPECT_TRUE(released);
    EXPECT_TRUE(taken_back);
}

// One copy by the GPU out of its own memory, at the pitch that every importer takes.
TEST_F(StrategyChoice, GpusWithMemoryOfTheirOwnCopyOnce) {
    for (const auto& device : {amd(), nvidia()}) {
        use(device);
        EXPECT_EQ(strategy_used(), number(gpu_copy)) << device.name;
        for (const Call& call : last("CreateImage", 3)) {
            EXPECT_EQ(call.at("tiling"), std::uint64_t{VK_IMAGE_TILING_OPTIMAL});
            EXPECT_EQ(call.at("handleTypes"), 0u);
            EXPECT_TRUE(call.at("usage") & VK_IMAGE_USAGE_TRANSFER_SRC_BIT);
        }
        int vram = 0;
        int pages = 0;
        for (const Call& call : calls("AllocateMemory")) {
            if (!call.of_layer) continue;
            const bool imported =
                call.chains(VK_STRUCTURE_TYPE_IMPORT_MEMORY_HOST_POINTER_INFO_EXT);
            ++(imported ? pages : vram);
            EXPECT_EQ(call.at("type") == kVram, !imported);
        }
        EXPECT_GE(vram, 3);
        EXPECT_GE(pages, 3);
        for (const Call& call : last("CmdCopyImageToBuffer", 3)) {
            EXPECT_EQ(call.at("rowLength"), 512u / 4);  // of 400 bytes: 256 is the unit
        }
        bool to_host = false;
        for (const Call& call : calls("CmdPipelineBarrier")) {
            to_host |= call.at("bufferDstAccess") == std::uint64_t{VK_ACCESS_HOST_READ_BIT};
        }
        EXPECT_TRUE(to_host);
    }
}

// Its memory cannot be imported, and pages of ours it does not take.
TEST_F(StrategyChoice, DriversWithoutImportsEndWithACopyByTheCpu) {
    use(venus());
    EXPECT_THAT(strategy_used(), AnyOf(Eq(number(cpu_copy)), Eq(number(dmabuf_export))));
    for (const Call& call : calls("AllocateMemory")) {
        EXPECT_FALSE(call.chains(VK_STRUCTURE_TYPE_IMPORT_MEMORY_HOST_POINTER_INFO_EXT));
        EXPECT_FALSE(call.chains(VK_STRUCTURE_TYPE_IMPORT_MEMORY_FD_INFO_KHR));
    }
}

// The environment has the last word, and each way serves each driver that has it.
TEST_F(StrategyChoice, ByTheEnvironment) {
    const struct {
        DeviceConfig device;
        const char* name;
        stream::Strategy strategy;
    } ways[] = {{lavapipe_old(), "gpu-copy", gpu_copy}, {lavapipe_old(), "E", cpu_copy},
                {intel(), "A", host_pointer},           {intel(), "D", gpu_copy},
                {intel(), "cpu-copy", cpu_copy},        {amd(), "host-pointer", host_pointer},
                {amd(), "cpu-copy", cpu_copy},          {nvidia(), "cpu-copy", cpu_copy},
                {nvidia(), "host-pointer", gpu_copy}};  // not possible: the next
    for (const auto& way : ways) {
        use(way.device);
        ::setenv("VDMABUF_STRATEGY", way.name, 1);
        EXPECT_EQ(strategy_used(), number(way.strategy)) << way.device.name << " " << way.name;
    }
}

// It takes the pages and renders elsewhere: found out before the app's pictures are lost.
TEST_F(StrategyChoice, DriversThatLieAreFoundOut) {
    DeviceConfig device = lavapipe_old();
    device.lies_about_host_pointers = true;
    use(device);
    EXPECT_EQ(strategy_used(), number(cpu_copy));
    EXPECT_GE(calls("CmdClearAttachments").size(), 1u) << "a pattern was rendered";
    // Found out once for a process.
    EXPECT_EQ(strategy_used(), number(cpu_copy));
    EXPECT_EQ(calls("CmdClearAttachments").size(), 0u);
}

TEST_F(StrategyChoice, WhatFailsLeavesThePlaceToTheNext) {
    use(lavapipe_old());
    driver.fail_always("GetMemoryHostPointerPropertiesEXT", VK_ERROR_INVALID_EXTERNAL_HANDLE);
    EXPECT_EQ(strategy_used(), number(cpu_copy));
}

// What cannot be rendered to in linear rows is copied.
TEST_F(StrategyChoice, DependsOnTheUsage) {
    DeviceConfig device = lavapipe_old();
    device.linear_features &= ~VkFormatFeatureFlags{VK_FORMAT_FEATURE_STORAGE_IMAGE_BIT};
    use(device);
    EXPECT_EQ(strategy_used(), number(host_pointer));
    EXPECT_EQ(strategy_used(VK_IMAGE_USAGE_STORAGE_BIT), number(gpu_copy));
}

}  // namespace
}  // namespace vdmabuf::fake
