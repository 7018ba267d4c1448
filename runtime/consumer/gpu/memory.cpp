// SPDX-License-Identifier: MIT
#include "runtime/consumer/gpu/memory.hpp"

#include "runtime/consumer/gpu/result.hpp"

namespace vdmabuf::gpu {
namespace {

Result<Memory> allocate(const Device& device, const VkMemoryRequirements& requirements,
                        std::uint32_t type) {
    VkMemoryAllocateInfo info{};
    info.sType = VK_STRUCTURE_TYPE_MEMORY_ALLOCATE_INFO;
    info.allocationSize = requirements.size;
    info.memoryTypeIndex = type;
    VkDeviceMemory memory = VK_NULL_HANDLE;
    const VkResult allocated = vkAllocateMemory(device.get(), &info, nullptr, &memory);
    if (allocated != VK_SUCCESS) return vulkan_error("GPU memory", allocated);
    return Memory(device.get(), memory);
}

}  // namespace

std::optional<std::uint32_t> find_memory_type(const Device& device, std::uint32_t type_bits,
                                              VkMemoryPropertyFlags flags) {
    VkPhysicalDeviceMemoryProperties properties{};
    vkGetPhysicalDeviceMemoryProperties(device.physical(), &properties);
    for (std::uint32_t i = 0; i < properties.memoryTypeCount; ++i) {
        if (type_bits >> i & 1 && (properties.memoryTypes[i].propertyFlags & flags) == flags) {
            return i;
        }
    }
    return std::nullopt;
}

Result<HostBuffer> make_host_buffer(std::shared_ptr<Device> device, VkDeviceSize size,
                                    VkBufferUsageFlags usage, bool cached) {
    HostBuffer result;
    result.device = std::move(device);
    result.size = size;
    const VkDevice vk = result.device->get();
    VkBufferCreateInfo info{};
    info.sType = VK_STRUCTURE_TYPE_BUFFER_CREATE_INFO;
    info.size = size;
    info.usage = usage;
    VkBuffer buffer = VK_NULL_HANDLE;
    if (const VkResult made = vkCreateBuffer(vk, &info, nullptr, &buffer); made != VK_SUCCESS) {
        return vulkan_error("vkCreateBuffer", made);
    }
    result.buffer = Buffer(vk, buffer);
    VkMemoryRequirements requirements{};
    vkGetBufferMemoryRequirements(vk, buffer, &requirements);
    constexpr VkMemoryPropertyFlags kSeen =
        VK_MEMORY_PROPERTY_HOST_VISIBLE_BIT | VK_MEMORY_PROPERTY_HOST_COHERENT_BIT;
    std::optional<std::uint32_t> type;
    if (cached) {
        type = find_memory_type(*result.device, requirements.memoryTypeBits,
                                kSeen | VK_MEMORY_PROPERTY_HOST_CACHED_BIT);
    }
    // The specification promises a type with these two for every buffer.
    if (!type) type = find_memory_type(*result.device, requirements.memoryTypeBits, kSeen);
    if (!type) return Error{ENOTSUP, "no memory that CPU and GPU can see"};
    auto memory = allocate(*result.device, requirements, *type);
    if (!memory) return memory.error();
    result.memory = std::move(*memory);
    void* address = nullptr;
    VkResult done = vkBindBufferMemory(vk, buffer, result.memory.get(), 0);
    if (done == VK_SUCCESS) {
        done = vkMapMemory(vk, result.memory.get(), 0, VK_WHOLE_SIZE, 0, &address);
    }
    if (done != VK_SUCCESS) return vulkan_error("vkMapMemory", done);
    result.bytes = static_cast<std::byte*>(address);
    return result;
}

Result<OwnImage> make_image(std::shared_ptr<Device> device, VkFormat format, VkExtent2D extent,
                            VkImageUsageFlags usage) {
    OwnImage result;
    result.device = std::move(device);
    const VkDevice vk = result.device->get();
    VkImageCreateInfo info{};
    info.sType = VK_STRUCTURE_TYPE_IMAGE_CREATE_INFO;
    info.imageType = VK_IMAGE_TYPE_2D;
    info.format = format;
    info.extent = {extent.width, extent.height, 1};
    info.mipLevels = 1;
    info.arrayLayers = 1;
    info.samples = VK_SAMPLE_COUNT_1_BIT;
    info.tiling = VK_IMAGE_TILING_OPTIMAL;
    info.usage = usage;
    VkImage image = VK_NULL_HANDLE;
    if (const VkResult made = vkCreateImage(vk, &info, nullptr, &image); made != VK_SUCCESS) {
        return vulkan_error("vkCreateImage", made);
    }
    result.image = Image(vk, image);
    VkMemoryRequirements requirements{};
    vkGetImageMemoryRequirements(vk, image, &requirements);
    auto type = find_memory_type(*result.device, requirements.memoryTypeBits,
                                 VK_MEMORY_PROPERTY_DEVICE_LOCAL_BIT);
    if (!type) type = find_memory_type(*result.device, requirements.memoryTypeBits, 0);
    if (!type) return Error{ENOTSUP, "no memory for an image"};
    auto memory = allocate(*result.device, requirements, *type);
    if (!memory) return memory.error();
    result.memory = std::move(*memory);
    const VkResult bound = vkBindImageMemory(vk, image, result.memory.get(), 0);
    if (bound != VK_SUCCESS) return vulkan_error("vkBindImageMemory", bound);
    return result;
}

}  // namespace vdmabuf::gpu
