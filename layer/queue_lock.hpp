// SPDX-License-Identifier: MIT
// Vulkan leaves it to the app to use a queue from one thread at a time. The layer submits too, from
// calls that have no queue: vkCreateSwapchainKHR tests a strategy, and vkAcquireNextImageKHR
// signals by a submit where semaphores do not take a SYNC_FD. So every use of a queue takes the
// queue's lock, which nobody else wants at the time but in these cases.
#pragma once

#include <mutex>

#include "layer/vulkan.hpp"

namespace vdmabuf::layer {

struct Queue {
    VkQueue handle = VK_NULL_HANDLE;
    std::uint32_t family = 0;
    std::uint32_t index = 0;  // within the family
    std::mutex mutex;

    std::unique_lock<std::mutex> lock() { return std::unique_lock(mutex); }
};

VKAPI_ATTR VkResult VKAPI_CALL QueueSubmit(VkQueue queue, std::uint32_t count,
                                           const VkSubmitInfo* submits, VkFence fence) noexcept;
VKAPI_ATTR VkResult VKAPI_CALL QueueSubmit2(VkQueue queue, std::uint32_t count,
                                            const VkSubmitInfo2* submits, VkFence fence) noexcept;
VKAPI_ATTR VkResult VKAPI_CALL QueueSubmit2KHR(VkQueue queue, std::uint32_t count,
                                               const VkSubmitInfo2* submits,
                                               VkFence fence) noexcept;
VKAPI_ATTR VkResult VKAPI_CALL QueueBindSparse(VkQueue queue, std::uint32_t count,
                                               const VkBindSparseInfo* info,
                                               VkFence fence) noexcept;
VKAPI_ATTR VkResult VKAPI_CALL QueueWaitIdle(VkQueue queue) noexcept;
VKAPI_ATTR VkResult VKAPI_CALL DeviceWaitIdle(VkDevice device) noexcept;

}  // namespace vdmabuf::layer
