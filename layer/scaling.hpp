// SPDX-License-Identifier: MIT
// VkSwapchainPresentScalingCreateInfoEXT: a swapchain of another size than its surface. The
// consumer scales, as it is told with each image.
#pragma once

#include "layer/vulkan.hpp"
#include "runtime/common/stream_messages.hpp"

namespace vdmabuf::layer {

// What consumers do: all of it.
constexpr VkPresentScalingFlagsEXT kScalings = VK_PRESENT_SCALING_ONE_TO_ONE_BIT_EXT |
                                               VK_PRESENT_SCALING_ASPECT_RATIO_STRETCH_BIT_EXT |
                                               VK_PRESENT_SCALING_STRETCH_BIT_EXT;
constexpr VkPresentGravityFlagsEXT kGravities = VK_PRESENT_GRAVITY_MIN_BIT_EXT |
                                                VK_PRESENT_GRAVITY_MAX_BIT_EXT |
                                                VK_PRESENT_GRAVITY_CENTERED_BIT_EXT;

// False when it asks for what there is not. Without the structure: Scaling{}.
bool scaling_of(const VkSwapchainCreateInfoKHR& info, stream::Scaling& out);

}  // namespace vdmabuf::layer
