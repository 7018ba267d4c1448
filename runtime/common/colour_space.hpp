// SPDX-License-Identifier: MIT
// What the numbers in an image's pixels mean. Those of VkColorSpaceKHR that apps ask for and that a
// consumer without such a display can convert (docs/architecture.md, Colours).
#pragma once

#include <cstdint>

namespace vdmabuf::stream {

enum class ColourSpace : std::uint32_t {
    srgb_nonlinear = 0,        // VK_COLOR_SPACE_SRGB_NONLINEAR_KHR
    extended_srgb_linear = 1,  // VK_COLOR_SPACE_EXTENDED_SRGB_LINEAR_EXT: scRGB
    hdr10_st2084 = 2,          // VK_COLOR_SPACE_HDR10_ST2084_EXT: BT.2020, PQ
    hdr10_hlg = 3,             // VK_COLOR_SPACE_HDR10_HLG_EXT: BT.2020, HLG
    display_p3_nonlinear = 4,  // VK_COLOR_SPACE_DISPLAY_P3_NONLINEAR_EXT
};
constexpr std::uint32_t kColourSpaceCount = 5;

// A set of them: bit n is the space of number n.
using ColourSpaces = std::uint32_t;
constexpr ColourSpaces bit_of(ColourSpace space) {
    return ColourSpaces{1} << static_cast<std::uint32_t>(space);
}
constexpr ColourSpaces kSrgbAlone = bit_of(ColourSpace::srgb_nonlinear);
constexpr ColourSpaces kAllColourSpaces = (ColourSpaces{1} << kColourSpaceCount) - 1;

// Whether pixels of this format can be of this space: PQ and HLG need ten bits, values beyond 1
// floating point. `space` as it stands in a message; false for those that are not known.
bool can_hold(std::uint32_t fourcc, std::uint32_t space);

// "sRGB", "scRGB", "HDR10", "HLG", "Display P3"; "?" for those that are not known.
const char* colour_space_name(std::uint32_t space);

// How a consumer shows a stream's colours.
enum class ColourShown : std::uint16_t {
    unknown = 0,
    native = 1,     // the display takes them as they are
    converted = 2,  // to those of the display: tone-mapped, where they are brighter
};
constexpr std::uint32_t kColourShownCount = 3;
// "native", "converted" or "".
const char* colour_shown_name(std::uint32_t shown);

}  // namespace vdmabuf::stream
