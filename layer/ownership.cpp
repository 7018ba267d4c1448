// SPDX-License-Identifier: MIT
#include "layer/ownership.hpp"

namespace vdmabuf::layer {
namespace {

VkImageMemoryBarrier image_barrier(VkImage image, VkImageLayout layout) {
    VkImageMemoryBarrier barrier{};
    barrier.sType = VK_STRUCTURE_TYPE_IMAGE_MEMORY_BARRIER;
    barrier.oldLayout = layout;
    barrier.newLayout = layout;
    barrier.srcQueueFamilyIndex = VK_QUEUE_FAMILY_IGNORED;
    barrier.dstQueueFamilyIndex = VK_QUEUE_FAMILY_IGNORED;
    barrier.image = image;
    barrier.subresourceRange = {VK_IMAGE_ASPECT_COLOR_BIT, 0, 1, 0, 1};
    return barrier;
}

VkBufferMemoryBarrier buffer_barrier(VkBuffer buffer) {
    VkBufferMemoryBarrier barrier{};
    barrier.sType = VK_STRUCTURE_TYPE_BUFFER_MEMORY_BARRIER;
    barrier.srcAccessMask = VK_ACCESS_TRANSFER_WRITE_BIT;
    barrier.srcQueueFamilyIndex = VK_QUEUE_FAMILY_IGNORED;
    barrier.dstQueueFamilyIndex = VK_QUEUE_FAMILY_IGNORED;
    barrier.buffer = buffer;
    barrier.size = VK_WHOLE_SIZE;
    return barrier;
}

void record(const DeviceDispatch& down, VkCommandBuffer commands, VkPipelineStageFlags from,
            VkPipelineStageFlags to, const VkBufferMemoryBarrier* buffer,
            const VkImageMemoryBarrier* image) {
    down.CmdPipelineBarrier(commands, from, to, 0, 0, nullptr, buffer ? 1 : 0, buffer,
                            image ? 1 : 0, image);
}

}  // namespace

void image_to_host(const DeviceDispatch& down, VkCommandBuffer commands, VkImage image,
                   VkImageLayout layout) {
    // No change of layout: a linear image is read as it lies, and the app gets it back as it gave
    // it.
    VkImageMemoryBarrier barrier = image_barrier(image, layout);
    barrier.srcAccessMask = VK_ACCESS_MEMORY_WRITE_BIT;
    barrier.dstAccessMask = VK_ACCESS_HOST_READ_BIT;
    record(down, commands, VK_PIPELINE_STAGE_ALL_COMMANDS_BIT, VK_PIPELINE_STAGE_HOST_BIT, nullptr,
           &barrier);
}

void buffer_to_host(const DeviceDispatch& down, VkCommandBuffer commands, VkBuffer buffer) {
    VkBufferMemoryBarrier barrier = buffer_barrier(buffer);
    barrier.dstAccessMask = VK_ACCESS_HOST_READ_BIT;
    record(down, commands, VK_PIPELINE_STAGE_TRANSFER_BIT, VK_PIPELINE_STAGE_HOST_BIT, &barrier,
           nullptr);
}

void image_to_foreign(const Device& device, VkCommandBuffer commands, VkImage image,
                      std::uint32_t family, VkSharingMode sharing, VkImageLayout layout) {
    const DeviceDispatch& down = device.down();
    if (!device.abilities().foreign_queue || layout == VK_IMAGE_LAYOUT_SHARED_PRESENT_KHR) {
        image_to_host(down, commands, image, layout);
        return;
    }
    // Of what families share, none is the owner.
    if (sharing == VK_SHARING_MODE_CONCURRENT) family = VK_QUEUE_FAMILY_IGNORED;
    VkImageMemoryBarrier away = image_barrier(image, layout);
    away.srcAccessMask = VK_ACCESS_MEMORY_WRITE_BIT;
    away.newLayout = VK_IMAGE_LAYOUT_GENERAL;
    away.srcQueueFamilyIndex = family;
    away.dstQueueFamilyIndex = VK_QUEUE_FAMILY_FOREIGN_EXT;
    record(down, commands, VK_PIPELINE_STAGE_ALL_COMMANDS_BIT, VK_PIPELINE_STAGE_ALL_COMMANDS_BIT,
           nullptr, &away);
    VkImageMemoryBarrier back = image_barrier(image, layout);
    back.oldLayout = VK_IMAGE_LAYOUT_GENERAL;
    back.srcQueueFamilyIndex = VK_QUEUE_FAMILY_FOREIGN_EXT;
    back.dstQueueFamilyIndex = family;
    record(down, commands, VK_PIPELINE_STAGE_ALL_COMMANDS_BIT, VK_PIPELINE_STAGE_ALL_COMMANDS_BIT,
           nullptr, &back);
}

void buffer_to_foreign(const Device& device, VkCommandBuffer commands, VkBuffer buffer,
                       std::uint32_t family) {
    if (!device.abilities().foreign_queue) {
        buffer_to_host(device.down(), commands, buffer);
        return;
    }
    VkBufferMemoryBarrier barrier = buffer_barrier(buffer);
    barrier.srcQueueFamilyIndex = family;
    barrier.dstQueueFamilyIndex = VK_QUEUE_FAMILY_FOREIGN_EXT;
    record(device.down(), commands, VK_PIPELINE_STAGE_TRANSFER_BIT,
           VK_PIPELINE_STAGE_BOTTOM_OF_PIPE_BIT, &barrier, nullptr);
}

}  // namespace vdmabuf::layer
