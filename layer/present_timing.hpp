// SPDX-License-Identifier: MIT
// VK_EXT_present_timing: how apps ask when their images were shown.
#pragma once

#include "layer/vulkan.hpp"

#ifdef VK_EXT_present_timing

namespace vdmabuf::layer {

// All times of the layer are CLOCK_MONOTONIC of the system that the app runs in: the broker
// converts those of the host (docs/protocol.md, "Clocks"). So the domains that are local to
// something have this clock too.
constexpr VkTimeDomainKHR kTimeDomains[] = {VK_TIME_DOMAIN_PRESENT_STAGE_LOCAL_EXT,
                                            VK_TIME_DOMAIN_SWAPCHAIN_LOCAL_EXT,
                                            VK_TIME_DOMAIN_CLOCK_MONOTONIC_KHR};
// Those of Vulkan's enumerations that drivers do not know.
constexpr bool is_local_domain(VkTimeDomainKHR domain) {
    return domain == VK_TIME_DOMAIN_PRESENT_STAGE_LOCAL_EXT ||
           domain == VK_TIME_DOMAIN_SWAPCHAIN_LOCAL_EXT;
}

VKAPI_ATTR VkResult VKAPI_CALL SetSwapchainPresentTimingQueueSizeEXT(VkDevice device,
                                                                     VkSwapchainKHR swapchain,
                                                                     std::uint32_t size) noexcept;
VKAPI_ATTR VkResult VKAPI_CALL GetSwapchainTimingPropertiesEXT(
    VkDevice device, VkSwapchainKHR swapchain, VkSwapchainTimingPropertiesEXT* properties,
    std::uint64_t* counter) noexcept;
VKAPI_ATTR VkResult VKAPI_CALL GetSwapchainTimeDomainPropertiesEXT(
    VkDevice device, VkSwapchainKHR swapchain, VkSwapchainTimeDomainPropertiesEXT* properties,
    std::uint64_t* counter) noexcept;
VKAPI_ATTR VkResult VKAPI_CALL
GetPastPresentationTimingEXT(VkDevice device, const VkPastPresentationTimingInfoEXT* info,
                             VkPastPresentationTimingPropertiesEXT* properties) noexcept;

}  // namespace vdmabuf::layer

#endif
