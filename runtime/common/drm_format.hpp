// SPDX-License-Identifier: MIT
// Pixel formats as drm_fourcc.h names them: the words for them on every wire of the project.
#pragma once

#include <cstdint>
#include <string>

namespace vdmabuf {

// fourcc_of("XR24") is DRM_FORMAT_XRGB8888.
constexpr std::uint32_t fourcc_of(const char (&name)[5]) {
    std::uint32_t value = 0;
    for (int i = 0; i < 4; ++i) {
        value |= static_cast<std::uint32_t>(static_cast<unsigned char>(name[i])) << (8 * i);
    }
    return value;
}

// "XR24"; what is not printable is a question mark.
inline std::string fourcc_name(std::uint32_t fourcc) {
    std::string name(4, '?');
    for (unsigned i = 0; i < 4; ++i) {
        const auto c = static_cast<char>(fourcc >> (8 * i) & 0xFF);
        if (c >= 0x20 && c < 0x7F) name[i] = c;
    }
    return name;
}

constexpr std::uint64_t kModifierLinear = 0;                       // DRM_FORMAT_MOD_LINEAR
constexpr std::uint64_t kModifierInvalid = 0x00FF'FFFF'FFFF'FFFF;  // DRM_FORMAT_MOD_INVALID

}  // namespace vdmabuf
