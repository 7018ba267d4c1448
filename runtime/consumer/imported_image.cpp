// SPDX-License-Identifier: MIT
#include "runtime/consumer/imported_image.hpp"

#include <cstring>

#include "runtime/consumer/gpu/commands.hpp"

namespace vdmabuf::consumer {

std::uint64_t ImportedImage::prepare() {
    if (!parts_.copy) return 0;
    const ImageLayout& layout = parts_.layout;
    const std::byte* from = parts_.pages.bytes() + layout.offset;
    std::byte* to = parts_.copy;
    const auto row = static_cast<std::size_t>(layout.row_bytes());
    for (std::uint32_t y = 0; y < layout.height; ++y) {
        std::memcpy(to, from, row);
        from += layout.pitch;
        to += row;
    }
    return layout.row_bytes() * layout.height;
}

// Vulkan 7.7.4: memory that another process or processor writes belongs to the queue family
// EXTERNAL or FOREIGN_EXT meanwhile; with a matching pair of layouts its contents are kept. This is
// also what makes a first use legal: an image over external memory must be created UNDEFINED
// (VUID-VkImageCreateInfo-pNext-01443), and UNDEFINED as the old layout would allow the driver to
// throw the pixels away.
void ImportedImage::transfer_ownership(VkCommandBuffer commands, bool to_us) const {
    const std::uint32_t ours = parts_.device->queue_family();
    const std::uint32_t outside = parts_.device->outside_family();
    const std::uint32_t from = to_us ? outside : ours;
    const std::uint32_t to = to_us ? ours : outside;
    const VkAccessFlags read = to_us ? VkAccessFlags{VK_ACCESS_TRANSFER_READ_BIT} : 0;

    // Whoever renders on the same physical memory is, to this device, a writer on the host.
    VkMemoryBarrier visible{};
    visible.sType = VK_STRUCTURE_TYPE_MEMORY_BARRIER;
    visible.srcAccessMask = VK_ACCESS_HOST_WRITE_BIT;
    visible.dstAccessMask = VK_ACCESS_TRANSFER_READ_BIT;

    VkImageMemoryBarrier image{};
    image.sType = VK_STRUCTURE_TYPE_IMAGE_MEMORY_BARRIER;
    image.dstAccessMask = read;
    image.oldLayout = VK_IMAGE_LAYOUT_GENERAL;
    image.newLayout = VK_IMAGE_LAYOUT_GENERAL;
    image.srcQueueFamilyIndex = from;
    image.dstQueueFamilyIndex = to;
    image.image = parts_.image.get();
    image.subresourceRange = gpu::kColourRange;

    VkBufferMemoryBarrier buffer{};
    buffer.sType = VK_STRUCTURE_TYPE_BUFFER_MEMORY_BARRIER;
    buffer.dstAccessMask = read;
    buffer.srcQueueFamilyIndex = from;
    buffer.dstQueueFamilyIndex = to;
    buffer.buffer = parts_.buffer.get();
    buffer.size = VK_WHOLE_SIZE;

    // TRANSFER before as well: an earlier submission may still read on behalf of another window
    // or a screenshot, and its give_back() comes first.
    const VkPipelineStageFlags before =
        to_us ? VK_PIPELINE_STAGE_HOST_BIT | VK_PIPELINE_STAGE_TRANSFER_BIT
              : VK_PIPELINE_STAGE_TRANSFER_BIT;
    const VkPipelineStageFlags after =
        to_us ? VK_PIPELINE_STAGE_TRANSFER_BIT : VK_PIPELINE_STAGE_BOTTOM_OF_PIPE_BIT;
    vkCmdPipelineBarrier(commands, before, after, 0, to_us ? 1 : 0, &visible, parts_.buffer ? 1 : 0,
                         &buffer, parts_.image ? 1 : 0, &image);
}

void ImportedImage::acquire(VkCommandBuffer commands) const {
    // A copy is the GPU's own memory; the submission makes the CPU's writes visible (Vulkan 7.9).
    if (!parts_.copy) transfer_ownership(commands, true);
}

void ImportedImage::give_back(VkCommandBuffer commands) const {
    if (!parts_.copy) transfer_ownership(commands, false);
}

void ImportedImage::copy_to(VkCommandBuffer commands, VkImage target) const {
    if (image() == VK_NULL_HANDLE) {
        const VkBufferImageCopy region = buffer_region();
        vkCmdCopyBufferToImage(commands, buffer(), target, VK_IMAGE_LAYOUT_TRANSFER_DST_OPTIMAL, 1,
                               &region);
        return;
    }
    VkImageCopy region{};
    region.srcSubresource = gpu::kColourLayer;
    region.dstSubresource = gpu::kColourLayer;
    region.extent = {layout().width, layout().height, 1};
    vkCmdCopyImage(commands, image(), VK_IMAGE_LAYOUT_GENERAL, target,
                   VK_IMAGE_LAYOUT_TRANSFER_DST_OPTIMAL, 1, &region);
}

VkBufferImageCopy ImportedImage::buffer_region() const {
    VkBufferImageCopy region{};
    region.bufferOffset = parts_.buffer_offset;
    region.bufferRowLength =
        static_cast<std::uint32_t>(parts_.buffer_pitch / parts_.layout.format->bytes);
    region.imageSubresource = gpu::kColourLayer;
    region.imageExtent = {parts_.layout.width, parts_.layout.height, 1};
    return region;
}

}  // namespace vdmabuf::consumer
