// SPDX-License-Identifier: MIT
#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <optional>
#include <string>

#include "runtime/consumer/drm_modifiers.hpp"
#include "runtime/consumer/gpu/external.hpp"
#include "runtime/consumer/gpu/memory.hpp"
#include "runtime/consumer/gpu/result.hpp"
#include "runtime/consumer/rungs.hpp"

namespace vdmabuf::consumer {
namespace {

constexpr VkExternalMemoryHandleTypeFlagBits kHandle =
    VK_EXTERNAL_MEMORY_HANDLE_TYPE_DMA_BUF_BIT_EXT;

// A dmabuf of another process, and how large it really is.
struct Dmabuf {
    int fd = -1;
    std::uint64_t size = 0;
};

Result<Dmabuf> measure(const BufferFiles& files) {
    const int fd = files.files.front().get();
    const off_t end = ::lseek(fd, 0, SEEK_END);
    if (end < 0) return system_error("size of a dmabuf");
    const Dmabuf dmabuf{fd, static_cast<std::uint64_t>(end)};
    if (dmabuf.size < files.size) {
        return Error{EBADMSG, "the dmabuf has " + std::to_string(end) + " bytes, less than the " +
                                  std::to_string(files.size) + " announced"};
    }
    return dmabuf;
}

// The image or buffer that memory is imported for, if for it alone.
struct Dedicated {
    VkImage image = VK_NULL_HANDLE;
    VkBuffer buffer = VK_NULL_HANDLE;
};

Result<gpu::Memory> import_memory(const gpu::Device& device, const Dmabuf& dmabuf,
                                  const VkMemoryRequirements& requirements,
                                  const std::optional<Dedicated>& dedicated) {
    if (requirements.size > dmabuf.size) {
        return Error{ENOTSUP, "the driver wants " + std::to_string(requirements.size) +
                                  " bytes, the dmabuf has " + std::to_string(dmabuf.size)};
    }
    const auto type = gpu::find_memory_type(
        device, requirements.memoryTypeBits & device.dmabuf_types(dmabuf.fd), 0);
    if (!type) return Error{ENOTSUP, "the driver takes no memory type for the dmabuf"};
    UniqueFd copy(::fcntl(dmabuf.fd, F_DUPFD_CLOEXEC, 0));
    if (!copy) return system_error("fcntl");
    VkMemoryDedicatedAllocateInfo alone{};
    alone.sType = VK_STRUCTURE_TYPE_MEMORY_DEDICATED_ALLOCATE_INFO;
    VkImportMemoryFdInfoKHR import{};
    import.sType = VK_STRUCTURE_TYPE_IMPORT_MEMORY_FD_INFO_KHR;
    import.handleType = kHandle;
    import.fd = copy.get();
    VkMemoryAllocateInfo info{};
    info.sType = VK_STRUCTURE_TYPE_MEMORY_ALLOCATE_INFO;
    info.pNext = &import;
    info.allocationSize = dmabuf.size;
    if (dedicated) {
        alone.image = dedicated->image;
        alone.buffer = dedicated->buffer;
        import.pNext = &alone;
        info.allocationSize = requirements.size;  // VUID-VkMemoryDedicatedAllocateInfo-image-02964
    }
    info.memoryTypeIndex = *type;
    VkDeviceMemory memory = VK_NULL_HANDLE;
    const VkResult imported = vkAllocateMemory(device.get(), &info, nullptr, &memory);
    if (imported != VK_SUCCESS) return gpu::vulkan_error("the driver refuses the dmabuf", imported);
    static_cast<void>(copy.release());  // the driver's from now on
    return gpu::Memory(device.get(), memory);
}

Result<gpu::Image> make_image(const gpu::Device& device, const ImageLayout& layout) {
    std::array<VkSubresourceLayout, stream::kMaxPlanes> planes{};
    for (std::uint32_t i = 0; i < layout.plane_count; ++i) {
        planes[i].offset = layout.planes[i].offset;
        planes[i].rowPitch = layout.planes[i].pitch;
    }
    VkImageDrmFormatModifierExplicitCreateInfoEXT modifier{};
    modifier.sType = VK_STRUCTURE_TYPE_IMAGE_DRM_FORMAT_MODIFIER_EXPLICIT_CREATE_INFO_EXT;
    modifier.drmFormatModifier = layout.modifier;
    modifier.drmFormatModifierPlaneCount = layout.plane_count;
    modifier.pPlaneLayouts = planes.data();
    VkExternalMemoryImageCreateInfo external{};
    external.sType = VK_STRUCTURE_TYPE_EXTERNAL_MEMORY_IMAGE_CREATE_INFO;
    external.pNext = &modifier;
    external.handleTypes = kHandle;
    VkImageCreateInfo info{};
    info.sType = VK_STRUCTURE_TYPE_IMAGE_CREATE_INFO;
    info.pNext = &external;
    info.imageType = VK_IMAGE_TYPE_2D;
    info.format = layout.format->vulkan;
    info.extent = {layout.width, layout.height, 1};
    info.mipLevels = 1;
    info.arrayLayers = 1;
    info.samples = VK_SAMPLE_COUNT_1_BIT;
    info.tiling = VK_IMAGE_TILING_DRM_FORMAT_MODIFIER_EXT;
    info.usage = gpu::kExternalImageUsage;
    VkImage image = VK_NULL_HANDLE;
    const VkResult made = vkCreateImage(device.get(), &info, nullptr, &image);
    if (made == VK_ERROR_INVALID_DRM_FORMAT_MODIFIER_PLANE_LAYOUT_EXT) {
        return Error{ENOTSUP, "the driver refuses pitch " + std::to_string(layout.pitch) +
                                  " at offset " + std::to_string(layout.offset)};
    }
    if (made != VK_SUCCESS) return gpu::vulkan_error("vkCreateImage", made);
    return gpu::Image(device.get(), image);
}

Status as_image(const gpu::Device& device, const ImageLayout& layout, const Dmabuf& dmabuf,
                ImportedImage::Parts& parts) {
    if (!device.abilities().drm_modifier) {
        return Error{ENOTSUP, "no VK_EXT_image_drm_format_modifier"};
    }
    const auto known = find_modifier(device, layout.format->vulkan, layout.modifier);
    if (!known) return Error{ENOTSUP, "the driver does not know the modifier"};
    if (known->planes != layout.plane_count) return Error{EBADMSG, "number of planes"};
    if ((known->features & gpu::kExternalImageFeatures) != gpu::kExternalImageFeatures) {
        return Error{ENOTSUP, "the driver cannot blit from such images"};
    }
    auto offer = gpu::offered_images(device, layout.format->vulkan, layout.modifier, kHandle);
    if (!offer) return offer.error();
    if (layout.width > offer->most.width || layout.height > offer->most.height) {
        return Error{ENOTSUP, "larger than the driver's images"};
    }
    auto image = make_image(device, layout);
    if (!image) return image.error();

    VkImageMemoryRequirementsInfo2 of{};
    of.sType = VK_STRUCTURE_TYPE_IMAGE_MEMORY_REQUIREMENTS_INFO_2;
    of.image = image->get();
    VkMemoryDedicatedRequirements dedicated{};
    dedicated.sType = VK_STRUCTURE_TYPE_MEMORY_DEDICATED_REQUIREMENTS;
    VkMemoryRequirements2 requirements{};
    requirements.sType = VK_STRUCTURE_TYPE_MEMORY_REQUIREMENTS_2;
    requirements.pNext = &dedicated;
    vkGetImageMemoryRequirements2(device.get(), &of, &requirements);
    const bool alone = offer->dedicated_only || dedicated.requiresDedicatedAllocation ||
                       dedicated.prefersDedicatedAllocation;
    // Planes lie where the layout says, counted from the start of the dmabuf: bound at 0.
    auto memory = import_memory(
        device, dmabuf, requirements.memoryRequirements,
        alone ? std::optional(Dedicated{image->get(), VK_NULL_HANDLE}) : std::nullopt);
    if (!memory) return memory.error();
    const VkResult bound = vkBindImageMemory(device.get(), image->get(), memory->get(), 0);
    if (bound != VK_SUCCESS) return gpu::vulkan_error("vkBindImageMemory", bound);
    parts.image = std::move(*image);
    parts.memory = std::move(*memory);
    parts.features = known->features;
    return {};
}

Status as_buffer(const gpu::Device& device, const ImageLayout& layout, std::uint64_t buffer_size,
                 const Dmabuf& dmabuf, ImportedImage::Parts& parts) {
    if (!layout.is_linear()) return Error{ENOTSUP, "its modifier is not LINEAR"};
    if (auto whole = check_whole_pixels(layout); !whole) return whole;
    auto buffer = gpu::make_external_buffer(device, buffer_size, kHandle);
    if (!buffer) return buffer.error();
    const VkBuffer handle = buffer->buffer.get();
    auto memory = import_memory(
        device, dmabuf, buffer->requirements,
        buffer->dedicated ? std::optional(Dedicated{VK_NULL_HANDLE, handle}) : std::nullopt);
    if (!memory) return memory.error();
    const VkResult bound = vkBindBufferMemory(device.get(), handle, memory->get(), 0);
    if (bound != VK_SUCCESS) return gpu::vulkan_error("vkBindBufferMemory", bound);
    parts.buffer = std::move(buffer->buffer);
    parts.memory = std::move(*memory);
    parts.buffer_offset = layout.offset;
    parts.buffer_pitch = layout.pitch;
    return {};
}

// What both ways have in common.
template <typename As>
Rung import(const std::shared_ptr<gpu::Device>& device, const ImageLayout& layout,
            BufferFiles& files, const As& as) {
    if (files.kind != MemoryKind::dmabuf) return Error{ENOTSUP, "not offered by the broker"};
    if (!device->abilities().dmabuf) return Error{ENOTSUP, "no VK_EXT_external_memory_dma_buf"};
    auto dmabuf = measure(files);
    if (!dmabuf) return dmabuf.error();
    ImportedImage::Parts parts;
    parts.device = device;
    parts.layout = layout;
    parts.path = ImportPath::udmabuf;
    if (auto done = as(*dmabuf, parts); !done) return done.error();
    parts.dmabuf = std::move(files.files.front());
    return parts;
}

}  // namespace

Rung import_dmabuf_image(const std::shared_ptr<gpu::Device>& device, const ImageLayout& layout,
                         BufferFiles& files) {
    return import(device, layout, files, [&](const Dmabuf& dmabuf, ImportedImage::Parts& parts) {
        parts.way = layout.is_linear() ? dmabuf_image_way(layout.pitch) : Way::dmabuf_image;
        return as_image(*device, layout, dmabuf, parts);
    });
}

Rung import_dmabuf_buffer(const std::shared_ptr<gpu::Device>& device, const ImageLayout& layout,
                          BufferFiles& files) {
    return import(device, layout, files, [&](const Dmabuf& dmabuf, ImportedImage::Parts& parts) {
        parts.way = Way::dmabuf_buffer;
        return as_buffer(*device, layout, files.size, dmabuf, parts);
    });
}

}  // namespace vdmabuf::consumer
