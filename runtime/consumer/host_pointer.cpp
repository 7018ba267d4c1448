// SPDX-License-Identifier: MIT
#include <optional>
#include <string>

#include "runtime/consumer/gpu/external.hpp"
#include "runtime/consumer/gpu/memory.hpp"
#include "runtime/consumer/gpu/result.hpp"
#include "runtime/consumer/rungs.hpp"

namespace vdmabuf::consumer {
namespace {

constexpr VkExternalMemoryHandleTypeFlagBits kHandle =
    VK_EXTERNAL_MEMORY_HANDLE_TYPE_HOST_ALLOCATION_BIT_EXT;
// Why a LINEAR image of this layout cannot be imported at all; nothing: it can.
std::optional<Error> refuse_image(const gpu::Device& device, const ImageLayout& layout) {
    auto offer = gpu::offered_images(device, layout.format->vulkan, std::nullopt, kHandle);
    if (!offer) return offer.error();
    if (offer->dedicated_only) return Error{ENOTSUP, "the driver wants dedicated allocations"};
    if (layout.width > offer->most.width || layout.height > offer->most.height) {
        return Error{ENOTSUP, "larger than the driver's images"};
    }
    const VkFormatFeatureFlags can = device.linear_features(layout.format->vulkan);
    if ((can & gpu::kExternalImageFeatures) != gpu::kExternalImageFeatures) {
        return Error{ENOTSUP, "the driver cannot blit from linear images"};
    }
    return std::nullopt;
}

Result<gpu::Image> make_image(const gpu::Device& device, const ImageLayout& layout) {
    VkExternalMemoryImageCreateInfo external{};
    external.sType = VK_STRUCTURE_TYPE_EXTERNAL_MEMORY_IMAGE_CREATE_INFO;
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
    info.tiling = VK_IMAGE_TILING_LINEAR;
    info.usage = gpu::kExternalImageUsage;
    VkImage image = VK_NULL_HANDLE;
    const VkResult made = vkCreateImage(device.get(), &info, nullptr, &image);
    if (made != VK_SUCCESS) return gpu::vulkan_error("vkCreateImage", made);
    return gpu::Image(device.get(), image);
}

Result<gpu::Memory> import_memory(const gpu::Device& device, const Mapping& pages,
                                  std::uint32_t type_bits) {
    // No type at all is also how a driver refuses pages that it may not write to.
    const auto type =
        gpu::find_memory_type(device, type_bits & device.host_pointer_types(pages.data()), 0);
    if (!type) return Error{ENOTSUP, "the driver takes no memory type for read-only pages"};
    VkImportMemoryHostPointerInfoEXT import{};
    import.sType = VK_STRUCTURE_TYPE_IMPORT_MEMORY_HOST_POINTER_INFO_EXT;
    import.handleType = kHandle;
    import.pHostPointer = pages.data();
    VkMemoryAllocateInfo info{};
    info.sType = VK_STRUCTURE_TYPE_MEMORY_ALLOCATE_INFO;
    info.pNext = &import;
    info.allocationSize = pages.size();
    info.memoryTypeIndex = *type;
    VkDeviceMemory memory = VK_NULL_HANDLE;
    const VkResult imported = vkAllocateMemory(device.get(), &info, nullptr, &memory);
    if (imported != VK_SUCCESS) return gpu::vulkan_error("the driver refuses the pages", imported);
    return gpu::Memory(device.get(), memory);
}

Status as_image(const gpu::Device& device, const ImageLayout& layout, const Mapping& pages,
                ImportedImage::Parts& parts) {
    if (const auto refused = refuse_image(device, layout)) return *refused;
    auto image = make_image(device, layout);
    if (!image) return image.error();
    const VkImageSubresource subresource{VK_IMAGE_ASPECT_COLOR_BIT, 0, 0};
    VkSubresourceLayout drivers{};
    vkGetImageSubresourceLayout(device.get(), image->get(), &subresource, &drivers);
    if (drivers.rowPitch != layout.pitch && layout.height > 1) {
        return Error{ENOTSUP, "the driver's pitch is " + std::to_string(drivers.rowPitch) +
                                  ", the stream's " + std::to_string(layout.pitch)};
    }
    VkMemoryRequirements requirements{};
    vkGetImageMemoryRequirements(device.get(), image->get(), &requirements);
    if (layout.offset < drivers.offset ||
        (layout.offset - drivers.offset) % requirements.alignment != 0) {
        return Error{ENOTSUP, "offset " + std::to_string(layout.offset) + " is not aligned"};
    }
    const std::uint64_t bind_at = layout.offset - drivers.offset;
    if (bind_at > pages.size() || requirements.size > pages.size() - bind_at) {
        return Error{ENOTSUP, "the driver's image needs " + std::to_string(requirements.size) +
                                  " bytes, the buffer has fewer"};
    }
    auto memory = import_memory(device, pages, requirements.memoryTypeBits);
    if (!memory) return memory.error();
    const VkResult bound = vkBindImageMemory(device.get(), image->get(), memory->get(), bind_at);
    if (bound != VK_SUCCESS) return gpu::vulkan_error("vkBindImageMemory", bound);
    parts.image = std::move(*image);
    parts.memory = std::move(*memory);
    parts.features = device.linear_features(layout.format->vulkan);
    return {};
}

Status as_buffer(const gpu::Device& device, const ImageLayout& layout, std::uint64_t buffer_size,
                 const Mapping& pages, ImportedImage::Parts& parts) {
    if (auto whole = check_whole_pixels(layout); !whole) return whole;
    auto buffer = gpu::make_external_buffer(device, buffer_size, kHandle);
    if (!buffer) return buffer.error();
    const VkBuffer handle = buffer->buffer.get();
    const VkMemoryRequirements& requirements = buffer->requirements;
    if (requirements.size > pages.size()) return Error{ENOTSUP, "the driver's buffer is larger"};
    auto memory = import_memory(device, pages, requirements.memoryTypeBits);
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
Rung import(const std::shared_ptr<gpu::Device>& device, const ImageLayout& layout, Mapping& pages,
            const As& as) {
    const gpu::ImportAbilities& can = device->abilities();
    if (!can.host_pointer) return Error{ENOTSUP, "no VK_EXT_external_memory_host"};
    if (reinterpret_cast<std::uintptr_t>(pages.data()) % can.host_pointer_align != 0 ||
        pages.size() % can.host_pointer_align != 0) {
        return Error{ENOTSUP, "the driver wants host pointers aligned to " +
                                  std::to_string(can.host_pointer_align)};
    }
    ImportedImage::Parts parts;
    parts.device = device;
    parts.layout = layout;
    parts.path = ImportPath::host_pointer;
    if (auto done = as(parts); !done) return done.error();
    parts.pages = std::move(pages);
    return parts;
}

}  // namespace

Rung import_host_pointer_image(const std::shared_ptr<gpu::Device>& device,
                               const ImageLayout& layout, Mapping& pages) {
    return import(device, layout, pages, [&](ImportedImage::Parts& parts) {
        parts.way = Way::host_pointer_image;
        return as_image(*device, layout, pages, parts);
    });
}

Rung import_host_pointer_buffer(const std::shared_ptr<gpu::Device>& device,
                                const ImageLayout& layout, std::uint64_t buffer_size,
                                Mapping& pages) {
    return import(device, layout, pages, [&](ImportedImage::Parts& parts) {
        parts.way = Way::host_pointer_buffer;
        return as_buffer(*device, layout, buffer_size, pages, parts);
    });
}

}  // namespace vdmabuf::consumer
