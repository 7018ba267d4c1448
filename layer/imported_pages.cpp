// SPDX-License-Identifier: MIT
#include "layer/imported_pages.hpp"

#include <fcntl.h>

#include "layer/image_create.hpp"
#include "layer/physical_device.hpp"

namespace vdmabuf::layer {

VkDeviceSize host_pointer_size(const Device& device, VkDeviceSize size) {
    const VkDeviceSize alignment = device.physical().host_pointer_alignment;
    return (size + alignment - 1) / alignment * alignment;
}

VkResult import_host_pointer(const Device& device, const producer::Buffer& buffer,
                             const ImportFor& use, OwnedMemory& out) {
    constexpr auto kHandleType = VK_EXTERNAL_MEMORY_HANDLE_TYPE_HOST_ALLOCATION_BIT_EXT;
    void* const pages = buffer.mapping.data();
    const VkDeviceSize alignment = device.physical().host_pointer_alignment;
    if (reinterpret_cast<std::uintptr_t>(pages) % alignment != 0 || buffer.size % alignment != 0) {
        return VK_ERROR_INVALID_EXTERNAL_HANDLE;
    }
    VkMemoryHostPointerPropertiesEXT properties{};
    properties.sType = VK_STRUCTURE_TYPE_MEMORY_HOST_POINTER_PROPERTIES_EXT;
    const VkResult result = device.down().GetMemoryHostPointerPropertiesEXT(
        device.handle(), kHandleType, pages, &properties);
    if (result != VK_SUCCESS) return result;
    // Nobody could make what the GPU wrote visible to the host otherwise: it does not map this.
    const std::uint32_t type = device.physical().memory_type(
        use.type_bits & properties.memoryTypeBits,
        VK_MEMORY_PROPERTY_HOST_VISIBLE_BIT | VK_MEMORY_PROPERTY_HOST_COHERENT_BIT,
        VK_MEMORY_PROPERTY_HOST_CACHED_BIT);
    if (type == UINT32_MAX) return VK_ERROR_OUT_OF_DEVICE_MEMORY;
    const VkImportMemoryHostPointerInfoEXT import{
        VK_STRUCTURE_TYPE_IMPORT_MEMORY_HOST_POINTER_INFO_EXT, nullptr, kHandleType, pages};
    return allocate(device, buffer.size, type, &import, out);
}

VkResult import_dmabuf(const Device& device, int fd, VkDeviceSize size, const ImportFor& use,
                       OwnedMemory& out) {
    constexpr auto kHandleType = VK_EXTERNAL_MEMORY_HANDLE_TYPE_DMA_BUF_BIT_EXT;
    VkMemoryFdPropertiesKHR properties{};
    properties.sType = VK_STRUCTURE_TYPE_MEMORY_FD_PROPERTIES_KHR;
    VkResult result =
        device.down().GetMemoryFdPropertiesKHR(device.handle(), kHandleType, fd, &properties);
    if (result != VK_SUCCESS) return result;
    const std::uint32_t type =
        device.physical().memory_type(use.type_bits & properties.memoryTypeBits, 0, 0);
    if (type == UINT32_MAX) return VK_ERROR_OUT_OF_DEVICE_MEMORY;
    // The driver takes the descriptor when it succeeds.
    UniqueFd own(::fcntl(fd, F_DUPFD_CLOEXEC, 0));
    if (!own) return VK_ERROR_TOO_MANY_OBJECTS;
    const VkMemoryDedicatedAllocateInfo dedicated{VK_STRUCTURE_TYPE_MEMORY_DEDICATED_ALLOCATE_INFO,
                                                  nullptr, use.dedicated_image,
                                                  use.dedicated_buffer};
    VkImportMemoryFdInfoKHR import{VK_STRUCTURE_TYPE_IMPORT_MEMORY_FD_INFO_KHR, nullptr,
                                   kHandleType, own.get()};
    if (use.dedicated_image || use.dedicated_buffer) import.pNext = &dedicated;
    result = allocate(device, size, type, &import, out);
    if (result == VK_SUCCESS) (void)own.release();
    return result;
}

}  // namespace vdmabuf::layer
