// SPDX-License-Identifier: MIT
#pragma once

#include "layer/vulkan.hpp"

namespace vdmabuf::layer {

VKAPI_ATTR VkResult VKAPI_CALL
ReleaseSwapchainImagesEXT(VkDevice device, const VkReleaseSwapchainImagesInfoEXT* info) noexcept;
VKAPI_ATTR VkResult VKAPI_CALL
ReleaseSwapchainImagesKHR(VkDevice device, const VkReleaseSwapchainImagesInfoEXT* info) noexcept;

}  // namespace vdmabuf::layer
