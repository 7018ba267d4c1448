// SPDX-License-Identifier: MIT
#include "layer/colour_spaces.hpp"

#include "layer/formats.hpp"
#include "layer/physical_device.hpp"

namespace vdmabuf::layer {
namespace {

using stream::ColourSpace;

struct Known {
    VkColorSpaceKHR vulkan;
    ColourSpace space;
};
// Beside sRGB, which is always there. Games ask for HDR10 first, then for scRGB.
constexpr Known kKnown[] = {
    {VK_COLOR_SPACE_HDR10_ST2084_EXT, ColourSpace::hdr10_st2084},
    {VK_COLOR_SPACE_EXTENDED_SRGB_LINEAR_EXT, ColourSpace::extended_srgb_linear},
    {VK_COLOR_SPACE_HDR10_HLG_EXT, ColourSpace::hdr10_hlg},
    {VK_COLOR_SPACE_DISPLAY_P3_NONLINEAR_EXT, ColourSpace::display_p3_nonlinear},
};

}  // namespace

std::optional<ColourSpace> colour_space_of(VkColorSpaceKHR space) {
    if (space == VK_COLOR_SPACE_SRGB_NONLINEAR_KHR) return ColourSpace::srgb_nonlinear;
    for (const Known& known : kKnown) {
        if (known.vulkan == space) return known.space;
    }
    return std::nullopt;
}

std::vector<VkSurfaceFormatKHR> surface_formats(const PhysicalDevice& physical,
                                                stream::ColourSpaces spaces) {
    std::vector<VkSurfaceFormatKHR> offered = physical.formats;
    for (const Known& known : kKnown) {
        if (!(spaces & stream::bit_of(known.space))) continue;
        for (const VkSurfaceFormatKHR& each : physical.formats) {
            if (stream::can_hold(find_format(each.format)->fourcc,
                                 static_cast<std::uint32_t>(known.space))) {
                offered.push_back({each.format, known.vulkan});
            }
        }
    }
    return offered;
}

}  // namespace vdmabuf::layer
