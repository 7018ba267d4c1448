// SPDX-License-Identifier: MIT
// Pages of ours as memory of a device.
#pragma once

#include "layer/vk_owned.hpp"
#include "runtime/producer/buffer.hpp"

namespace vdmabuf::layer {

// What is to lie in the memory, as far as an import must know.
struct ImportFor {
    std::uint32_t type_bits = 0;  // of VkMemoryRequirements
    VkImage dedicated_image = VK_NULL_HANDLE;
    VkBuffer dedicated_buffer = VK_NULL_HANDLE;
};

// A size that the import by host pointer takes.
VkDeviceSize host_pointer_size(const Device& device, VkDeviceSize size);
VkResult import_host_pointer(const Device& device, const producer::Buffer& buffer,
                             const ImportFor& use, OwnedMemory& out);
// `fd` is a dmabuf, borrowed.
VkResult import_dmabuf(const Device& device, int fd, VkDeviceSize size, const ImportFor& use,
                       OwnedMemory& out);

}  // namespace vdmabuf::layer
