// SPDX-License-Identifier: MIT
// VK_KHR_display, VK_KHR_get_display_properties2 and VK_EXT_direct_mode_display for the one virtual
// display. Handles of it never reach anybody below: drivers need not have these extensions.
#pragma once

#include "layer/vulkan.hpp"

namespace vdmabuf::layer {

VKAPI_ATTR VkResult VKAPI_CALL GetPhysicalDeviceDisplayPropertiesKHR(
    VkPhysicalDevice device, std::uint32_t* count, VkDisplayPropertiesKHR* properties) noexcept;
VKAPI_ATTR VkResult VKAPI_CALL GetPhysicalDeviceDisplayProperties2KHR(
    VkPhysicalDevice device, std::uint32_t* count, VkDisplayProperties2KHR* properties) noexcept;
VKAPI_ATTR VkResult VKAPI_CALL
GetPhysicalDeviceDisplayPlanePropertiesKHR(VkPhysicalDevice device, std::uint32_t* count,
                                           VkDisplayPlanePropertiesKHR* properties) noexcept;
VKAPI_ATTR VkResult VKAPI_CALL
GetPhysicalDeviceDisplayPlaneProperties2KHR(VkPhysicalDevice device, std::uint32_t* count,
                                            VkDisplayPlaneProperties2KHR* properties) noexcept;
VKAPI_ATTR VkResult VKAPI_CALL GetDisplayPlaneSupportedDisplaysKHR(VkPhysicalDevice device,
                                                                   std::uint32_t plane,
                                                                   std::uint32_t* count,
                                                                   VkDisplayKHR* displays) noexcept;
VKAPI_ATTR VkResult VKAPI_CALL
GetDisplayModePropertiesKHR(VkPhysicalDevice device, VkDisplayKHR display, std::uint32_t* count,
                            VkDisplayModePropertiesKHR* properties) noexcept;
VKAPI_ATTR VkResult VKAPI_CALL
GetDisplayModeProperties2KHR(VkPhysicalDevice device, VkDisplayKHR display, std::uint32_t* count,
                             VkDisplayModeProperties2KHR* properties) noexcept;
VKAPI_ATTR VkResult VKAPI_CALL CreateDisplayModeKHR(VkPhysicalDevice device, VkDisplayKHR display,
                                                    const VkDisplayModeCreateInfoKHR* info,
                                                    const VkAllocationCallbacks* allocator,
                                                    VkDisplayModeKHR* mode) noexcept;
VKAPI_ATTR VkResult VKAPI_CALL
GetDisplayPlaneCapabilitiesKHR(VkPhysicalDevice device, VkDisplayModeKHR mode, std::uint32_t plane,
                               VkDisplayPlaneCapabilitiesKHR* capabilities) noexcept;
VKAPI_ATTR VkResult VKAPI_CALL
GetDisplayPlaneCapabilities2KHR(VkPhysicalDevice device, const VkDisplayPlaneInfo2KHR* info,
                                VkDisplayPlaneCapabilities2KHR* capabilities) noexcept;
VKAPI_ATTR VkResult VKAPI_CALL ReleaseDisplayEXT(VkPhysicalDevice device,
                                                 VkDisplayKHR display) noexcept;
VKAPI_ATTR VkResult VKAPI_CALL CreateDisplayPlaneSurfaceKHR(
    VkInstance instance, const VkDisplaySurfaceCreateInfoKHR* info,
    const VkAllocationCallbacks* allocator, VkSurfaceKHR* surface) noexcept;

}  // namespace vdmabuf::layer
