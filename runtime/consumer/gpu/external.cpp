// SPDX-License-Identifier: MIT
#include "runtime/consumer/gpu/external.hpp"

#include "runtime/consumer/gpu/result.hpp"

namespace vdmabuf::gpu {

Result<ImageOffer> offered_images(const Device& device, VkFormat format,
                                  std::optional<std::uint64_t> modifier,
                                  VkExternalMemoryHandleTypeFlagBits handle) {
    VkPhysicalDeviceExternalImageFormatInfo external{};
    external.sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_EXTERNAL_IMAGE_FORMAT_INFO;
    external.handleType = handle;
    VkPhysicalDeviceImageDrmFormatModifierInfoEXT drm{};
    drm.sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_IMAGE_DRM_FORMAT_MODIFIER_INFO_EXT;
    drm.sharingMode = VK_SHARING_MODE_EXCLUSIVE;
    if (modifier) {
        drm.drmFormatModifier = *modifier;
        external.pNext = &drm;
    }
    VkPhysicalDeviceImageFormatInfo2 info{};
    info.sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_IMAGE_FORMAT_INFO_2;
    info.pNext = &external;
    info.format = format;
    info.type = VK_IMAGE_TYPE_2D;
    info.tiling = modifier ? VK_IMAGE_TILING_DRM_FORMAT_MODIFIER_EXT : VK_IMAGE_TILING_LINEAR;
    info.usage = kExternalImageUsage;
    VkExternalImageFormatProperties offered{};
    offered.sType = VK_STRUCTURE_TYPE_EXTERNAL_IMAGE_FORMAT_PROPERTIES;
    VkImageFormatProperties2 properties{};
    properties.sType = VK_STRUCTURE_TYPE_IMAGE_FORMAT_PROPERTIES_2;
    properties.pNext = &offered;
    const VkResult asked =
        vkGetPhysicalDeviceImageFormatProperties2(device.physical(), &info, &properties);
    if (asked == VK_ERROR_FORMAT_NOT_SUPPORTED) {
        return Error{ENOTSUP, "the driver has no such images of the format"};
    }
    if (asked != VK_SUCCESS) return vulkan_error("no such images of the format", asked);
    const VkExternalMemoryFeatureFlags can =
        offered.externalMemoryProperties.externalMemoryFeatures;
    // Some drivers answer VK_SUCCESS without any feature for handle types that they do not know.
    if (!(can & VK_EXTERNAL_MEMORY_FEATURE_IMPORTABLE_BIT)) {
        return Error{ENOTSUP, "the driver imports no such images"};
    }
    return ImageOffer{properties.imageFormatProperties.maxExtent,
                      (can & VK_EXTERNAL_MEMORY_FEATURE_DEDICATED_ONLY_BIT) != 0};
}

Result<ExternalBuffer> make_external_buffer(const Device& device, VkDeviceSize size,
                                            VkExternalMemoryHandleTypeFlagBits handle) {
    VkPhysicalDeviceExternalBufferInfo asked{};
    asked.sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_EXTERNAL_BUFFER_INFO;
    asked.usage = VK_BUFFER_USAGE_TRANSFER_SRC_BIT;
    asked.handleType = handle;
    VkExternalBufferProperties offered{};
    offered.sType = VK_STRUCTURE_TYPE_EXTERNAL_BUFFER_PROPERTIES;
    vkGetPhysicalDeviceExternalBufferProperties(device.physical(), &asked, &offered);
    const VkExternalMemoryFeatureFlags can =
        offered.externalMemoryProperties.externalMemoryFeatures;
    if (!(can & VK_EXTERNAL_MEMORY_FEATURE_IMPORTABLE_BIT)) {
        return Error{ENOTSUP, "the driver imports no buffers"};
    }
    VkExternalMemoryBufferCreateInfo external{};
    external.sType = VK_STRUCTURE_TYPE_EXTERNAL_MEMORY_BUFFER_CREATE_INFO;
    external.handleTypes = handle;
    VkBufferCreateInfo info{};
    info.sType = VK_STRUCTURE_TYPE_BUFFER_CREATE_INFO;
    info.pNext = &external;
    info.size = size;
    info.usage = asked.usage;
    VkBuffer buffer = VK_NULL_HANDLE;
    const VkResult made = vkCreateBuffer(device.get(), &info, nullptr, &buffer);
    if (made != VK_SUCCESS) return vulkan_error("vkCreateBuffer", made);
    ExternalBuffer result;
    result.buffer = Buffer(device.get(), buffer);

    VkBufferMemoryRequirementsInfo2 of{};
    of.sType = VK_STRUCTURE_TYPE_BUFFER_MEMORY_REQUIREMENTS_INFO_2;
    of.buffer = buffer;
    VkMemoryDedicatedRequirements dedicated{};
    dedicated.sType = VK_STRUCTURE_TYPE_MEMORY_DEDICATED_REQUIREMENTS;
    VkMemoryRequirements2 requirements{};
    requirements.sType = VK_STRUCTURE_TYPE_MEMORY_REQUIREMENTS_2;
    requirements.pNext = &dedicated;
    vkGetBufferMemoryRequirements2(device.get(), &of, &requirements);
    result.requirements = requirements.memoryRequirements;
    result.dedicated = (can & VK_EXTERNAL_MEMORY_FEATURE_DEDICATED_ONLY_BIT) != 0 ||
                       dedicated.requiresDedicatedAllocation ||
                       dedicated.prefersDedicatedAllocation;
    return result;
}

}  // namespace vdmabuf::gpu
