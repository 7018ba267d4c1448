// SPDX-License-Identifier: MIT
#include "layer/formats.hpp"

#include "runtime/common/drm_format.hpp"

namespace vdmabuf::layer {
namespace {

// The names give the components from the highest bit down.
constexpr std::uint32_t kArgb8888 = fourcc_of("AR24");
constexpr std::uint32_t kAbgr8888 = fourcc_of("AB24");

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
