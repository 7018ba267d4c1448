// SPDX-License-Identifier: MIT
// vkAcquireNextImageKHR: waits on the CPU until the host has let go of an image, then signals what
// the app gave. By the time an image is free its last present has been done by the GPU, so there is
// nothing left that a semaphore would have to wait for.
#include "layer/fence_wait.hpp"
#include "layer/guard.hpp"
#include "layer/swapchain.hpp"

namespace vdmabuf::layer {
namespace {

constexpr int kSignalled = -1;  // the SYNC_FD of work that is done (VkImportSemaphoreFdInfoKHR)

VkResult import_signalled(const Device& device, VkSemaphore semaphore, VkFence fence) {
    // The fence first: it can be reset, should the semaphore fail.
    if (fence != VK_NULL_HANDLE) {
        const VkImportFenceFdInfoKHR info{VK_STRUCTURE_TYPE_IMPORT_FENCE_FD_INFO_KHR,
                                          nullptr,
                                          fence,
                                          VK_FENCE_IMPORT_TEMPORARY_BIT,
                                          VK_EXTERNAL_FENCE_HANDLE_TYPE_SYNC_FD_BIT,
                                          kSignalled};
        const VkResult result = device.down().ImportFenceFdKHR(device.handle(), &info);
        if (result != VK_SUCCESS) return result;
    }
    if (semaphore != VK_NULL_HANDLE) {
        const VkImportSemaphoreFdInfoKHR info{VK_STRUCTURE_TYPE_IMPORT_SEMAPHORE_FD_INFO_KHR,
                                              nullptr,
                                              semaphore,
                                              VK_SEMAPHORE_IMPORT_TEMPORARY_BIT,
                                              VK_EXTERNAL_SEMAPHORE_HANDLE_TYPE_SYNC_FD_BIT,
                                              kSignalled};
        const VkResult result = device.down().ImportSemaphoreFdKHR(device.handle(), &info);
        if (result != VK_SUCCESS) {
            if (fence != VK_NULL_HANDLE) {
                (void)device.down().ResetFences(device.handle(), 1, &fence);
            }
            return result;
        }
    }
    return VK_SUCCESS;
}

// Without SYNC_FD only a queue can signal. The app may be using it at this moment: see queue_lock.
VkResult submit_signal(const Device& device, VkSemaphore semaphore, VkFence fence) {
    Queue* queue = device.acquire_queue();
    if (!queue) return VK_ERROR_OUT_OF_DEVICE_MEMORY;
    VkSubmitInfo info{};
    info.sType = VK_STRUCTURE_TYPE_SUBMIT_INFO;
    info.signalSemaphoreCount = 1;
    info.pSignalSemaphores = &semaphore;
    const auto lock = queue->lock();
    return device.down().QueueSubmit(queue->handle, semaphore != VK_NULL_HANDLE ? 1 : 0, &info,
                                     fence);
}

// Apps that take SUBOPTIMAL for an error destroy the fence without a wait, as do the conformance
// suite's release_images cases; a driver's own WSI has signalled it by then, so that they live.
// Rare: until the swapchain is made anew.
void settle_fence(const Device& device, VkFence fence) {
    constexpr std::uint64_t kPatienceNs = 100'000'000;
    if (fence != VK_NULL_HANDLE) (void)wait_for_fence(device, fence, kPatienceNs);
}

VkResult acquire(const Device& device, Swapchain& swapchain, std::uint64_t timeout,
                 VkSemaphore semaphore, VkFence fence, std::uint32_t* index) {
    const VkResult taken = swapchain.take(timeout, *index);
    if (taken != VK_SUCCESS && taken != VK_SUBOPTIMAL_KHR) return taken;
    const VkResult signalled = device.sync_fd() ? import_signalled(device, semaphore, fence)
                                                : submit_signal(device, semaphore, fence);
    if (signalled == VK_SUCCESS) {
        if (taken == VK_SUBOPTIMAL_KHR) settle_fence(device, fence);
        return taken;
    }
    swapchain.give_back(*index);
    // What an import may say and an acquire may not.
    return signalled == VK_ERROR_INVALID_EXTERNAL_HANDLE ? VK_ERROR_OUT_OF_DEVICE_MEMORY
                                                         : signalled;
}

}  // namespace

VKAPI_ATTR VkResult VKAPI_CALL AcquireNextImageKHR(VkDevice handle, VkSwapchainKHR swapchain,
                                                   std::uint64_t timeout, VkSemaphore semaphore,
                                                   VkFence fence, std::uint32_t* index) noexcept {
    return guarded([&] {
        const Device& device = *Device::of(handle);
        if (Swapchain* ours = device.swapchain(swapchain)) {
            return acquire(device, *ours, timeout, semaphore, fence, index);
        }
        if (!device.down().AcquireNextImageKHR) return VK_ERROR_EXTENSION_NOT_PRESENT;
        return device.down().AcquireNextImageKHR(handle, swapchain, timeout, semaphore, fence,
                                                 index);
    });
}

VKAPI_ATTR VkResult VKAPI_CALL AcquireNextImage2KHR(VkDevice handle,
                                                    const VkAcquireNextImageInfoKHR* info,
                                                    std::uint32_t* index) noexcept {
    return guarded([&] {
        const Device& device = *Device::of(handle);
        if (Swapchain* ours = device.swapchain(info->swapchain)) {
            return acquire(device, *ours, info->timeout, info->semaphore, info->fence, index);
        }
        if (!device.down().AcquireNextImage2KHR) return VK_ERROR_EXTENSION_NOT_PRESENT;
        return device.down().AcquireNextImage2KHR(handle, info, index);
    });
}

}  // namespace vdmabuf::layer
