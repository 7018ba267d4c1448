// SPDX-License-Identifier: MIT
#pragma once

#include <vulkan/vulkan_core.h>

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>

#include "runtime/common/result.hpp"
#include "runtime/consumer/gpu/device.hpp"
#include "runtime/consumer/gpu/handles.hpp"

namespace vdmabuf::gpu {

// The first memory type of `type_bits` that has all `flags`.
std::optional<std::uint32_t> find_memory_type(const Device& device, std::uint32_t type_bits,
                                              VkMemoryPropertyFlags flags);

// A buffer that the CPU sees, mapped and coherent. Holds its device.
struct HostBuffer {
    std::shared_ptr<Device> device;
    Memory memory;
    Buffer buffer;
    std::byte* bytes = nullptr;  // ends with the object
    VkDeviceSize size = 0;
};
// `cached`: for reading by the CPU.
Result<HostBuffer> make_host_buffer(std::shared_ptr<Device> device, VkDeviceSize size,
                                    VkBufferUsageFlags usage, bool cached);

// An image of the GPU's own, of one level and layer, in the layout UNDEFINED. Holds its device.
struct OwnImage {
    std::shared_ptr<Device> device;
    Memory memory;
    Image image;
};
Result<OwnImage> make_image(std::shared_ptr<Device> device, VkFormat format, VkExtent2D extent,
                            VkImageUsageFlags usage);

}  // namespace vdmabuf::gpu
