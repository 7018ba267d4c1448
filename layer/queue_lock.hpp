// SPDX-License-Identifier: MIT
// Vulkan leaves it to the app to use a queue from one thread at a time. Where only a queue submit
// can signal what vkAcquireNextImageKHR has to signal, the layer submits too, from a call that has
// no queue: then every use of a queue takes the queue's lock. Nothing here is reached on devices
// whose semaphores take a SYNC_FD.
#pragma once

#include <mutex>

#include "layer/vulkan.hpp"

namespace vdmabuf::layer {

struct Queue {
    VkQueue handle = VK_NULL_HANDLE;
    std::uint32_t family = 0;
    bool locked = false;  // the mutex is in use on this device
    std::mutex mutex;

    std::unique_lock<std::mutex> lock() {
        return locked ? std::unique_lock(mutex) : std::unique_lock<std::mutex>();
    }
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
