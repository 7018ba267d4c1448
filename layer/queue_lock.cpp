// SPDX-License-Identifier: MIT
#include "layer/queue_lock.hpp"

#include "layer/device.hpp"

namespace vdmabuf::layer {
namespace {

std::unique_lock<std::mutex> lock_of(const Device& device, VkQueue handle) {
    Queue* queue = device.queue(handle);
    return queue ? queue->lock() : std::unique_lock<std::mutex>();
}

}  // namespace

VKAPI_ATTR VkResult VKAPI_CALL QueueSubmit(VkQueue queue, std::uint32_t count,
                                           const VkSubmitInfo* submits, VkFence fence) noexcept {
    const Device& device = *Device::of(queue);
    const auto lock = lock_of(device, queue);
    return device.down().QueueSubmit(queue, count, submits, fence);
}

VKAPI_ATTR VkResult VKAPI_CALL QueueSubmit2(VkQueue queue, std::uint32_t count,
                                            const VkSubmitInfo2* submits, VkFence fence) noexcept {
    const Device& device = *Device::of(queue);
    const auto lock = lock_of(device, queue);
    return device.down().QueueSubmit2(queue, count, submits, fence);
}

VKAPI_ATTR VkResult VKAPI_CALL QueueSubmit2KHR(VkQueue queue, std::uint32_t count,
                                               const VkSubmitInfo2* submits,
                                               VkFence fence) noexcept {
    const Device& device = *Device::of(queue);
    const auto lock = lock_of(device, queue);
    return device.down().QueueSubmit2KHR(queue, count, submits, fence);
}

VKAPI_ATTR VkResult VKAPI_CALL QueueBindSparse(VkQueue queue, std::uint32_t count,
                                               const VkBindSparseInfo* info,
                                               VkFence fence) noexcept {
    const Device& device = *Device::of(queue);
    const auto lock = lock_of(device, queue);
    return device.down().QueueBindSparse(queue, count, info, fence);
}

VKAPI_ATTR VkResult VKAPI_CALL QueueWaitIdle(VkQueue queue) noexcept {
    const Device& device = *Device::of(queue);
    const auto lock = lock_of(device, queue);
    return device.down().QueueWaitIdle(queue);
}

VKAPI_ATTR VkResult VKAPI_CALL DeviceWaitIdle(VkDevice handle) noexcept {
    const Device& device = *Device::of(handle);
    // Always in the same order; nobody else holds two of them.
    for (const auto& queue : device.queues()) {
        queue->mutex.lock();
    }
    const VkResult result = device.down().DeviceWaitIdle(handle);
    for (const auto& queue : device.queues()) {
        queue->mutex.unlock();
    }
    return result;
}

}  // namespace vdmabuf::layer
