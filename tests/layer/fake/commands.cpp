// SPDX-License-Identifier: MIT
// Command buffers: what is recorded is done, later, by the device's thread.
#include <algorithm>
#include <cstring>

#include "tests/layer/fake/driver.hpp"

namespace vdmabuf::fake {
namespace {

VkResult CreateCommandPool(VkDevice handle, const VkCommandPoolCreateInfo* info,
                           const VkAllocationCallbacks* allocator, VkCommandPool* out) {
    auto* pool = driver().make<CommandPool>("command pool", &device_of(handle), allocator);
    if (!pool) return VK_ERROR_OUT_OF_HOST_MEMORY;
    pool->family = info->queueFamilyIndex;
    note("family", pool->family);
    *out = handle_of<VkCommandPool>(pool->id);
    return VK_SUCCESS;
}

void DestroyCommandPool(VkDevice handle, VkCommandPool pool,
                        const VkAllocationCallbacks* allocator) {
    if (pool == VK_NULL_HANDLE) return;
    auto* found = driver().find<CommandPool>(pool, "command pool", &device_of(handle));
    if (!found) return;
    std::vector<Object*> buffers;
    driver().for_each_child(*found, [&](Object& object) { buffers.push_back(&object); });
    for (Object* buffer : buffers) driver().end(*buffer, nullptr);
    driver().end(*found, allocator);
}

VkResult ResetCommandPool(VkDevice handle, VkCommandPool pool, VkCommandPoolResetFlags) {
    auto* found = driver().find<CommandPool>(pool, "command pool", &device_of(handle));
    if (!found) return VK_ERROR_OUT_OF_DEVICE_MEMORY;
    driver().for_each_child(*found, [&](Object& object) {
        if (object.pending > 0) error("a command buffer in use is reset");
        static_cast<CommandBuffer&>(object).state = CommandBuffer::State::initial;
    });
    return VK_SUCCESS;
}

VkResult AllocateCommandBuffers(VkDevice handle, const VkCommandBufferAllocateInfo* info,
                                VkCommandBuffer* out) {
    auto* pool = driver().find<CommandPool>(info->commandPool, "command pool", &device_of(handle));
    if (!pool) return VK_ERROR_OUT_OF_HOST_MEMORY;
    for (std::uint32_t i = 0; i < info->commandBufferCount; ++i) {
        auto* buffer = driver().make<CommandBuffer>("command buffer", pool, nullptr);
        buffer->pool = pool;
        buffer->handle = {{ICD_LOADER_MAGIC}, buffer};
        out[i] = reinterpret_cast<VkCommandBuffer>(&buffer->handle);
    }
    return VK_SUCCESS;
}

void FreeCommandBuffers(VkDevice, VkCommandPool, std::uint32_t count,
                        const VkCommandBuffer* buffers) {
    for (std::uint32_t i = 0; i < count; ++i) {
        if (buffers[i]) driver().end(command_buffer_of(buffers[i]), nullptr);
    }
}

// Only through the loader's pointer in the buffer can a layer below find its way: trap 2.
void expect_loader_data(const CommandBuffer& buffer) {
    if (buffer.handle.loader_data.loaderMagic == ICD_LOADER_MAGIC) {
        error("a command buffer without the loader's data (vkSetDeviceLoaderData)");
    }
}

VkResult BeginCommandBuffer(VkCommandBuffer handle, const VkCommandBufferBeginInfo* info) {
    CommandBuffer& buffer = command_buffer_of(handle);
    expect_loader_data(buffer);
    if (buffer.pending > 0) error("a command buffer in use is recorded");
    buffer.state = CommandBuffer::State::recording;
    buffer.usage = info->flags;
    buffer.commands.clear();
    buffer.used.clear();
    note("flags", info->flags);
    return VK_SUCCESS;
}

VkResult EndCommandBuffer(VkCommandBuffer handle) {
    CommandBuffer& buffer = command_buffer_of(handle);
    if (buffer.state != CommandBuffer::State::recording) error("is not being recorded");
    buffer.state = CommandBuffer::State::executable;
    return VK_SUCCESS;
}

VkResult ResetCommandBuffer(VkCommandBuffer handle, VkCommandBufferResetFlags) {
    CommandBuffer& buffer = command_buffer_of(handle);
    if (buffer.pending > 0) error("a command buffer in use is reset");
    buffer.state = CommandBuffer::State::initial;
    return VK_SUCCESS;
}

std::string move_image(Image& image, const VkImageMemoryBarrier& barrier, const Queue& queue) {
    const bool transfer = barrier.srcQueueFamilyIndex != barrier.dstQueueFamilyIndex;
    if (transfer && barrier.srcQueueFamilyIndex == queue.family) {
        if (image.owner != VK_QUEUE_FAMILY_IGNORED && image.owner != queue.family) {
            return "an image is released by a family that does not own it";
        }
        image.owner = barrier.dstQueueFamilyIndex;
    } else if (transfer && barrier.dstQueueFamilyIndex == queue.family) {
        image.owner = VK_QUEUE_FAMILY_IGNORED;  // whoever uses it next
    } else if (transfer) {
        return "an ownership transfer between two families that are others";
    }
    if (barrier.oldLayout != VK_IMAGE_LAYOUT_UNDEFINED && barrier.oldLayout != image.layout) {
        return "an image is in layout " + std::to_string(image.layout) + " and not in " +
               std::to_string(barrier.oldLayout);
    }
    image.layout = barrier.newLayout;
    return {};
}

void CmdPipelineBarrier(VkCommandBuffer handle, VkPipelineStageFlags from, VkPipelineStageFlags to,
                        VkDependencyFlags, std::uint32_t, const VkMemoryBarrier*,
                        std::uint32_t buffer_count, const VkBufferMemoryBarrier* buffers,
                        std::uint32_t image_count, const VkImageMemoryBarrier* images) {
    CommandBuffer& buffer = command_buffer_of(handle);
    const Object* device = buffer.pool->parent;
    note("srcStages", from);
    note("dstStages", to);
    note("images", image_count);
    note("buffers", buffer_count);
    for (std::uint32_t i = 0; i < image_count; ++i) {
        const VkImageMemoryBarrier barrier = images[i];
        auto* image = driver().find<Image>(barrier.image, "image", device);
        note("image", image ? image->id : 0);
        note("oldLayout", barrier.oldLayout);
        note("newLayout", barrier.newLayout);
        note("srcFamily", barrier.srcQueueFamilyIndex);
        note("dstFamily", barrier.dstQueueFamilyIndex);
        note("srcAccess", barrier.srcAccessMask);
        note("dstAccess", barrier.dstAccessMask);
        if (!image) continue;
        if (!image->memory) error("an image without memory");
        record(buffer, [=](const Queue& queue) { return move_image(*image, barrier, queue); },
               {image});
    }
    for (std::uint32_t i = 0; i < buffer_count; ++i) {
        auto* found = driver().find<Buffer>(buffers[i].buffer, "buffer", device);
        note("bufferSrcFamily", buffers[i].srcQueueFamilyIndex);
        note("bufferDstFamily", buffers[i].dstQueueFamilyIndex);
        note("bufferDstAccess", buffers[i].dstAccessMask);
        if (found) record(buffer, [](const Queue&) { return std::string(); }, {found});
    }
}

std::string copy(const Image& image, VkImageLayout layout, const Buffer& buffer,
                 const VkBufferImageCopy& region, bool to_buffer, const Queue& queue) {
    if (auto wrong = usable(image, layout, queue); !wrong.empty()) return wrong;
    if (!buffer.memory || buffer.memory->dead) return "a buffer without memory";
    const std::uint32_t size = bytes_per_pixel(image.info.format);
    const std::uint32_t row =
        region.bufferRowLength ? region.bufferRowLength : region.imageExtent.width;
    if (region.bufferOffset + (static_cast<VkDeviceSize>(row) * (region.imageExtent.height - 1) +
                               region.imageExtent.width) *
                                  size >
        buffer.size) {
        return "a copy beyond the end of a buffer";
    }
    std::byte* const base = buffer.memory->base + buffer.memory_offset + region.bufferOffset;
    for (std::uint32_t y = 0; y < region.imageExtent.height; ++y) {
        for (std::uint32_t x = 0; x < region.imageExtent.width; ++x) {
            std::byte* const here = base + (static_cast<VkDeviceSize>(y) * row + x) * size;
            std::byte* const there =
                texel_at(image, x + static_cast<std::uint32_t>(region.imageOffset.x),
                         y + static_cast<std::uint32_t>(region.imageOffset.y));
            std::memcpy(to_buffer ? here : there, to_buffer ? there : here, size);
        }
    }
    return {};
}

void record_copy(VkCommandBuffer handle, VkImage image, VkImageLayout layout, VkBuffer buffer,
                 std::uint32_t count, const VkBufferImageCopy* regions, bool to_buffer) {
    CommandBuffer& commands = command_buffer_of(handle);
    const Object* device = commands.pool->parent;
    auto* found = driver().find<Image>(image, "image", device);
    auto* with = driver().find<Buffer>(buffer, "buffer", device);
    if (!found || !with) return;
    const VkImageUsageFlags needed =
        to_buffer ? VK_IMAGE_USAGE_TRANSFER_SRC_BIT : VK_IMAGE_USAGE_TRANSFER_DST_BIT;
    if (!(found->info.usage & needed)) error("an image without the usage for a copy");
    note("image", found->id);
    note("rowLength", regions[0].bufferRowLength);
    for (std::uint32_t i = 0; i < count; ++i) {
        const VkBufferImageCopy region = regions[i];
        record(commands,
               [=](const Queue& queue) {
                   return copy(*found, layout, *with, region, to_buffer, queue);
               },
               {found, with});
    }
}

void CmdCopyImageToBuffer(VkCommandBuffer handle, VkImage image, VkImageLayout layout,
                          VkBuffer buffer, std::uint32_t count, const VkBufferImageCopy* regions) {
    record_copy(handle, image, layout, buffer, count, regions, true);
}

void CmdCopyBufferToImage(VkCommandBuffer handle, VkBuffer buffer, VkImage image,
                          VkImageLayout layout, std::uint32_t count,
                          const VkBufferImageCopy* regions) {
    record_copy(handle, image, layout, buffer, count, regions, false);
}

void CmdCopyImage(VkCommandBuffer handle, VkImage from, VkImageLayout from_layout, VkImage to,
                  VkImageLayout to_layout, std::uint32_t count, const VkImageCopy* regions) {
    CommandBuffer& commands = command_buffer_of(handle);
    const Object* device = commands.pool->parent;
    auto* source = driver().find<Image>(from, "image", device);
    auto* target = driver().find<Image>(to, "image", device);
    if (!source || !target) return;
    for (std::uint32_t i = 0; i < count; ++i) {
        const VkImageCopy region = regions[i];
        record(commands,
               [=](const Queue& queue) {
                   if (auto wrong = usable(*source, from_layout, queue); !wrong.empty())
                       return wrong;
                   if (auto wrong = usable(*target, to_layout, queue); !wrong.empty()) return wrong;
                   const std::uint32_t size = bytes_per_pixel(source->info.format);
                   for (std::uint32_t y = 0; y < region.extent.height; ++y) {
                       for (std::uint32_t x = 0; x < region.extent.width; ++x) {
                           std::memcpy(texel_at(*target, x, y), texel_at(*source, x, y), size);
                       }
                   }
                   return std::string();
               },
               {source, target});
    }
}

}  // namespace

CommandBuffer& command_buffer_of(VkCommandBuffer handle) {
    return *dispatched<CommandBuffer>(handle, "command buffer");
}

// A command that uses the objects.
void record(CommandBuffer& buffer, Command command, std::initializer_list<Object*> used) {
    if (buffer.state != CommandBuffer::State::recording) error("is not being recorded");
    for (Object* object : used) {
        if (object) buffer.used.insert(object);
    }
    buffer.commands.push_back(std::move(command));
}

// Where the texel (x, y) lies.
std::byte* texel_at(const Image& image, std::uint32_t x, std::uint32_t y) {
    const std::uint32_t size = bytes_per_pixel(image.info.format);
    if (image.info.tiling == VK_IMAGE_TILING_OPTIMAL) x = image.info.extent.width - 1 - x;
    return image.pixels() + y * image.pitch + static_cast<VkDeviceSize>(x) * size;
}

std::string usable(const Image& image, VkImageLayout layout, const Queue& queue) {
    if (!image.memory || image.memory->dead) return "an image without memory";
    if (image.layout != layout) {
        return "an image is in layout " + std::to_string(image.layout) + " and not in " +
               std::to_string(layout);
    }
    if (image.owner != VK_QUEUE_FAMILY_IGNORED && image.owner != queue.family) {
        return "an image that family " + std::to_string(image.owner) + " owns";
    }
    return {};
}

std::vector<Function> command_functions() {
    return {
        FAKE(CreateCommandPool),      FAKE(DestroyCommandPool),   FAKE(ResetCommandPool),
        FAKE(AllocateCommandBuffers), FAKE(FreeCommandBuffers),   FAKE(BeginCommandBuffer),
        FAKE(EndCommandBuffer),       FAKE(ResetCommandBuffer),   FAKE(CmdPipelineBarrier),
        FAKE(CmdCopyImageToBuffer),   FAKE(CmdCopyBufferToImage), FAKE(CmdCopyImage),
    };
}

}  // namespace vdmabuf::fake
