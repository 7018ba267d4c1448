// SPDX-License-Identifier: MIT
#include "layer/formats.hpp"

#include "runtime/common/drm_format.hpp"

namespace vdmabuf::layer {
namespace {

// The names give the components from the highest bit down.
constexpr std::uint32_t kArgb8888 = fourcc_of("AR24");
constexpr std::uint32_t kAbgr8888 = fourcc_of("AB24");
constexpr std::uint32_t kArgb2101010 = fourcc_of("AR30");
constexpr std::uint32_t kAbgr2101010 = fourcc_of("AB30");
constexpr std::uint32_t kAbgr16161616f = fourcc_of("AB4H");
constexpr std::uint32_t kRgb565 = fourcc_of("RG16");

// UNORM and SRGB hold the same bytes: what lies in the pages is encoded for the screen in both.
constexpr Format kFormats[] = {
    {VK_FORMAT_B8G8R8A8_UNORM, kArgb8888, 4},
    {VK_FORMAT_B8G8R8A8_SRGB, kArgb8888, 4},
    {VK_FORMAT_R8G8B8A8_UNORM, kAbgr8888, 4},
    {VK_FORMAT_R8G8B8A8_SRGB, kAbgr8888, 4},
    {VK_FORMAT_A2B10G10R10_UNORM_PACK32, kAbgr2101010, 4},
    {VK_FORMAT_A2R10G10B10_UNORM_PACK32, kArgb2101010, 4},
    {VK_FORMAT_R16G16B16A16_SFLOAT, kAbgr16161616f, 8},
    {VK_FORMAT_R5G6B5_UNORM_PACK16, kRgb565, 2},
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
