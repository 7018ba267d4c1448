// SPDX-License-Identifier: MIT
// What an app asks of a swapchain: looked at before anything is made.
#pragma once

#include "layer/image_strategy.hpp"
#include "runtime/common/colour_space.hpp"

namespace vdmabuf::layer {

struct PhysicalDevice;

// Why this cannot be a swapchain, as a driver would refuse it; or nullptr.
// `colours`: what the surface has been offering.
const char* refusal(const VkSwapchainCreateInfoKHR& info, const PhysicalDevice& physical,
                    stream::ColourSpaces colours);
// The app will ask for the times of its presents (VK_EXT_present_timing).
bool wants_timings(const VkSwapchainCreateInfoKHR& info);
ImageRequest request_of(const VkSwapchainCreateInfoKHR& info);

}  // namespace vdmabuf::layer
