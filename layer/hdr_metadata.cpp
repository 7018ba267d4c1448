// SPDX-License-Identifier: MIT
// VK_EXT_hdr_metadata: carried to the consumers, which hand it to the display or map tones by it.
#include "layer/hdr_metadata.hpp"

#include <algorithm>
#include <cmath>

#include "layer/guard.hpp"
#include "layer/swapchain.hpp"

namespace vdmabuf::layer {
namespace {

// What is no number, or below 0, is 0.
std::uint32_t units(float value, float per_unit, float largest) {
    if (!(value > 0)) return 0;
    return static_cast<std::uint32_t>(std::lround(std::min(value, largest) * per_unit));
}

stream::HdrMetadata wire(const VkHdrMetadataEXT& metadata) {
    constexpr float kChromaticity = 50000.0f;
    constexpr float kLuminance = 10000.0f;
    constexpr float kBrightest = 100000.0f;  // cd/m2
    const auto xy = [&](float value) { return units(value, kChromaticity, 1.0f); };
    stream::HdrMetadata out;
    out.red_x = xy(metadata.displayPrimaryRed.x);
    out.red_y = xy(metadata.displayPrimaryRed.y);
    out.green_x = xy(metadata.displayPrimaryGreen.x);
    out.green_y = xy(metadata.displayPrimaryGreen.y);
    out.blue_x = xy(metadata.displayPrimaryBlue.x);
    out.blue_y = xy(metadata.displayPrimaryBlue.y);
    out.white_x = xy(metadata.whitePoint.x);
    out.white_y = xy(metadata.whitePoint.y);
    out.max_luminance = units(metadata.maxLuminance, kLuminance, kBrightest);
    out.min_luminance = units(metadata.minLuminance, kLuminance, kBrightest);
    out.max_content_light = units(metadata.maxContentLightLevel, 1.0f, kBrightest);
    out.max_frame_average_light = units(metadata.maxFrameAverageLightLevel, 1.0f, kBrightest);
    return out;
}

}  // namespace

VKAPI_ATTR void VKAPI_CALL SetHdrMetadataEXT(VkDevice handle, std::uint32_t count,
                                             const VkSwapchainKHR* swapchains,
                                             const VkHdrMetadataEXT* metadata) noexcept {
    (void)guarded([&] {
        const Device& device = *Device::of(handle);
        for (std::uint32_t i = 0; i < count; ++i) {
            if (Swapchain* ours = device.swapchain(swapchains[i])) {
                ours->set_hdr(wire(metadata[i]));
            } else if (device.down().SetHdrMetadataEXT) {
                device.down().SetHdrMetadataEXT(handle, 1, &swapchains[i], &metadata[i]);
            }
        }
        return VK_SUCCESS;
    });
}

}  // namespace vdmabuf::layer
