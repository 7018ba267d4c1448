// SPDX-License-Identifier: MIT
// Images in plain rows, which lie in pages of ours.
#pragma once

#include "layer/image_create.hpp"

namespace vdmabuf::layer {

// What importers ask for: AMD's want rows of a multiple of 256 bytes, and touch 16 rows at a time.
constexpr std::uint64_t kPitchAlignment = 256;
std::uint64_t aligned_pitch(const ImageRequest& request);
std::uint64_t padded_size(std::uint64_t offset, std::uint64_t pitch, std::uint32_t height);

struct LinearImage {
    OwnedImage image;
    ImageKind kind;
    VkSubresourceLayout layout{};  // offset and rowPitch
    VkMemoryRequirements needs{};
    bool dedicated = false;
    std::uint64_t size = 0;  // of the pages: what the driver needs and what importers touch
};

// The driver imports such images by this handle type.
bool linear_support(const Device& device, const ImageRequest& request,
                    VkExternalMemoryHandleTypeFlagBits handle_type);
// An image without memory. Where the driver knows modifiers the pitch is ours, else the driver's.
VkResult create_linear_image(const Device& device, const ImageRequest& request,
                             VkExternalMemoryHandleTypeFlagBits handle_type, LinearImage& out);
// Another one with the same layout.
VkResult create_alias(const Device& device, const ImageRequest& request, const LinearImage& of,
                      const VkAllocationCallbacks* allocator, VkImage* out);

}  // namespace vdmabuf::layer
