// SPDX-License-Identifier: MIT
// VK_KHR_calibrated_timestamps for the time domains of VK_EXT_present_timing, which drivers do not
// know.
#pragma once

#include "layer/vulkan.hpp"

#ifdef VK_EXT_present_timing

namespace vdmabuf::layer {

VKAPI_ATTR VkResult VKAPI_CALL GetPhysicalDeviceCalibrateableTimeDomainsKHR(
    VkPhysicalDevice device, std::uint32_t* count, VkTimeDomainKHR* domains) noexcept;
VKAPI_ATTR VkResult VKAPI_CALL GetPhysicalDeviceCalibrateableTimeDomainsEXT(
    VkPhysicalDevice device, std::uint32_t* count, VkTimeDomainKHR* domains) noexcept;
VKAPI_ATTR VkResult VKAPI_CALL GetCalibratedTimestampsKHR(VkDevice device, std::uint32_t count,
                                                          const VkCalibratedTimestampInfoKHR* infos,
                                                          std::uint64_t* timestamps,
                                                          std::uint64_t* deviation) noexcept;
VKAPI_ATTR VkResult VKAPI_CALL GetCalibratedTimestampsEXT(VkDevice device, std::uint32_t count,
                                                          const VkCalibratedTimestampInfoKHR* infos,
                                                          std::uint64_t* timestamps,
                                                          std::uint64_t* deviation) noexcept;

}  // namespace vdmabuf::layer

#endif
