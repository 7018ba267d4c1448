// SPDX-License-Identifier: MIT
#include "layer/formats.hpp"

namespace vdmabuf::layer {
namespace {

constexpr std::uint32_t fourcc(char a, char b, char c, char d) {
    return static_cast<std::uint32_t>(a) | static_cast<std::uint32_t>(b) << 8 |
           static_cast<std::uint32_t>(c) << 16 | static_cast<std::uint32_t>(d) << 24;
}
// drm_fourcc.h; the names give the components from the highest bit down.
constexpr std::uint32_t kArgb8888 = fourcc('A', 'R', '2', '4');
constexpr std::uint32_t kAbgr8888 = fourcc('A', 'B', '2', '4');

// UNORM and SRGB hold the same bytes: what lies in the pages is encoded for the screen in both.
constexpr Format kFormats[] = {
    {VK_FORMAT_B8G8R8A8_UNORM, kArgb8888, 4},
    {VK_FORMAT_B8G8R8A8_SRGB, kArgb8888, 4},
    {VK_FORMAT_R8G8B8A8_UNORM, kAbgr8888, 4},
    {VK_FORMAT_R8G8B8A8_SRGB, kAbgr8888, 4},
};

}  // namespace

std::span<const Format> known_formats() {
    return kFormats;
}

const Format* find_format(VkFormat format) {
    for (const Format& known : kFormats) {
        if (known.format == format) return &known;
    }
    return nullptr;
}

}  // namespace vdmabuf::layer
