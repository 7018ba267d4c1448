// SPDX-License-Identifier: MIT
#include "layer/colour_spaces.hpp"

#include "layer/formats.hpp"
#include "layer/physical_device.hpp"
#include "runtime/common/vulkan_colour_space.hpp"

namespace vdmabuf::layer {

std::vector<VkSurfaceFormatKHR> surface_formats(const PhysicalDevice& physical,
                                                stream::ColourSpaces spaces) {
    std::vector<VkSurfaceFormatKHR> offered = physical.formats;
    for (const stream::VulkanColourSpace& known : stream::kVulkanColourSpaces) {
        if (known.space == stream::ColourSpace::srgb_nonlinear) continue;  // they are that
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
