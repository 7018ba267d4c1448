// SPDX-License-Identifier: MIT
#include "layer/physical_device.hpp"

#include <algorithm>
#include <cstring>

#include "layer/formats.hpp"
#include "layer/instance.hpp"

namespace vdmabuf::layer {
namespace {

VkExternalSemaphoreFeatureFlags semaphore_features(const InstanceDispatch& down,
                                                   VkPhysicalDevice device) {
    if (!down.GetPhysicalDeviceExternalSemaphoreProperties) return 0;
    VkPhysicalDeviceExternalSemaphoreInfo info{
        VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_EXTERNAL_SEMAPHORE_INFO, nullptr,
        VK_EXTERNAL_SEMAPHORE_HANDLE_TYPE_SYNC_FD_BIT};
    VkExternalSemaphoreProperties found{};
    found.sType = VK_STRUCTURE_TYPE_EXTERNAL_SEMAPHORE_PROPERTIES;
    down.GetPhysicalDeviceExternalSemaphoreProperties(device, &info, &found);
    return found.externalSemaphoreFeatures;
}

VkExternalFenceFeatureFlags fence_features(const InstanceDispatch& down, VkPhysicalDevice device) {
    if (!down.GetPhysicalDeviceExternalFenceProperties) return 0;
    VkPhysicalDeviceExternalFenceInfo info{VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_EXTERNAL_FENCE_INFO,
                                           nullptr, VK_EXTERNAL_FENCE_HANDLE_TYPE_SYNC_FD_BIT};
    VkExternalFenceProperties found{};
    found.sType = VK_STRUCTURE_TYPE_EXTERNAL_FENCE_PROPERTIES;
    down.GetPhysicalDeviceExternalFenceProperties(device, &info, &found);
    return found.externalFenceFeatures;
}

VkImageUsageFlags usage_of(VkFormatFeatureFlags features) {
    VkImageUsageFlags usage = 0;
    if (features & VK_FORMAT_FEATURE_COLOR_ATTACHMENT_BIT) {
        usage |= VK_IMAGE_USAGE_COLOR_ATTACHMENT_BIT | VK_IMAGE_USAGE_INPUT_ATTACHMENT_BIT;
    }
    if (features & VK_FORMAT_FEATURE_SAMPLED_IMAGE_BIT) usage |= VK_IMAGE_USAGE_SAMPLED_BIT;
    if (features & VK_FORMAT_FEATURE_STORAGE_IMAGE_BIT) usage |= VK_IMAGE_USAGE_STORAGE_BIT;
    // Devices of Vulkan 1.0 do not report the transfer features, and can copy whatever has another.
    if (features) usage |= VK_IMAGE_USAGE_TRANSFER_SRC_BIT | VK_IMAGE_USAGE_TRANSFER_DST_BIT;
    return usage;
}

}  // namespace

PhysicalDevice::PhysicalDevice(const Instance& instance, VkPhysicalDevice device) : handle(device) {
    const InstanceDispatch& down = instance.down();
    VkPhysicalDeviceProperties properties{};
    down.GetPhysicalDeviceProperties(device, &properties);
    limits = properties.limits;
    type = properties.deviceType;
    std::copy(std::begin(properties.pipelineCacheUUID), std::end(properties.pipelineCacheUUID),
              cache_uuid.begin());
    api_version = std::min(properties.apiVersion, instance.api_version());

    std::uint32_t count = 0;
    if (down.EnumerateDeviceExtensionProperties(device, nullptr, &count, nullptr) == VK_SUCCESS) {
        extensions.resize(count);
        down.EnumerateDeviceExtensionProperties(device, nullptr, &count, extensions.data());
        extensions.resize(count);
    }
    down.GetPhysicalDeviceQueueFamilyProperties(device, &count, nullptr);
    families.resize(count);
    down.GetPhysicalDeviceQueueFamilyProperties(device, &count, families.data());
    down.GetPhysicalDeviceMemoryProperties(device, &memory);

    has_swapchain = has_extension(VK_KHR_SWAPCHAIN_EXTENSION_NAME);
    if (down.GetPhysicalDeviceProperties2) {
        VkPhysicalDeviceProperties2 properties2{};
        properties2.sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_PROPERTIES_2;
        VkPhysicalDeviceExternalMemoryHostPropertiesEXT host{};
        host.sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_EXTERNAL_MEMORY_HOST_PROPERTIES_EXT;
        if (has_extension(VK_EXT_EXTERNAL_MEMORY_HOST_EXTENSION_NAME)) properties2.pNext = &host;
        VkPhysicalDeviceDriverProperties driver_properties{};
        driver_properties.sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_DRIVER_PROPERTIES;
        driver_properties.pNext = properties2.pNext;
        if (properties.apiVersion >= VK_API_VERSION_1_2 ||
            has_extension(VK_KHR_DRIVER_PROPERTIES_EXTENSION_NAME)) {
            properties2.pNext = &driver_properties;
        }
        down.GetPhysicalDeviceProperties2(device, &properties2);
        host_pointer_alignment = std::max<VkDeviceSize>(host.minImportedHostPointerAlignment, 4096);
        if (driver_properties.driverID != 0) driver = driver_properties.driverID;
    }
    if (has_extension(VK_KHR_EXTERNAL_SEMAPHORE_FD_EXTENSION_NAME) &&
        has_extension(VK_KHR_EXTERNAL_FENCE_FD_EXTENSION_NAME)) {
        const auto semaphores = semaphore_features(down, device);
        imports_sync_fd = (semaphores & VK_EXTERNAL_SEMAPHORE_FEATURE_IMPORTABLE_BIT) &&
                          (fence_features(down, device) & VK_EXTERNAL_FENCE_FEATURE_IMPORTABLE_BIT);
        exports_sync_fd = semaphores & VK_EXTERNAL_SEMAPHORE_FEATURE_EXPORTABLE_BIT;
    }

    for (const VkExtensionProperties& extension : extensions) {
        const Extension known = find_extension(extension.extensionName);
        if (known != Extension::none) add(driver_has, known);
    }
    served = served_extensions(*this);

    for (const Format& format : known_formats()) {
        VkFormatProperties features{};
        down.GetPhysicalDeviceFormatProperties(device, format.format, &features);
        // What cannot be rendered to in linear tiling is copied out of an optimal image.
        const VkImageUsageFlags can = usage_of(features.optimalTilingFeatures);
        if (!(can & VK_IMAGE_USAGE_COLOR_ATTACHMENT_BIT)) continue;
        if (formats.empty()) usage = can;
        formats.push_back({format.format, VK_COLOR_SPACE_SRGB_NONLINEAR_KHR});
    }
}

bool PhysicalDevice::has_extension(const char* name) const {
    return std::any_of(extensions.begin(), extensions.end(), [&](const auto& extension) {
        return std::strcmp(extension.extensionName, name) == 0;
    });
}

bool PhysicalDevice::can_present(std::uint32_t family) const {
    constexpr VkQueueFlags kUseful =
        VK_QUEUE_GRAPHICS_BIT | VK_QUEUE_COMPUTE_BIT | VK_QUEUE_TRANSFER_BIT;
    return has_swapchain && family < families.size() && (families[family].queueFlags & kUseful);
}

std::uint32_t PhysicalDevice::memory_type(std::uint32_t bits, VkMemoryPropertyFlags required,
                                          VkMemoryPropertyFlags wanted) const {
    std::uint32_t found = UINT32_MAX;
    for (std::uint32_t i = 0; i < memory.memoryTypeCount; ++i) {
        const VkMemoryPropertyFlags flags = memory.memoryTypes[i].propertyFlags;
        if (!(bits & (1u << i)) || (flags & required) != required) continue;
        if ((flags & wanted) == wanted) return i;
        if (found == UINT32_MAX) found = i;
    }
    return found;
}

}  // namespace vdmabuf::layer
