// SPDX-License-Identifier: MIT
// The ways in which pages of another process come to a GPU without a copy. Drivers fail at them one
// by one, so that each is tested, and trusted, for itself.
#pragma once

#include <array>
#include <cstdint>

namespace vdmabuf::consumer {

enum class Way : std::uint8_t {
    dmabuf_image,            // VkImage with explicit modifier; pitch a multiple of kCommonPitch
    dmabuf_image_any_pitch,  // likewise, any pitch
    dmabuf_buffer,           // VkBuffer
    host_pointer_image,      // LINEAR VkImage, laid out as the driver likes it
    host_pointer_buffer,     // VkBuffer
};
inline constexpr std::array kWays = {Way::dmabuf_image, Way::dmabuf_image_any_pitch,
                                     Way::dmabuf_buffer, Way::host_pointer_image,
                                     Way::host_pointer_buffer};

// The pitch that every known driver takes is a multiple of this, in bytes.
constexpr std::uint64_t kCommonPitch = 256;

// "dmabuf-image", ...
const char* to_string(Way way);

// The way of a LINEAR dmabuf with this pitch as a VkImage.
constexpr Way dmabuf_image_way(std::uint64_t pitch) {
    return pitch % kCommonPitch == 0 ? Way::dmabuf_image : Way::dmabuf_image_any_pitch;
}

}  // namespace vdmabuf::consumer
