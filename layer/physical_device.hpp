// SPDX-License-Identifier: MIT
#pragma once

#include <vector>

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
    bool has_host_pointer = false;
    VkDeviceSize host_pointer_alignment = 4096;
    bool has_sync_fd = false;  // semaphores and fences take a SYNC_FD
    std::vector<VkSurfaceFormatKHR> formats;
    VkImageUsageFlags usage = 0;  // of the first format
};

}  // namespace vdmabuf::layer
