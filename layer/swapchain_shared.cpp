// SPDX-License-Identifier: MIT
// Presents of an image that app and host share (VK_KHR_shared_presentable_image).
#include <chrono>

#include "layer/present_modes.hpp"
#include "layer/swapchain.hpp"
#include "runtime/common/clock.hpp"

namespace vdmabuf::layer {

// The image stays with the app and with the host: all that goes is word that it has changed. What
// the host shows may be torn by what the app draws meanwhile, as the extension has it.
VkResult Swapchain::present_shared(Queue& queue, const Present& what, PresentWaits& waits) {
    PresentJob job;
    {
        std::unique_lock lock(mutex_);
        VkResult bad = state();
        if (bad == VK_SUCCESS && free_.count() == 0) {
            // So far is the GPU behind: that must not grow without end.
            (void)image_free_.wait_for(lock, std::chrono::nanoseconds(kGpuStopNs), [&] {
                bad = state();
                return bad != VK_SUCCESS || free_.count() > 0;
            });
        }
        if (bad != VK_SUCCESS) return bad;
        if (free_.count() == 0) return VK_ERROR_DEVICE_LOST;
        if (!take_timing(what, job)) return kTimingQueueFull;
        job.index = free_.pop();
        images_[job.index].state = State::presented;
    }
    job.called_ns = now_ns();
    job.mode = wire_mode(mode_);
    job.id = what.id;
    job.again = mode_ == VK_PRESENT_MODE_SHARED_CONTINUOUS_REFRESH_KHR;
    refresh_queue_.store(job.again ? &queue : nullptr, std::memory_order_release);
    surface_->presented(extent_);
    const VkResult result = send_shared(queue, job, waits);
    return result == VK_SUCCESS ? status() : result;
}

VkResult Swapchain::send_shared(Queue& queue, const PresentJob& job, PresentWaits& waits) {
    const Image& image = images_[job.index];
    const VkResult result =
        submit(device_, queue,
               {commands_for(image, queue.family), image.fence.get(), VK_NULL_HANDLE}, waits);
    if (result != VK_SUCCESS) {
        free_image(job.index);
        if (job.ticket != 0) timings_->withdraw(job.ticket);
        return result;
    }
    log_->presented(job.id);
    worker_->push(job);
    return VK_SUCCESS;
}

// From the worker, with VK_PRESENT_MODE_SHARED_CONTINUOUS_REFRESH_KHR: what the app has drawn
// since. False: not any more.
bool Swapchain::refresh() noexcept {
    Queue* queue = refresh_queue_.load(std::memory_order_acquire);
    if (!queue || !stream_) return false;
    std::uint32_t turn = 0;
    {
        const std::lock_guard lock(mutex_);
        if (state() != VK_SUCCESS) return false;
        if (free_.count() == 0) return true;
        turn = free_.pop();
        images_[turn].state = State::presented;
    }
    PresentWaits none;
    const PresentJob job{turn, now_ns(), stream::PresentMode::mailbox, 0, {}, true};
    return send_shared(*queue, job, none) == VK_SUCCESS;
}

}  // namespace vdmabuf::layer
