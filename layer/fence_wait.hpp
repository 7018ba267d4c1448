// SPDX-License-Identifier: MIT
#pragma once

#include <cstdint>

#include "layer/device.hpp"

namespace vdmabuf::layer {

// VK_SUCCESS: the GPU has done it. VK_ERROR_DEVICE_LOST: it never will. VK_TIMEOUT: not yet, also
// where the driver had no memory to wait with: as long as that is so, nothing is known of the GPU.
VkResult wait_for_fence(const Device& device, VkFence fence, std::uint64_t timeout_ns) noexcept;

}  // namespace vdmabuf::layer
