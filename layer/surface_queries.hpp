// SPDX-License-Identifier: MIT
#pragma once

#include "layer/vulkan.hpp"

namespace vdmabuf::layer {

VKAPI_ATTR VkResult VKAPI_CALL GetPhysicalDeviceSurfaceSupportKHR(VkPhysicalDevice device,
                                                                  std::uint32_t family,
                                                                  VkSurfaceKHR surface,
                                                                  VkBool32* supported) noexcept;
VKAPI_ATTR VkResult VKAPI_CALL GetPhysicalDeviceSurfaceCapabilitiesKHR(
    VkPhysicalDevice device, VkSurfaceKHR surface, VkSurfaceCapabilitiesKHR* capabilities) noexcept;
VKAPI_ATTR VkResult VKAPI_CALL GetPhysicalDeviceSurfaceCapabilities2KHR(
    VkPhysicalDevice device, const VkPhysicalDeviceSurfaceInfo2KHR* info,
    VkSurfaceCapabilities2KHR* capabilities) noexcept;
VKAPI_ATTR VkResult VKAPI_CALL
GetPhysicalDeviceSurfaceCapabilities2EXT(VkPhysicalDevice device, VkSurfaceKHR surface,
                                         VkSurfaceCapabilities2EXT* capabilities) noexcept;
VKAPI_ATTR VkResult VKAPI_CALL
GetPhysicalDeviceSurfaceFormatsKHR(VkPhysicalDevice device, VkSurfaceKHR surface,
                                   std::uint32_t* count, VkSurfaceFormatKHR* formats) noexcept;
VKAPI_ATTR VkResult VKAPI_CALL GetPhysicalDeviceSurfaceFormats2KHR(
    VkPhysicalDevice device, const VkPhysicalDeviceSurfaceInfo2KHR* info, std::uint32_t* count,
    VkSurfaceFormat2KHR* formats) noexcept;
VKAPI_ATTR VkResult VKAPI_CALL
GetPhysicalDeviceSurfacePresentModesKHR(VkPhysicalDevice device, VkSurfaceKHR surface,
                                        std::uint32_t* count, VkPresentModeKHR* modes) noexcept;
VKAPI_ATTR VkResult VKAPI_CALL GetPhysicalDevicePresentRectanglesKHR(VkPhysicalDevice device,
                                                                     VkSurfaceKHR surface,
                                                                     std::uint32_t* count,
                                                                     VkRect2D* rects) noexcept;
VKAPI_ATTR VkResult VKAPI_CALL GetDeviceGroupPresentCapabilitiesKHR(
    VkDevice device, VkDeviceGroupPresentCapabilitiesKHR* capabilities) noexcept;
VKAPI_ATTR VkResult VKAPI_CALL GetDeviceGroupSurfacePresentModesKHR(
    VkDevice device, VkSurfaceKHR surface, VkDeviceGroupPresentModeFlagsKHR* modes) noexcept;

}  // namespace vdmabuf::layer
