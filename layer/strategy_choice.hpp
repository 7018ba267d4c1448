// SPDX-License-Identifier: MIT
// In which order strategies are tried on a kind of device. What a device can do at all is asked of
// its driver, by each strategy for itself.
#pragma once

#include <array>

#include "layer/vulkan.hpp"
#include "runtime/common/stream_messages.hpp"

namespace vdmabuf::layer {

struct StrategyOrder {
    const char* reason = "";
    std::array<stream::Strategy, stream::kStrategyCount - 1> strategies;
};

// `shared_tiling`: the driver renders to, and exports, images with a modifier that is not LINEAR
// and that the host's consumers import.
const StrategyOrder& strategy_order(VkPhysicalDeviceType type, VkDriverId driver,
                                    bool shared_tiling);

}  // namespace vdmabuf::layer
