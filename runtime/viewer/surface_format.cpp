// SPDX-License-Identifier: MIT
#include "runtime/viewer/surface_format.hpp"

#include <vector>

#include "runtime/common/vulkan_colour_space.hpp"

namespace vdmabuf::viewer {
namespace {

using stream::ColourSpace;

constexpr VkFormat kTenBits[] = {VK_FORMAT_A2B10G10R10_UNORM_PACK32,
                                 VK_FORMAT_A2R10G10B10_UNORM_PACK32};
constexpr VkFormat kFloat = VK_FORMAT_R16G16B16A16_SFLOAT;

std::optional<VkSurfaceFormatKHR> first(std::span<const VkSurfaceFormatKHR> formats,
                                        std::span<const VkFormat> wishes, VkColorSpaceKHR space) {
    for (const VkFormat wish : wishes) {
        for (const VkSurfaceFormatKHR& format : formats) {
            if (format.format == wish && format.colorSpace == space) return format;
        }
    }
    return std::nullopt;
}

// The frame's own, then those that lose nothing of it.
std::vector<VkFormat> without_loss(VkFormat format) {
    if (format == kFloat) return {kFloat};
    if (is_deep(format)) return {format, kTenBits[0], kTenBits[1], kFloat};
    return {format, VK_FORMAT_B8G8R8A8_UNORM, VK_FORMAT_R8G8B8A8_UNORM};
}

}  // namespace

bool is_deep(VkFormat format) {
    return format == kTenBits[0] || format == kTenBits[1] || format == kFloat;
}

std::optional<VkSurfaceFormatKHR> choose_surface_format(std::span<const VkSurfaceFormatKHR> formats,
                                                        const Look& pictures, bool native) {
    const bool is_srgb = pictures.space == ColourSpace::srgb_nonlinear;
    if (!is_srgb && native) {
        const auto own =
            first(formats, without_loss(pictures.format), stream::vulkan_of(pictures.space));
        if (own) return own;
    }
    // What is converted has no more than ten bits in sRGB.
    std::vector<VkFormat> wishes;
    if (is_srgb) wishes.push_back(pictures.format);
    if (is_deep(pictures.format))
        wishes.insert(wishes.end(), std::begin(kTenBits), std::end(kTenBits));
    wishes.insert(wishes.end(), {VK_FORMAT_B8G8R8A8_UNORM, VK_FORMAT_R8G8B8A8_UNORM,
                                 VK_FORMAT_A2B10G10R10_UNORM_PACK32});
    if (const auto found = first(formats, wishes, VK_COLOR_SPACE_SRGB_NONLINEAR_KHR)) return found;
    for (const VkSurfaceFormatKHR& format : formats) {
        if (format.colorSpace == VK_COLOR_SPACE_SRGB_NONLINEAR_KHR) return format;
    }
    return std::nullopt;
}

VkHdrMetadataEXT vulkan_metadata(const stream::HdrMetadata& metadata) {
    const auto xy = [](std::uint32_t value) { return static_cast<float>(value) / 50000.0F; };
    const auto light = [](std::uint32_t value) { return static_cast<float>(value) / 10000.0F; };
    VkHdrMetadataEXT out{};
    out.sType = VK_STRUCTURE_TYPE_HDR_METADATA_EXT;
    out.displayPrimaryRed = {xy(metadata.red_x), xy(metadata.red_y)};
    out.displayPrimaryGreen = {xy(metadata.green_x), xy(metadata.green_y)};
    out.displayPrimaryBlue = {xy(metadata.blue_x), xy(metadata.blue_y)};
    out.whitePoint = {xy(metadata.white_x), xy(metadata.white_y)};
    out.maxLuminance = light(metadata.max_luminance);
    out.minLuminance = light(metadata.min_luminance);
    out.maxContentLightLevel = static_cast<float>(metadata.max_content_light);
    out.maxFrameAverageLightLevel = static_cast<float>(metadata.max_frame_average_light);
    return out;
}

}  // namespace vdmabuf::viewer
