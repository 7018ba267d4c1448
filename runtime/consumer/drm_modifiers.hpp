// SPDX-License-Identifier: MIT
#pragma once

#include <vulkan/vulkan_core.h>

#include <cstdint>
#include <optional>
#include <vector>

#include "runtime/common/stream_messages.hpp"
#include "runtime/consumer/gpu/device.hpp"

namespace vdmabuf::consumer {

// What a driver says of a DRM format modifier for one format.
struct DrmModifier {
    std::uint64_t modifier = 0;
    std::uint32_t planes = 0;
    VkFormatFeatureFlags features = 0;
};
// Nothing where the driver does not know the modifier. Only with ImportAbilities::drm_modifier.
std::optional<DrmModifier> find_modifier(const gpu::Device& device, VkFormat format,
                                         std::uint64_t modifier);

// What the device can draw from, of the formats that consumers know: LINEAR where dmabufs come as
// images or as buffers, other modifiers where they come as images. Empty if it imports no dmabufs.
std::vector<stream::FormatModifier> importable_formats(const gpu::Device& device);

}  // namespace vdmabuf::consumer
