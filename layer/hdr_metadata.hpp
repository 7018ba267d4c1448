// SPDX-License-Identifier: MIT
#pragma once

#include "layer/vulkan.hpp"

namespace vdmabuf::layer {

VKAPI_ATTR void VKAPI_CALL SetHdrMetadataEXT(VkDevice device, std::uint32_t count,
                                             const VkSwapchainKHR* swapchains,
                                             const VkHdrMetadataEXT* metadata) noexcept;

}  // namespace vdmabuf::layer
