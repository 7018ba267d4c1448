// SPDX-License-Identifier: MIT
#include "layer/fence_wait.hpp"

#include <algorithm>
#include <chrono>
#include <thread>

#include "runtime/common/clock.hpp"

namespace vdmabuf::layer {

VkResult wait_for_fence(const Device& device, VkFence fence, std::uint64_t timeout_ns) noexcept {
    const std::uint64_t start = now_ns();
    std::uint64_t left = timeout_ns;
    for (;;) {
        const VkResult result =
            device.down().WaitForFences(device.handle(), 1, &fence, VK_TRUE, left);
        if (result == VK_SUCCESS || result == VK_ERROR_DEVICE_LOST) return result;
        if (result == VK_TIMEOUT) return VK_TIMEOUT;
        const std::uint64_t passed = now_ns() - start;
        if (passed >= timeout_ns) return VK_TIMEOUT;
        left = timeout_ns - passed;
        std::this_thread::sleep_for(std::chrono::nanoseconds(std::min(left, kNsPerMs)));
    }
}

}  // namespace vdmabuf::layer
