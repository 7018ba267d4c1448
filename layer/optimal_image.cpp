// SPDX-License-Identifier: MIT
#include "layer/optimal_image.hpp"

#include "layer/physical_device.hpp"

namespace vdmabuf::layer {

ImageRequest with_transfer(const ImageRequest& request) {
    ImageRequest copy = request;
    copy.usage |= VK_IMAGE_USAGE_TRANSFER_SRC_BIT;
    return copy;
}

bool optimal_support(const Device& device, const ImageRequest& request) {
    return image_support(device, request, {}).usable;
}

VkResult create_optimal_image(const Device& device, const ImageRequest& request, OwnedImage& image,
                              OwnedMemory& memory) {
    VkImage handle = VK_NULL_HANDLE;
    VkResult result = create_optimal_alias(device, request, nullptr, &handle);
    if (result != VK_SUCCESS) return result;
    image = OwnedImage(device, handle);
    VkMemoryRequirements needs{};
    device.down().GetImageMemoryRequirements(device.handle(), handle, &needs);
    const std::uint32_t type =
        device.physical().memory_type(needs.memoryTypeBits, 0, VK_MEMORY_PROPERTY_DEVICE_LOCAL_BIT);
    if (type == UINT32_MAX) return VK_ERROR_OUT_OF_DEVICE_MEMORY;
    result = allocate(device, needs.size, type, nullptr, memory);
    if (result != VK_SUCCESS) return result;
    return device.down().BindImageMemory(device.handle(), handle, memory.get(), 0);
}

VkResult create_optimal_alias(const Device& device, const ImageRequest& request,
                              const VkAllocationCallbacks* allocator, VkImage* out) {
    return create_image(device, request, {}, {}, allocator, out);
}

void record_copy(const DeviceDispatch& down, VkCommandBuffer commands, VkImage image,
                 VkImageLayout presented, VkBuffer buffer, const producer::ImageInfo& layout,
                 std::uint32_t bytes_per_pixel) {
    // A shared image can be copied in its layout, which nobody may take from it.
    const VkImageLayout copied = presented == VK_IMAGE_LAYOUT_SHARED_PRESENT_KHR
                                     ? presented
                                     : VK_IMAGE_LAYOUT_TRANSFER_SRC_OPTIMAL;
    VkImageMemoryBarrier barrier{};
    barrier.sType = VK_STRUCTURE_TYPE_IMAGE_MEMORY_BARRIER;
    barrier.srcAccessMask = VK_ACCESS_MEMORY_WRITE_BIT;
    barrier.dstAccessMask = VK_ACCESS_TRANSFER_READ_BIT;
    barrier.oldLayout = presented;
    barrier.newLayout = copied;
    barrier.srcQueueFamilyIndex = VK_QUEUE_FAMILY_IGNORED;
    barrier.dstQueueFamilyIndex = VK_QUEUE_FAMILY_IGNORED;
    barrier.image = image;
    barrier.subresourceRange = {VK_IMAGE_ASPECT_COLOR_BIT, 0, 1, 0, 1};
    down.CmdPipelineBarrier(commands, VK_PIPELINE_STAGE_ALL_COMMANDS_BIT,
                            VK_PIPELINE_STAGE_TRANSFER_BIT, 0, 0, nullptr, 0, nullptr, 1, &barrier);
    VkBufferImageCopy region{};
    region.bufferOffset = layout.planes[0].offset;
    region.bufferRowLength = static_cast<std::uint32_t>(layout.planes[0].pitch / bytes_per_pixel);
    region.imageSubresource = {VK_IMAGE_ASPECT_COLOR_BIT, 0, 0, 1};
    region.imageExtent = {layout.width, layout.height, 1};
    down.CmdCopyImageToBuffer(commands, image, copied, buffer, 1, &region);
    barrier.srcAccessMask = 0;
    barrier.dstAccessMask = 0;
    barrier.oldLayout = copied;
    barrier.newLayout = presented;
    down.CmdPipelineBarrier(commands, VK_PIPELINE_STAGE_TRANSFER_BIT,
                            VK_PIPELINE_STAGE_ALL_COMMANDS_BIT, 0, 0, nullptr, 0, nullptr, 1,
                            &barrier);
}

}  // namespace vdmabuf::layer
