// SPDX-License-Identifier: MIT
// What host pointers and dmabufs have in common as memory of a VkDevice. Everything here is for
// reading by transfer commands.
#pragma once

#include <vulkan/vulkan_core.h>

#include <cstdint>
#include <optional>

#include "runtime/common/result.hpp"
#include "runtime/consumer/gpu/device.hpp"
#include "runtime/consumer/gpu/handles.hpp"

namespace vdmabuf::gpu {

constexpr VkImageUsageFlags kExternalImageUsage = VK_IMAGE_USAGE_TRANSFER_SRC_BIT;
// What a format must be able to do for the viewer to draw from it.
constexpr VkFormatFeatureFlags kExternalImageFeatures =
    VK_FORMAT_FEATURE_BLIT_SRC_BIT | VK_FORMAT_FEATURE_TRANSFER_SRC_BIT;

// Images that the driver imports.
struct ImageOffer {
    VkExtent3D most{};
    bool dedicated_only = false;
};
// `modifier`: images of this DRM format modifier; nothing: LINEAR tiling. ENOTSUP and the reason,
// where the driver imports none.
Result<ImageOffer> offered_images(const Device& device, VkFormat format,
                                  std::optional<std::uint64_t> modifier,
                                  VkExternalMemoryHandleTypeFlagBits handle);

// A buffer for memory of this handle type, not bound yet.
struct ExternalBuffer {
    Buffer buffer;
    bool dedicated = false;  // its memory is to be its own
    VkMemoryRequirements requirements{};
};
Result<ExternalBuffer> make_external_buffer(const Device& device, VkDeviceSize size,
                                            VkExternalMemoryHandleTypeFlagBits handle);

}  // namespace vdmabuf::gpu
