// SPDX-License-Identifier: MIT
#pragma once

#include <array>
#include <vector>

#include "layer/extensions.hpp"
#include "layer/vulkan.hpp"

namespace vdmabuf::layer {

class Instance;

// What the layer needs to know of a GPU, asked once.
struct PhysicalDevice {
    PhysicalDevice(const Instance& instance, VkPhysicalDevice device);

    bool has_extension(const char* name) const;
    // A queue of this family can carry a present: it must be able to copy, or to wait at least.
    bool can_present(std::uint32_t family) const;
    // Index of a memory type within `bits`: one with all of `required`, and of `wanted` if there is
    // one. UINT32_MAX when there is none.
    std::uint32_t memory_type(std::uint32_t bits, VkMemoryPropertyFlags required,
                              VkMemoryPropertyFlags wanted) const;

    VkPhysicalDevice handle = VK_NULL_HANDLE;
    std::uint32_t api_version = 0;  // the lower one of the app's and the device's
    std::vector<VkExtensionProperties> extensions;
    std::vector<VkQueueFamilyProperties> families;
    VkPhysicalDeviceMemoryProperties memory{};
    VkPhysicalDeviceLimits limits{};
    bool has_swapchain = false;  // without it PRESENT_SRC is no layout: the layer steps aside
    VkPhysicalDeviceType type = VK_PHYSICAL_DEVICE_TYPE_OTHER;
    VkDriverId driver = VK_DRIVER_ID_MAX_ENUM;            // if it says so
    std::array<std::uint8_t, VK_UUID_SIZE> cache_uuid{};  // of this driver on this kind of GPU
    VkDeviceSize host_pointer_alignment = 4096;
    bool imports_sync_fd = false;  // into semaphores and fences
    bool exports_sync_fd = false;  // out of semaphores
    ExtensionSet driver_has;       // of the extensions that the layer knows
    ExtensionSet served;           // by the layer, on this device
    std::vector<VkSurfaceFormatKHR> formats;
    VkImageUsageFlags usage = 0;  // of the first format
};

}  // namespace vdmabuf::layer
