// SPDX-License-Identifier: MIT
// The formats that a consumer can show: DRM names them for the wire, Vulkan for the GPU.
#pragma once

#include <vulkan/vulkan_core.h>

#include <cstdint>
#include <string>

namespace vdmabuf::consumer {

// The value of drm_fourcc.h: fourcc_of("XR24") is DRM_FORMAT_XRGB8888.
constexpr std::uint32_t fourcc_of(const char (&name)[5]) {
    std::uint32_t value = 0;
    for (int i = 0; i < 4; ++i) {
        value |= static_cast<std::uint32_t>(static_cast<unsigned char>(name[i])) << (8 * i);
    }
    return value;
}

constexpr std::uint64_t kModifierLinear = 0;  // DRM_FORMAT_MOD_LINEAR

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

// "XR24"
std::string fourcc_name(std::uint32_t fourcc);

}  // namespace vdmabuf::consumer
