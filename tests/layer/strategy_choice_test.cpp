// SPDX-License-Identifier: MIT
#include "layer/strategy_choice.hpp"

#include <gtest/gtest.h>

#include <algorithm>

#include "layer/present_sync.hpp"

namespace vdmabuf::layer {
namespace {

using enum stream::Strategy;

stream::Strategy first(VkPhysicalDeviceType type, VkDriverId driver, bool tiling = false) {
    return strategy_order(type, driver, tiling).strategies[0];
}

TEST(StrategyChoice, BestForEachKindOfDevice) {
    EXPECT_EQ(first(VK_PHYSICAL_DEVICE_TYPE_CPU, VK_DRIVER_ID_MESA_LLVMPIPE), host_pointer);
    // A driver above another API, which calls itself something else.
    EXPECT_EQ(first(VK_PHYSICAL_DEVICE_TYPE_OTHER, VK_DRIVER_ID_GOOGLE_SWIFTSHADER), host_pointer);
    EXPECT_EQ(first(VK_PHYSICAL_DEVICE_TYPE_INTEGRATED_GPU, VK_DRIVER_ID_INTEL_OPEN_SOURCE_MESA),
              dmabuf_import);
    EXPECT_EQ(
        first(VK_PHYSICAL_DEVICE_TYPE_INTEGRATED_GPU, VK_DRIVER_ID_INTEL_OPEN_SOURCE_MESA, true),
        dmabuf_export);
    EXPECT_EQ(first(VK_PHYSICAL_DEVICE_TYPE_DISCRETE_GPU, VK_DRIVER_ID_MESA_RADV), gpu_copy);
    EXPECT_EQ(first(VK_PHYSICAL_DEVICE_TYPE_DISCRETE_GPU, VK_DRIVER_ID_MESA_RADV, true), gpu_copy);
    EXPECT_EQ(first(VK_PHYSICAL_DEVICE_TYPE_DISCRETE_GPU, VK_DRIVER_ID_NVIDIA_PROPRIETARY),
              gpu_copy);
    EXPECT_EQ(first(VK_PHYSICAL_DEVICE_TYPE_VIRTUAL_GPU, VK_DRIVER_ID_MESA_VENUS), dmabuf_import);
}

// Each order has every strategy once, and the CPU's copy is the last resort of all.
TEST(StrategyChoice, OrdersAreComplete) {
    for (const auto type : {VK_PHYSICAL_DEVICE_TYPE_OTHER, VK_PHYSICAL_DEVICE_TYPE_INTEGRATED_GPU,
                            VK_PHYSICAL_DEVICE_TYPE_DISCRETE_GPU,
                            VK_PHYSICAL_DEVICE_TYPE_VIRTUAL_GPU, VK_PHYSICAL_DEVICE_TYPE_CPU}) {
        for (const bool tiling : {false, true}) {
            const StrategyOrder& order = strategy_order(type, VK_DRIVER_ID_MAX_ENUM, tiling);
            auto sorted = order.strategies;
            std::sort(sorted.begin(), sorted.end());
            EXPECT_EQ(sorted,
                      (std::array{host_pointer, dmabuf_import, dmabuf_export, gpu_copy, cpu_copy}));
            EXPECT_EQ(order.strategies.back(), cpu_copy);
            EXPECT_STRNE(order.reason, "");
        }
    }
}

TEST(PresentSync, FencesWhereNobodyWaits) {
    const PresentSyncInput gpu{VK_PHYSICAL_DEVICE_TYPE_INTEGRATED_GPU, true, true, false};
    EXPECT_EQ(present_sync(gpu, nullptr), PresentSync::fence);
    EXPECT_EQ(present_sync(gpu, "worker"), PresentSync::worker);
    EXPECT_EQ(present_sync(gpu, "nonsense"), PresentSync::fence);
    // Where exporting waits for the GPU.
    auto processor = gpu;
    processor.type = VK_PHYSICAL_DEVICE_TYPE_CPU;
    EXPECT_EQ(present_sync(processor, nullptr), PresentSync::worker);
    EXPECT_EQ(present_sync(processor, "fence"), PresentSync::fence);
    // What cannot be is not, whatever is asked for.
    for (auto member : {&PresentSyncInput::exports_sync_fd, &PresentSyncInput::seen}) {
        auto lacking = gpu;
        lacking.*member = false;
        EXPECT_EQ(present_sync(lacking, "fence"), PresentSync::worker);
    }
    auto copying = gpu;
    copying.needs_cpu = true;
    EXPECT_EQ(present_sync(copying, "fence"), PresentSync::worker);
}

}  // namespace
}  // namespace vdmabuf::layer
