// SPDX-License-Identifier: MIT
#include <optional>
#include <string>

#include "runtime/consumer/gpu/memory.hpp"
#include "runtime/consumer/gpu/result.hpp"
#include "runtime/consumer/rungs.hpp"

namespace vdmabuf::consumer {
namespace {

constexpr VkExternalMemoryHandleTypeFlagBits kHandle =
    VK_EXTERNAL_MEMORY_HANDLE_TYPE_HOST_ALLOCATION_BIT_EXT;
constexpr VkImageUsageFlags kUsage = VK_IMAGE_USAGE_TRANSFER_SRC_BIT;

// Why a LINEAR image of this layout cannot be imported at all; nothing: it can.
std::optional<Error> refuse_image(const gpu::Device& device, const ImageLayout& layout) {
    VkPhysicalDeviceExternalImageFormatInfo external{};
    external.sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_EXTERNAL_IMAGE_FORMAT_INFO;
    external.handleType = kHandle;
    VkPhysicalDeviceImageFormatInfo2 info{};
    info.sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_IMAGE_FORMAT_INFO_2;
    info.pNext = &external;
    info.format = layout.format->vulkan;
    info.type = VK_IMAGE_TYPE_2D;
    info.tiling = VK_IMAGE_TILING_LINEAR;
    info.usage = kUsage;
    VkExternalImageFormatProperties offered{};
    offered.sType = VK_STRUCTURE_TYPE_EXTERNAL_IMAGE_FORMAT_PROPERTIES;
    VkImageFormatProperties2 properties{};
    properties.sType = VK_STRUCTURE_TYPE_IMAGE_FORMAT_PROPERTIES_2;
    properties.pNext = &offered;
    const VkResult asked =
        vkGetPhysicalDeviceImageFormatProperties2(device.physical(), &info, &properties);
    if (asked != VK_SUCCESS) return gpu::vulkan_error("no linear images of the format", asked);
    // Some drivers answer VK_SUCCESS without any feature for handle types that they do not know.
    if (!(offered.externalMemoryProperties.externalMemoryFeatures &
          VK_EXTERNAL_MEMORY_FEATURE_IMPORTABLE_BIT)) {
        return Error{ENOTSUP, "the driver imports no images from host pointers"};
    }
    if (offered.externalMemoryProperties.externalMemoryFeatures &
        VK_EXTERNAL_MEMORY_FEATURE_DEDICATED_ONLY_BIT) {
        return Error{ENOTSUP, "the driver wants dedicated allocations"};
    }
    const VkExtent3D& most = properties.imageFormatProperties.maxExtent;
    if (layout.width > most.width || layout.height > most.height) {
        return Error{ENOTSUP, "larger than the driver's images"};
    }
    VkFormatProperties format{};
    vkGetPhysicalDeviceFormatProperties(device.physical(), info.format, &format);
    constexpr VkFormatFeatureFlags kNeeded =
        VK_FORMAT_FEATURE_BLIT_SRC_BIT | VK_FORMAT_FEATURE_TRANSFER_SRC_BIT;
    if ((format.linearTilingFeatures & kNeeded) != kNeeded) {
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
    info.usage = kUsage;
    VkImage image = VK_NULL_HANDLE;
    const VkResult made = vkCreateImage(device.get(), &info, nullptr, &image);
    if (made != VK_SUCCESS) return gpu::vulkan_error("vkCreateImage", made);
    return gpu::Image(device.get(), image);
}

Result<gpu::Buffer> make_buffer(const gpu::Device& device, std::uint64_t size) {
    VkPhysicalDeviceExternalBufferInfo asked{};
    asked.sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_EXTERNAL_BUFFER_INFO;
    asked.usage = VK_BUFFER_USAGE_TRANSFER_SRC_BIT;
    asked.handleType = kHandle;
    VkExternalBufferProperties offered{};
    offered.sType = VK_STRUCTURE_TYPE_EXTERNAL_BUFFER_PROPERTIES;
    vkGetPhysicalDeviceExternalBufferProperties(device.physical(), &asked, &offered);
    if (!(offered.externalMemoryProperties.externalMemoryFeatures &
          VK_EXTERNAL_MEMORY_FEATURE_IMPORTABLE_BIT)) {
        return Error{ENOTSUP, "the driver imports no buffers from host pointers"};
    }
    VkExternalMemoryBufferCreateInfo external{};
    external.sType = VK_STRUCTURE_TYPE_EXTERNAL_MEMORY_BUFFER_CREATE_INFO;
    external.handleTypes = kHandle;
    VkBufferCreateInfo info{};
    info.sType = VK_STRUCTURE_TYPE_BUFFER_CREATE_INFO;
    info.pNext = &external;
    info.size = size;
    info.usage = asked.usage;
    VkBuffer buffer = VK_NULL_HANDLE;
    const VkResult made = vkCreateBuffer(device.get(), &info, nullptr, &buffer);
    if (made != VK_SUCCESS) return gpu::vulkan_error("vkCreateBuffer", made);
    return gpu::Buffer(device.get(), buffer);
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
    return {};
}

Status as_buffer(const gpu::Device& device, const ImageLayout& layout, std::uint64_t buffer_size,
                 const Mapping& pages, ImportedImage::Parts& parts) {
    // VkBufferImageCopy counts the pitch in pixels and wants the offset at a multiple of 4.
    const std::uint32_t unit = layout.format->bytes < 4 ? 4 : layout.format->bytes;
    if (layout.pitch % layout.format->bytes != 0 || layout.offset % unit != 0) {
        return Error{ENOTSUP, "the rows do not start at whole pixels"};
    }
    auto buffer = make_buffer(device, buffer_size);
    if (!buffer) return buffer.error();
    VkMemoryRequirements requirements{};
    vkGetBufferMemoryRequirements(device.get(), buffer->get(), &requirements);
    if (requirements.size > pages.size()) return Error{ENOTSUP, "the driver's buffer is larger"};
    auto memory = import_memory(device, pages, requirements.memoryTypeBits);
    if (!memory) return memory.error();
    const VkResult bound = vkBindBufferMemory(device.get(), buffer->get(), memory->get(), 0);
    if (bound != VK_SUCCESS) return gpu::vulkan_error("vkBindBufferMemory", bound);
    parts.buffer = std::move(*buffer);
    parts.memory = std::move(*memory);
    parts.buffer_offset = layout.offset;
    parts.buffer_pitch = layout.pitch;
    return {};
}

}  // namespace

Rung import_host_pointer(const std::shared_ptr<gpu::Device>& device, const ImageLayout& layout,
                         std::uint64_t buffer_size, Mapping& pages) {
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
    const Status image = as_image(*device, layout, pages, parts);
    if (image) {
        parts.reason = "VkImage";
    } else {
        const Status buffer = as_buffer(*device, layout, buffer_size, pages, parts);
        if (!buffer) return buffer.error();
        parts.reason = "VkBuffer (" + image.error().text + ")";
    }
    parts.pages = std::move(pages);
    return parts;
}

}  // namespace vdmabuf::consumer
