// SPDX-License-Identifier: MIT
// Images, buffers and memory. Memory is real and so are the pixels: an image of optimal tiling has
// its texels in another order than a linear one, so that nobody takes the one for the other.
#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>

#include "tests/layer/fake/driver.hpp"

namespace vdmabuf::fake {
namespace {

constexpr VkDeviceSize kPage = 4096;
constexpr auto kHostPointer = VK_EXTERNAL_MEMORY_HANDLE_TYPE_HOST_ALLOCATION_BIT_EXT;
constexpr auto kDmaBuf = VK_EXTERNAL_MEMORY_HANDLE_TYPE_DMA_BUF_BIT_EXT;
constexpr auto kOpaqueFd = VK_EXTERNAL_MEMORY_HANDLE_TYPE_OPAQUE_FD_BIT;

VkDeviceSize aligned(VkDeviceSize value, VkDeviceSize alignment) {
    return (value + alignment - 1) / alignment * alignment;
}

const External* external_of(const DeviceConfig& config, VkFlags type) {
    if (type == kHostPointer) return &config.host_pointer;
    if (type == kDmaBuf) return &config.dma_buf;
    if (type == kOpaqueFd) return &config.opaque_fd;
    return nullptr;
}

VkExternalMemoryFeatureFlags features_for(const External& external, VkImageTiling tiling) {
    switch (tiling) {
        case VK_IMAGE_TILING_LINEAR:
            return external.linear;
        case VK_IMAGE_TILING_OPTIMAL:
            return external.optimal;
        default:
            return external.modifier;
    }
}

VkFormatFeatureFlags needed_features(VkImageUsageFlags usage) {
    VkFormatFeatureFlags needed = 0;
    if (usage & VK_IMAGE_USAGE_TRANSFER_SRC_BIT) needed |= VK_FORMAT_FEATURE_TRANSFER_SRC_BIT;
    if (usage & VK_IMAGE_USAGE_TRANSFER_DST_BIT) needed |= VK_FORMAT_FEATURE_TRANSFER_DST_BIT;
    if (usage & VK_IMAGE_USAGE_SAMPLED_BIT) needed |= VK_FORMAT_FEATURE_SAMPLED_IMAGE_BIT;
    if (usage & VK_IMAGE_USAGE_STORAGE_BIT) needed |= VK_FORMAT_FEATURE_STORAGE_IMAGE_BIT;
    if (usage & (VK_IMAGE_USAGE_COLOR_ATTACHMENT_BIT | VK_IMAGE_USAGE_INPUT_ATTACHMENT_BIT)) {
        needed |= VK_FORMAT_FEATURE_COLOR_ATTACHMENT_BIT;
    }
    return needed;
}

std::uint32_t memory_types_of(const Image& image, const DeviceConfig& config) {
    const auto all = (1u << config.memory_types.size()) - 1;
    std::uint32_t types = image.info.tiling == VK_IMAGE_TILING_OPTIMAL ? config.optimal_memory_types
                                                                       : config.linear_memory_types;
    return types & all;
}

VkResult CreateImage(VkDevice handle, const VkImageCreateInfo* info,
                     const VkAllocationCallbacks* allocator, VkImage* out) {
    VkResult result = VK_SUCCESS;
    const Image* image = make_image(device_of(handle), *info, allocator, result);
    if (!image) return result;
    note("tiling", info->tiling);
    note("usage", info->usage);
    note("flags", info->flags);
    note("handleTypes", image->external);
    note("modifier", image->modifier);
    note("pitch", image->pitch);
    note("image", image->id);
    *out = handle_of<VkImage>(image->id);
    return VK_SUCCESS;
}

void DestroyImage(VkDevice handle, VkImage image, const VkAllocationCallbacks* allocator) {
    if (image == VK_NULL_HANDLE) return;
    auto* found = driver().find<Image>(image, "image", &device_of(handle));
    if (!found) return;
    if (found->of_swapchain) error("an image of a swapchain is destroyed by itself");
    driver().end(*found, allocator);
}

void GetImageMemoryRequirements(VkDevice handle, VkImage image, VkMemoryRequirements* out) {
    Device& device = device_of(handle);
    const auto* found = driver().find<Image>(image, "image", &device);
    *out = {};
    if (found) *out = {found->size, kPage, memory_types_of(*found, device.physical->config)};
}

void GetImageMemoryRequirements2(VkDevice handle, const VkImageMemoryRequirementsInfo2* info,
                                 VkMemoryRequirements2* out) {
    GetImageMemoryRequirements(handle, info->image, &out->memoryRequirements);
    for (auto* at = static_cast<VkBaseOutStructure*>(out->pNext); at; at = at->pNext) {
        if (at->sType == VK_STRUCTURE_TYPE_MEMORY_DEDICATED_REQUIREMENTS) {
            auto& dedicated = *reinterpret_cast<VkMemoryDedicatedRequirements*>(at);
            dedicated.prefersDedicatedAllocation = VK_FALSE;
            dedicated.requiresDedicatedAllocation = VK_FALSE;
        }
    }
}

void GetImageSubresourceLayout(VkDevice handle, VkImage image, const VkImageSubresource* which,
                               VkSubresourceLayout* out) {
    const auto* found = driver().find<Image>(image, "image", &device_of(handle));
    *out = {};
    if (!found) return;
    const bool by_modifier = found->info.tiling == VK_IMAGE_TILING_DRM_FORMAT_MODIFIER_EXT;
    if (found->info.tiling == VK_IMAGE_TILING_OPTIMAL) error("the layout of an optimal image");
    const VkFlags aspect =
        by_modifier ? VK_IMAGE_ASPECT_MEMORY_PLANE_0_BIT_EXT : VK_IMAGE_ASPECT_COLOR_BIT;
    if (which->aspectMask != aspect) error("a wrong aspect");
    *out = {found->offset, found->pitch * found->info.extent.height, found->pitch, 0, 0};
}

VkResult GetImageDrmFormatModifierPropertiesEXT(VkDevice handle, VkImage image,
                                                VkImageDrmFormatModifierPropertiesEXT* out) {
    const auto* found = driver().find<Image>(image, "image", &device_of(handle));
    if (!found) return VK_ERROR_OUT_OF_HOST_MEMORY;
    if (found->info.tiling != VK_IMAGE_TILING_DRM_FORMAT_MODIFIER_EXT) error("has no modifier");
    out->drmFormatModifier = found->modifier;
    return VK_SUCCESS;
}

VkResult bind_image(Device& device, VkImage image, VkDeviceMemory memory, VkDeviceSize offset) {
    auto* found = driver().find<Image>(image, "image", &device);
    auto* on = driver().find<Memory>(memory, "memory", &device);
    if (!found || !on) return VK_ERROR_OUT_OF_DEVICE_MEMORY;
    if (found->memory) error("an image is bound twice");
    if (offset % kPage != 0) error("an offset that is not aligned");
    if (offset + found->size > on->size) error("an image larger than its memory");
    if (!(memory_types_of(*found, device.physical->config) & (1u << on->type))) {
        error("a memory type that the image cannot have");
    }
    if (on->backing == Memory::Backing::host_pointer && !(found->external & kHostPointer)) {
        error("an image made without the handle type of its memory");
    }
    if (on->backing == Memory::Backing::fd && !(found->external & (kDmaBuf | kOpaqueFd))) {
        error("an image made without the handle type of its memory");
    }
    found->memory = on;
    found->memory_offset = offset;
    return VK_SUCCESS;
}

VkResult BindImageMemory(VkDevice handle, VkImage image, VkDeviceMemory memory,
                         VkDeviceSize offset) {
    return bind_image(device_of(handle), image, memory, offset);
}

VkResult BindImageMemory2(VkDevice handle, std::uint32_t count,
                          const VkBindImageMemoryInfo* infos) {
    Device& device = device_of(handle);
    for (std::uint32_t i = 0; i < count; ++i) {
        note_chain(infos[i].pNext, &device);
        const auto* of = find_in_chain<VkBindImageMemorySwapchainInfoKHR>(
            infos[i].pNext, VK_STRUCTURE_TYPE_BIND_IMAGE_MEMORY_SWAPCHAIN_INFO_KHR);
        if (of && of->swapchain != VK_NULL_HANDLE) continue;  // looked at by note_chain()
        const VkResult result =
            bind_image(device, infos[i].image, infos[i].memory, infos[i].memoryOffset);
        if (result != VK_SUCCESS) return result;
    }
    return VK_SUCCESS;
}

VkResult CreateBuffer(VkDevice handle, const VkBufferCreateInfo* info,
                      const VkAllocationCallbacks* allocator, VkBuffer* out) {
    Device& device = device_of(handle);
    note_chain(info->pNext, &device);
    auto* buffer = driver().make<Buffer>("buffer", &device, allocator);
    if (!buffer) return VK_ERROR_OUT_OF_HOST_MEMORY;
    buffer->size = info->size;
    if (const auto* external = find_in_chain<VkExternalMemoryBufferCreateInfo>(
            info->pNext, VK_STRUCTURE_TYPE_EXTERNAL_MEMORY_BUFFER_CREATE_INFO)) {
        buffer->external = external->handleTypes;
        const External* known = external_of(device.physical->config, external->handleTypes);
        if (!known || known->buffer == 0)
            error("a buffer of a handle type that buffers cannot have");
    }
    note("size", info->size);
    note("usage", info->usage);
    note("handleTypes", buffer->external);
    *out = handle_of<VkBuffer>(buffer->id);
    return VK_SUCCESS;
}

void DestroyBuffer(VkDevice handle, VkBuffer buffer, const VkAllocationCallbacks* allocator) {
    if (buffer == VK_NULL_HANDLE) return;
    auto* found = driver().find<Buffer>(buffer, "buffer", &device_of(handle));
    if (found) driver().end(*found, allocator);
}

void GetBufferMemoryRequirements(VkDevice handle, VkBuffer buffer, VkMemoryRequirements* out) {
    Device& device = device_of(handle);
    const auto* found = driver().find<Buffer>(buffer, "buffer", &device);
    *out = {};
    if (!found) return;
    *out = {aligned(found->size, 64), 64, (1u << device.physical->config.memory_types.size()) - 1};
}

VkResult BindBufferMemory(VkDevice handle, VkBuffer buffer, VkDeviceMemory memory,
                          VkDeviceSize offset) {
    Device& device = device_of(handle);
    auto* found = driver().find<Buffer>(buffer, "buffer", &device);
    auto* on = driver().find<Memory>(memory, "memory", &device);
    if (!found || !on) return VK_ERROR_OUT_OF_DEVICE_MEMORY;
    if (found->memory) error("a buffer is bound twice");
    if (offset + found->size > on->size) error("a buffer larger than its memory");
    if (on->backing == Memory::Backing::host_pointer && !(found->external & kHostPointer)) {
        error("a buffer made without the handle type of its memory");
    }
    if (on->backing == Memory::Backing::fd && !(found->external & (kDmaBuf | kOpaqueFd))) {
        error("a buffer made without the handle type of its memory");
    }
    found->memory = on;
    found->memory_offset = offset;
    return VK_SUCCESS;
}

VkResult import_host_pointer(const Device& device, const VkImportMemoryHostPointerInfoEXT& import,
                             Memory& memory) {
    const DeviceConfig& config = device.physical->config;
    const auto address = reinterpret_cast<std::uintptr_t>(import.pHostPointer);
    if (address % config.host_pointer_alignment != 0 ||
        memory.size % config.host_pointer_alignment != 0) {
        error("a host pointer or size that is not aligned");
    }
    if (!(config.host_pointer.memory_types & (1u << memory.type))) {
        error("a memory type that host pointers cannot have");
    }
    note("hostPointer", address);
    if (config.lies_about_host_pointers) {
        memory.base = static_cast<std::byte*>(std::calloc(1, memory.size));
        return memory.base ? VK_SUCCESS : VK_ERROR_OUT_OF_DEVICE_MEMORY;
    }
    memory.backing = Memory::Backing::host_pointer;
    memory.base = static_cast<std::byte*>(import.pHostPointer);
    return VK_SUCCESS;
}

VkResult import_fd(const Device& device, const VkImportMemoryFdInfoKHR& import, Memory& memory) {
    const External* external = external_of(device.physical->config, import.handleType);
    if (!external) error("a handle type that is not imported");
    if (external && !(external->memory_types & (1u << memory.type))) {
        error("a memory type that this import cannot have");
    }
    note("importedFd", static_cast<std::uint64_t>(import.fd));
    const off_t size = ::lseek(import.fd, 0, SEEK_END);
    if (size >= 0 && static_cast<VkDeviceSize>(size) < memory.size) {
        return VK_ERROR_INVALID_EXTERNAL_HANDLE;
    }
    void* mapped = ::mmap(nullptr, memory.size, PROT_READ | PROT_WRITE, MAP_SHARED, import.fd, 0);
    if (mapped == MAP_FAILED) return VK_ERROR_INVALID_EXTERNAL_HANDLE;
    memory.backing = Memory::Backing::fd;
    memory.base = static_cast<std::byte*>(mapped);
    memory.fd.reset(import.fd);
    return VK_SUCCESS;
}

VkResult make_exportable(Memory& memory) {
    memory.size = aligned(memory.size, kPage);
    const int fd = ::memfd_create("fake driver", MFD_CLOEXEC | MFD_ALLOW_SEALING);
    if (fd < 0) return VK_ERROR_OUT_OF_DEVICE_MEMORY;
    memory.fd.reset(fd);
    if (::ftruncate(fd, static_cast<off_t>(memory.size)) != 0) return VK_ERROR_OUT_OF_DEVICE_MEMORY;
    ::fcntl(fd, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW);
    void* mapped = ::mmap(nullptr, memory.size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    if (mapped == MAP_FAILED) return VK_ERROR_OUT_OF_DEVICE_MEMORY;
    memory.backing = Memory::Backing::fd;
    memory.base = static_cast<std::byte*>(mapped);
    return VK_SUCCESS;
}

VkResult AllocateMemory(VkDevice handle, const VkMemoryAllocateInfo* info,
                        const VkAllocationCallbacks* allocator, VkDeviceMemory* out) {
    Device& device = device_of(handle);
    note_chain(info->pNext, &device);
    note("size", info->allocationSize);
    note("type", info->memoryTypeIndex);
    if (info->memoryTypeIndex >= device.physical->config.memory_types.size()) {
        error("a memory type that is none");
        return VK_ERROR_OUT_OF_DEVICE_MEMORY;
    }
    auto* memory = driver().make<Memory>("memory", &device, allocator);
    if (!memory) return VK_ERROR_OUT_OF_HOST_MEMORY;
    memory->size = info->allocationSize;
    memory->type = info->memoryTypeIndex;
    VkResult result = VK_SUCCESS;
    const auto* pointer = find_in_chain<VkImportMemoryHostPointerInfoEXT>(
        info->pNext, VK_STRUCTURE_TYPE_IMPORT_MEMORY_HOST_POINTER_INFO_EXT);
    const auto* fd = find_in_chain<VkImportMemoryFdInfoKHR>(
        info->pNext, VK_STRUCTURE_TYPE_IMPORT_MEMORY_FD_INFO_KHR);
    const auto* exports = find_in_chain<VkExportMemoryAllocateInfo>(
        info->pNext, VK_STRUCTURE_TYPE_EXPORT_MEMORY_ALLOCATE_INFO);
    if (exports) note("exportTypes", exports->handleTypes);
    if (pointer && pointer->handleType != 0) {
        result = import_host_pointer(device, *pointer, *memory);
    } else if (fd && fd->handleType != 0) {
        note("importType", fd->handleType);
        result = import_fd(device, *fd, *memory);
    } else if (exports && exports->handleTypes != 0) {
        memory->exports = exports->handleTypes;
        result = make_exportable(*memory);
    } else {
        memory->base = static_cast<std::byte*>(std::calloc(1, memory->size));
        if (!memory->base) result = VK_ERROR_OUT_OF_DEVICE_MEMORY;
    }
    if (result != VK_SUCCESS) {
        driver().end(*memory, allocator);
        return result;
    }
    *out = handle_of<VkDeviceMemory>(memory->id);
    return VK_SUCCESS;
}

void FreeMemory(VkDevice handle, VkDeviceMemory memory, const VkAllocationCallbacks* allocator) {
    if (memory == VK_NULL_HANDLE) return;
    Device& device = device_of(handle);
    auto* found = driver().find<Memory>(memory, "memory", &device);
    if (!found) return;
    // What lies on it must not be in use (valid usage of vkFreeMemory).
    driver().for_each_child(device, [&](const Object& object) {
        const auto* image = dynamic_cast<const Image*>(&object);
        const auto* buffer = dynamic_cast<const Buffer*>(&object);
        if (object.pending > 0 &&
            ((image && image->memory == found) || (buffer && buffer->memory == found))) {
            error(std::string("memory of a ") + object.kind + " that is in use");
        }
    });
    driver().end(*found, allocator);
    // The pages themselves go now, so that a late access faults.
    if (found->backing == Memory::Backing::fd) ::munmap(found->base, found->size);
    if (found->backing == Memory::Backing::own) std::free(found->base);
    found->base = nullptr;
    found->fd.reset();
}

VkResult MapMemory(VkDevice handle, VkDeviceMemory memory, VkDeviceSize offset, VkDeviceSize,
                   VkMemoryMapFlags, void** out) {
    Device& device = device_of(handle);
    auto* found = driver().find<Memory>(memory, "memory", &device);
    if (!found) return VK_ERROR_MEMORY_MAP_FAILED;
    if (!(device.physical->config.memory_types[found->type].propertyFlags &
          VK_MEMORY_PROPERTY_HOST_VISIBLE_BIT)) {
        error("memory that the CPU cannot see is mapped");
    }
    if (found->mapped) error("memory is mapped twice");
    found->mapped = true;
    *out = found->base + offset;
    return VK_SUCCESS;
}

void UnmapMemory(VkDevice handle, VkDeviceMemory memory) {
    auto* found = driver().find<Memory>(memory, "memory", &device_of(handle));
    if (!found) return;
    if (!found->mapped) error("memory is unmapped that was not mapped");
    found->mapped = false;
}

VkResult flush_ranges(VkDevice handle, std::uint32_t count, const VkMappedMemoryRange* ranges) {
    Device& device = device_of(handle);
    for (std::uint32_t i = 0; i < count; ++i) {
        const auto* found = driver().find<Memory>(ranges[i].memory, "memory", &device);
        if (found && !found->mapped) error("a range of memory that is not mapped");
    }
    return VK_SUCCESS;
}

VkResult FlushMappedMemoryRanges(VkDevice handle, std::uint32_t count,
                                 const VkMappedMemoryRange* ranges) {
    return flush_ranges(handle, count, ranges);
}

VkResult InvalidateMappedMemoryRanges(VkDevice handle, std::uint32_t count,
                                      const VkMappedMemoryRange* ranges) {
    return flush_ranges(handle, count, ranges);
}

VkResult GetMemoryHostPointerPropertiesEXT(VkDevice handle, VkExternalMemoryHandleTypeFlagBits type,
                                           const void* pointer,
                                           VkMemoryHostPointerPropertiesEXT* out) {
    const DeviceConfig& config = device_of(handle).physical->config;
    if (type != kHostPointer) error("a handle type that is no host pointer");
    if (reinterpret_cast<std::uintptr_t>(pointer) % config.host_pointer_alignment != 0) {
        error("a host pointer that is not aligned");
    }
    out->memoryTypeBits = config.host_pointer.memory_types;
    return VK_SUCCESS;
}

VkResult GetMemoryFdKHR(VkDevice handle, const VkMemoryGetFdInfoKHR* info, int* out) {
    const auto* memory = driver().find<Memory>(info->memory, "memory", &device_of(handle));
    note("handleType", info->handleType);
    if (!memory) return VK_ERROR_OUT_OF_HOST_MEMORY;
    if (!(memory->exports & info->handleType)) error("memory that was not made to be exported so");
    *out = ::fcntl(memory->fd.get(), F_DUPFD_CLOEXEC, 0);
    return *out < 0 ? VK_ERROR_TOO_MANY_OBJECTS : VK_SUCCESS;
}

VkResult GetMemoryFdPropertiesKHR(VkDevice handle, VkExternalMemoryHandleTypeFlagBits type, int,
                                  VkMemoryFdPropertiesKHR* out) {
    note("handleType", type);
    if (type == kOpaqueFd) error("properties of an opaque fd");
    const External* external = external_of(device_of(handle).physical->config, type);
    if (!external || external->memory_types == 0) return VK_ERROR_INVALID_EXTERNAL_HANDLE;
    out->memoryTypeBits = external->memory_types;
    return VK_SUCCESS;
}

}  // namespace

std::uint32_t bytes_per_pixel(VkFormat format) {
    switch (format) {
        case VK_FORMAT_B8G8R8A8_UNORM:
        case VK_FORMAT_B8G8R8A8_SRGB:
        case VK_FORMAT_R8G8B8A8_UNORM:
        case VK_FORMAT_R8G8B8A8_SRGB:
        case VK_FORMAT_A2B10G10R10_UNORM_PACK32:
        case VK_FORMAT_A2R10G10B10_UNORM_PACK32:
            return 4;
        case VK_FORMAT_R16G16B16A16_SFLOAT:
            return 8;
        case VK_FORMAT_R5G6B5_UNORM_PACK16:
            return 2;
        default:
            return 0;
    }
}

VkFormatFeatureFlags features_of(const PhysicalDevice& physical, VkImageTiling tiling,
                                 std::uint64_t modifier) {
    if (tiling == VK_IMAGE_TILING_LINEAR) return physical.config.linear_features;
    if (tiling == VK_IMAGE_TILING_OPTIMAL) return physical.config.optimal_features;
    for (const Modifier& known : physical.config.modifiers) {
        if (known.modifier == modifier) return known.features;
    }
    return 0;
}

VkResult check_image(const PhysicalDevice& physical, const VkPhysicalDeviceImageFormatInfo2& info,
                     VkExternalMemoryProperties* external) {
    std::uint64_t modifier = 0;
    if (info.tiling == VK_IMAGE_TILING_DRM_FORMAT_MODIFIER_EXT) {
        const auto* by = find_in_chain<VkPhysicalDeviceImageDrmFormatModifierInfoEXT>(
            info.pNext, VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_IMAGE_DRM_FORMAT_MODIFIER_INFO_EXT);
        if (!by) {
            error("asks for a modifier without naming it");
            return VK_ERROR_FORMAT_NOT_SUPPORTED;
        }
        modifier = by->drmFormatModifier;
        note("modifier", modifier);
    }
    if (bytes_per_pixel(info.format) == 0 || info.type != VK_IMAGE_TYPE_2D) {
        return VK_ERROR_FORMAT_NOT_SUPPORTED;
    }
    const VkFormatFeatureFlags features = features_of(physical, info.tiling, modifier);
    const VkFormatFeatureFlags needed = needed_features(info.usage);
    if (features == 0 || (features & needed) != needed) return VK_ERROR_FORMAT_NOT_SUPPORTED;
    const auto* asked = find_in_chain<VkPhysicalDeviceExternalImageFormatInfo>(
        info.pNext, VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_EXTERNAL_IMAGE_FORMAT_INFO);
    if (!asked || asked->handleType == 0 || !external) return VK_SUCCESS;
    note("handleType", asked->handleType);
    // As real drivers do: success, with no feature, for what they cannot do.
    const External* known = external_of(physical.config, asked->handleType);
    if (known) external->externalMemoryFeatures = features_for(*known, info.tiling);
    external->compatibleHandleTypes = asked->handleType;
    return VK_SUCCESS;
}

Image* make_image(Device& device, const VkImageCreateInfo& info,
                  const VkAllocationCallbacks* allocator, VkResult& result) {
    const DeviceConfig& config = device.physical->config;
    note_chain(info.pNext, &device);
    const std::uint32_t texel = bytes_per_pixel(info.format);
    VkDeviceSize pitch =
        aligned(static_cast<VkDeviceSize>(info.extent.width) * texel, config.pitch_alignment);
    VkDeviceSize offset = 0;
    std::uint64_t modifier = 0;
    if (info.tiling == VK_IMAGE_TILING_DRM_FORMAT_MODIFIER_EXT) {
        const auto* chosen = find_in_chain<VkImageDrmFormatModifierExplicitCreateInfoEXT>(
            info.pNext, VK_STRUCTURE_TYPE_IMAGE_DRM_FORMAT_MODIFIER_EXPLICIT_CREATE_INFO_EXT);
        const auto* list = find_in_chain<VkImageDrmFormatModifierListCreateInfoEXT>(
            info.pNext, VK_STRUCTURE_TYPE_IMAGE_DRM_FORMAT_MODIFIER_LIST_CREATE_INFO_EXT);
        if (chosen) {
            modifier = chosen->drmFormatModifier;
            const VkSubresourceLayout& plane = chosen->pPlaneLayouts[0];
            if (plane.size != 0 || plane.arrayPitch != 0 || plane.depthPitch != 0) {
                error("a plane's layout with more than offset and pitch");
            }
            if (chosen->drmFormatModifierPlaneCount != 1 || plane.rowPitch < pitch ||
                plane.rowPitch % config.pitch_alignment != 0) {
                result = VK_ERROR_INVALID_DRM_FORMAT_MODIFIER_PLANE_LAYOUT_EXT;
                return nullptr;
            }
            pitch = plane.rowPitch;
            offset = plane.offset;
        } else if (list && list->drmFormatModifierCount > 0) {
            modifier = list->pDrmFormatModifiers[0];
        } else {
            error("an image of a modifier that is not named");
        }
    }
    const VkFormatFeatureFlags features = features_of(*device.physical, info.tiling, modifier);
    const VkFormatFeatureFlags needed = needed_features(info.usage);
    if (texel == 0 || info.imageType != VK_IMAGE_TYPE_2D || (features & needed) != needed) {
        error("an image that the device cannot have");
        result = VK_ERROR_FORMAT_NOT_SUPPORTED;
        return nullptr;
    }
    const auto* external = find_in_chain<VkExternalMemoryImageCreateInfo>(
        info.pNext, VK_STRUCTURE_TYPE_EXTERNAL_MEMORY_IMAGE_CREATE_INFO);
    if (external && external->handleTypes != 0) {
        const External* known = external_of(config, external->handleTypes);
        if (!known || features_for(*known, info.tiling) == 0) {
            error("an image of a handle type that it cannot have");
        }
    }
    if ((info.flags & VK_IMAGE_CREATE_EXTENDED_USAGE_BIT) &&
        !(info.flags & VK_IMAGE_CREATE_MUTABLE_FORMAT_BIT)) {
        error("extended usage without mutable format");
    }
    auto* image = driver().make<Image>("image", &device, allocator);
    if (!image) {
        result = VK_ERROR_OUT_OF_HOST_MEMORY;
        return nullptr;
    }
    image->info = info;
    image->info.pNext = nullptr;
    image->info.pQueueFamilyIndices = nullptr;
    image->external = external ? external->handleTypes : 0;
    image->modifier = modifier;
    image->pitch = pitch;
    image->offset = offset;
    image->size = aligned(offset + pitch * info.extent.height, kPage);
    return image;
}

Memory* make_memory(Device& device, VkDeviceSize size, std::uint32_t type) {
    auto* memory = driver().make<Memory>("memory", &device, nullptr);
    memory->size = size;
    memory->type = type;
    memory->base = static_cast<std::byte*>(std::calloc(1, size));
    return memory;
}

std::vector<Function> memory_functions() {
    const char* const modifiers = "VK_EXT_image_drm_format_modifier";
    const char* const fds = "VK_KHR_external_memory_fd";
    return {
        FAKE(CreateImage),
        FAKE(DestroyImage),
        FAKE(GetImageMemoryRequirements),
        FAKE_IN(GetImageMemoryRequirements2, "VK_KHR_get_memory_requirements2", VK_API_VERSION_1_1),
        FAKE(GetImageSubresourceLayout),
        FAKE_IN(GetImageDrmFormatModifierPropertiesEXT, modifiers, 0),
        FAKE(BindImageMemory),
        FAKE_IN(BindImageMemory2, "", VK_API_VERSION_1_1),
        FAKE(CreateBuffer),
        FAKE(DestroyBuffer),
        FAKE(GetBufferMemoryRequirements),
        FAKE(BindBufferMemory),
        FAKE(AllocateMemory),
        FAKE(FreeMemory),
        FAKE(MapMemory),
        FAKE(UnmapMemory),
        FAKE(FlushMappedMemoryRanges),
        FAKE(InvalidateMappedMemoryRanges),
        FAKE_IN(GetMemoryHostPointerPropertiesEXT, "VK_EXT_external_memory_host", 0),
        FAKE_IN(GetMemoryFdKHR, fds, 0),
        FAKE_IN(GetMemoryFdPropertiesKHR, fds, 0),
    };
}

}  // namespace vdmabuf::fake
