// SPDX-License-Identifier: MIT
// The formats that a consumer can show: DRM names them for the wire, Vulkan for the GPU.
#pragma once

#include <vulkan/vulkan_core.h>

#include <cstdint>
#include <span>

#include "runtime/common/drm_format.hpp"

namespace vdmabuf::consumer {

struct PixelFormat {
    std::uint32_t fourcc = 0;  // DRM_FORMAT_*
    VkFormat vulkan = VK_FORMAT_UNDEFINED;
    std::uint32_t bytes = 0;  // per pixel
    bool alpha = false;       // false: the alpha bits, if any, mean nothing
    // One pixel at `from` as 8-bit red, green, blue, alpha at `to`.
    void (*to_rgba8)(const std::uint8_t* from, std::uint8_t* to) = nullptr;
};

// Null when the format is not known. Valid for ever.
const PixelFormat* find_format(std::uint32_t fourcc);
std::span<const PixelFormat> known_formats();

}  // namespace vdmabuf::consumer
