// SPDX-License-Identifier: MIT
#pragma once

#include <vulkan/vulkan_core.h>

#include <string>

#include "runtime/common/result.hpp"

namespace vdmabuf::gpu {

// "VK_ERROR_DEVICE_LOST"
std::string to_string(VkResult result);

// "what: VK_ERROR_...", with the errno value that comes nearest.
Error vulkan_error(const std::string& what, VkResult result);

}  // namespace vdmabuf::gpu
