// SPDX-License-Identifier: MIT
#pragma once

#include <cstdint>
#include <span>

#include "layer/vulkan.hpp"

namespace vdmabuf::layer {

// A format that a swapchain can have, and what the host calls it.
struct Format {
    VkFormat format = VK_FORMAT_UNDEFINED;
    std::uint32_t fourcc = 0;  // DRM_FORMAT_*
    std::uint32_t bytes_per_pixel = 0;
};

// In the order in which apps are offered them. BGRA8 comes first, as with drivers' own surfaces:
// vkcube and many samples take the first one.
std::span<const Format> known_formats();
const Format* find_format(VkFormat format);

}  // namespace vdmabuf::layer
