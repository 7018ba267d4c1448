// SPDX-License-Identifier: MIT
// Images as a swapchain asks for them, in the kinds that the strategies need.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "layer/formats.hpp"
#include "layer/vk_owned.hpp"
#include "runtime/common/colour_space.hpp"
#include "runtime/common/drm_format.hpp"

namespace vdmabuf::layer {

// What a swapchain's images have in common.
struct ImageRequest {
    Format format;
    stream::ColourSpace colour_space = stream::ColourSpace::srgb_nonlinear;
    VkExtent2D extent{};
    VkImageUsageFlags usage = 0;
    VkImageCreateFlags flags = 0;
    VkSharingMode sharing = VK_SHARING_MODE_EXCLUSIVE;
    std::vector<std::uint32_t> families;   // when shared
    std::vector<VkFormat> view_formats;    // of VkImageFormatListCreateInfo; may be empty
    std::vector<std::uint64_t> modifiers;  // of this format, that the host's consumers import
};

// How an image lies in memory, and by what it is shared.
struct ImageKind {
    VkImageTiling tiling = VK_IMAGE_TILING_OPTIMAL;
    VkExternalMemoryHandleTypeFlagBits handle_type{};  // 0: not shared
    std::uint64_t modifier = kModifierLinear;          // with modifier tiling
};

struct ImageSupport {
    bool usable = false;
    VkExternalMemoryFeatureFlags external = 0;

    bool importable() const {
        return usable && (external & VK_EXTERNAL_MEMORY_FEATURE_IMPORTABLE_BIT);
    }
    bool exportable() const {
        return usable && (external & VK_EXTERNAL_MEMORY_FEATURE_EXPORTABLE_BIT);
    }
    bool dedicated() const { return external & VK_EXTERNAL_MEMORY_FEATURE_DEDICATED_ONLY_BIT; }
};

ImageSupport image_support(const Device& device, const ImageRequest& request,
                           const ImageKind& kind);

// Modifiers of the request's format that the driver knows, with the number of planes of each.
std::vector<VkDrmFormatModifierPropertiesEXT> known_modifiers(const Device& device,
                                                              const ImageRequest& request);

// `planes`: with modifier tiling, where they lie.
VkResult create_image(const Device& device, const ImageRequest& request, const ImageKind& kind,
                      std::span<const VkSubresourceLayout> planes,
                      const VkAllocationCallbacks* allocator, VkImage* out);
// With modifier tiling, of which the driver chooses one.
VkResult create_image_of(const Device& device, const ImageRequest& request,
                         VkExternalMemoryHandleTypeFlagBits handle_type,
                         std::span<const std::uint64_t> modifiers, VkImage* out);

VkResult allocate(const Device& device, VkDeviceSize size, std::uint32_t type, const void* chain,
                  OwnedMemory& out);

}  // namespace vdmabuf::layer
