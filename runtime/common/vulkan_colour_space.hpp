// SPDX-License-Identifier: MIT
// Colour spaces as Vulkan names them (VK_EXT_swapchain_colorspace): for surfaces of apps, and for
// those that the host shows them on.
#pragma once

#include <vulkan/vulkan_core.h>

#include <iterator>
#include <optional>

#include "runtime/common/colour_space.hpp"

namespace vdmabuf::stream {

struct VulkanColourSpace {
    VkColorSpaceKHR vulkan;
    ColourSpace space;
};
// sRGB, which is always there, then what games ask for first.
constexpr VulkanColourSpace kVulkanColourSpaces[] = {
    {VK_COLOR_SPACE_SRGB_NONLINEAR_KHR, ColourSpace::srgb_nonlinear},
    {VK_COLOR_SPACE_HDR10_ST2084_EXT, ColourSpace::hdr10_st2084},
    {VK_COLOR_SPACE_EXTENDED_SRGB_LINEAR_EXT, ColourSpace::extended_srgb_linear},
    {VK_COLOR_SPACE_HDR10_HLG_EXT, ColourSpace::hdr10_hlg},
    {VK_COLOR_SPACE_DISPLAY_P3_NONLINEAR_EXT, ColourSpace::display_p3_nonlinear},
};
static_assert(std::size(kVulkanColourSpaces) == kColourSpaceCount);

// Nothing: one that has no name here.
constexpr std::optional<ColourSpace> colour_space_of(VkColorSpaceKHR space) {
    for (const VulkanColourSpace& known : kVulkanColourSpaces) {
        if (known.vulkan == space) return known.space;
    }
    return std::nullopt;
}

constexpr VkColorSpaceKHR vulkan_of(ColourSpace space) {
    for (const VulkanColourSpace& known : kVulkanColourSpaces) {
        if (known.space == space) return known.vulkan;
    }
    return VK_COLOR_SPACE_SRGB_NONLINEAR_KHR;
}

}  // namespace vdmabuf::stream
