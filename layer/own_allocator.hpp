// SPDX-License-Identifier: MIT
#pragma once

#include "layer/vulkan.hpp"

namespace vdmabuf::layer {

// malloc(3), for objects of the layer whose driver shall not ask the app's allocator while they are
// in use: vkCmd* have no result, and lavapipe follows the null pointer when there is no memory for
// a command. Everything else is made with the device's allocator, as the app expects.
const VkAllocationCallbacks* own_allocator();

}  // namespace vdmabuf::layer
