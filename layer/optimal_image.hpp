// SPDX-License-Identifier: MIT
// Images as the driver likes them best, for strategies that copy.
#pragma once

#include "layer/image_create.hpp"
#include "runtime/producer/connection.hpp"

namespace vdmabuf::layer {

ImageRequest with_transfer(const ImageRequest& request);
bool optimal_support(const Device& device, const ImageRequest& request);
VkResult create_optimal_image(const Device& device, const ImageRequest& request, OwnedImage& image,
                              OwnedMemory& memory);
VkResult create_optimal_alias(const Device& device, const ImageRequest& request,
                              const VkAllocationCallbacks* allocator, VkImage* out);
// Copies an image in layout `presented`, which it stays in, to a buffer where `layout` says.
void record_copy(const DeviceDispatch& down, VkCommandBuffer commands, VkImage image,
                 VkImageLayout presented, VkBuffer buffer, const producer::ImageInfo& layout,
                 std::uint32_t bytes_per_pixel);

}  // namespace vdmabuf::layer
