// SPDX-License-Identifier: MIT
#include "layer/reimported_image.hpp"

#include "layer/imported_pages.hpp"
#include "layer/ownership.hpp"
#include "layer/physical_device.hpp"

namespace vdmabuf::layer {

VkResult ReimportedImage::init(const Device& device, const ImageRequest& request,
                               const SharedImage& exported) {
    const DeviceDispatch& down = device.down();
    VkImage handle = VK_NULL_HANDLE;
    VkResult result = exported.create_alias(device, request, nullptr, &handle);
    if (result != VK_SUCCESS) return result;
    image_ = OwnedImage(device, handle);
    VkMemoryRequirements needs{};
    down.GetImageMemoryRequirements(device.handle(), handle, &needs);
    const producer::Buffer& buffer = *exported.buffer();
    result = import_dmabuf(device, buffer.fd.get(), buffer.size, {needs.memoryTypeBits, handle},
                           memory_);
    if (result != VK_SUCCESS) return result;
    result = down.BindImageMemory(device.handle(), handle, memory_.get(), 0);
    return result == VK_SUCCESS ? init_copy(device, request) : result;
}

VkResult ReimportedImage::init_copy(const Device& device, const ImageRequest& request) {
    const DeviceDispatch& down = device.down();
    extent_ = request.extent;
    size_ = std::size_t{extent_.width} * extent_.height * request.format.bytes_per_pixel;
    VkBufferCreateInfo info{};
    info.sType = VK_STRUCTURE_TYPE_BUFFER_CREATE_INFO;
    info.size = size_;
    info.usage = VK_BUFFER_USAGE_TRANSFER_DST_BIT;
    VkBuffer handle = VK_NULL_HANDLE;
    VkResult result = down.CreateBuffer(device.handle(), &info, nullptr, &handle);
    if (result != VK_SUCCESS) return result;
    copy_ = OwnedBuffer(device, handle);
    VkMemoryRequirements needs{};
    down.GetBufferMemoryRequirements(device.handle(), handle, &needs);
    const std::uint32_t type = device.physical().memory_type(
        needs.memoryTypeBits,
        VK_MEMORY_PROPERTY_HOST_VISIBLE_BIT | VK_MEMORY_PROPERTY_HOST_COHERENT_BIT,
        VK_MEMORY_PROPERTY_HOST_CACHED_BIT);
    if (type == UINT32_MAX) return VK_ERROR_OUT_OF_DEVICE_MEMORY;
    result = allocate(device, needs.size, type, nullptr, copy_memory_);
    if (result != VK_SUCCESS) return result;
    result = down.BindBufferMemory(device.handle(), handle, copy_memory_.get(), 0);
    if (result != VK_SUCCESS) return result;
    void* mapped = nullptr;
    result = down.MapMemory(device.handle(), copy_memory_.get(), 0, VK_WHOLE_SIZE, 0, &mapped);
    pixels_ = static_cast<const std::byte*>(mapped);
    return result;
}

void ReimportedImage::record(const Device& device, VkCommandBuffer commands,
                             std::uint32_t family) const {
    const DeviceDispatch& down = device.down();
    VkImageMemoryBarrier taken{};
    taken.sType = VK_STRUCTURE_TYPE_IMAGE_MEMORY_BARRIER;
    taken.dstAccessMask = VK_ACCESS_TRANSFER_READ_BIT;
    taken.oldLayout = VK_IMAGE_LAYOUT_GENERAL;
    taken.newLayout = VK_IMAGE_LAYOUT_TRANSFER_SRC_OPTIMAL;
    taken.srcQueueFamilyIndex = VK_QUEUE_FAMILY_FOREIGN_EXT;
    taken.dstQueueFamilyIndex = family;
    taken.image = image_.get();
    taken.subresourceRange = {VK_IMAGE_ASPECT_COLOR_BIT, 0, 1, 0, 1};
    down.CmdPipelineBarrier(commands, VK_PIPELINE_STAGE_ALL_COMMANDS_BIT,
                            VK_PIPELINE_STAGE_TRANSFER_BIT, 0, 0, nullptr, 0, nullptr, 1, &taken);
    VkBufferImageCopy region{};
    region.imageSubresource = {VK_IMAGE_ASPECT_COLOR_BIT, 0, 0, 1};
    region.imageExtent = {extent_.width, extent_.height, 1};
    down.CmdCopyImageToBuffer(commands, image_.get(), VK_IMAGE_LAYOUT_TRANSFER_SRC_OPTIMAL,
                              copy_.get(), 1, &region);
    buffer_to_host(down, commands, copy_.get());
}

}  // namespace vdmabuf::layer
