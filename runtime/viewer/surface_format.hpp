// SPDX-License-Identifier: MIT
#pragma once

#include <vulkan/vulkan_core.h>

#include <optional>
#include <span>

#include "runtime/common/colour_space.hpp"
#include "runtime/consumer/image_layout.hpp"

namespace vdmabuf::viewer {

// What a window's pictures are like.
struct Look {
    VkFormat format = VK_FORMAT_UNDEFINED;
    stream::ColourSpace space = stream::ColourSpace::srgb_nonlinear;

    bool operator==(const Look&) const = default;
};

// Of a frame, as it is.
inline Look look_of(const consumer::ImageLayout& layout) {
    return {layout.format->vulkan, layout.colour_space};
}

// The surface's format that shows such pictures best: their own colour space where `native` allows
// it and the surface has it; else sRGB, with as many bits as they have. Bytes are taken as they
// are: they are encoded for the display already, so that an _SRGB format would encode them twice.
// Nothing: the surface has no sRGB.
std::optional<VkSurfaceFormatKHR> choose_surface_format(std::span<const VkSurfaceFormatKHR> formats,
                                                        const Look& pictures, bool native);

// More than eight bits a component.
bool is_deep(VkFormat format);

VkHdrMetadataEXT vulkan_metadata(const stream::HdrMetadata& metadata);

}  // namespace vdmabuf::viewer
