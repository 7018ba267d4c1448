// SPDX-License-Identifier: MIT
// VK_EXT_swapchain_colorspace: a surface offers the colour spaces that the host's consumers show.
#pragma once

#include <vector>

#include "layer/vulkan.hpp"
#include "runtime/common/colour_space.hpp"

namespace vdmabuf::layer {

struct PhysicalDevice;

// All pairs that a surface offers while the host shows `spaces`. Those of sRGB come first: apps
// that do not look at colour spaces take the first one.
std::vector<VkSurfaceFormatKHR> surface_formats(const PhysicalDevice& physical,
                                                stream::ColourSpaces spaces);

}  // namespace vdmabuf::layer
