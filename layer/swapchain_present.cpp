// SPDX-License-Identifier: MIT
// The present path of a swapchain: one submit, then its frame goes to the host from here or from
// the present worker.
#include <system_error>

#include "layer/present_modes.hpp"
#include "layer/swapchain.hpp"
#include "runtime/common/clock.hpp"
#include "runtime/common/log.hpp"

namespace vdmabuf::layer {

VkResult Swapchain::present(Queue& queue, const Present& what, PresentWaits& waits) {
    const std::uint32_t index = what.index;
    if (index >= handles_.size()) return VK_ERROR_OUT_OF_DATE_KHR;  // an app's error
    if (what.mode && is_present_mode(device_.physical(), *what.mode) &&
        is_shared_mode(*what.mode) == shares_image_) {
        mode_ = *what.mode;
    }
    if (shares_image_) return present_shared(queue, what, waits);
    Image& image = images_[index];
    const bool with_fence = sync_.load(std::memory_order_relaxed) == PresentSync::fence;
    PresentJob job{index, now_ns(), wire_mode(mode_), what.id, what.damage, false, with_fence};
    {
        const std::lock_guard lock(mutex_);
        if (image.state != State::acquired) return VK_ERROR_OUT_OF_DATE_KHR;
        const VkResult bad = state();
        if (bad != VK_SUCCESS) {
            // The image is no longer the app's, whatever comes of the present.
            --acquired_;
            image.state = State::free;
            free_.push(index);
            return bad;
        }
    }
    if (!take_timing(what, job)) return kTimingQueueFull;  // and the image stays the app's
    const VkCommandBuffer commands = commands_for(image, queue.family);
    const VkSemaphore done = with_fence ? image.done.get() : VK_NULL_HANDLE;
    const VkResult result = submit(device_, queue, {commands, image.fence.get(), done}, waits);
    if (result != VK_SUCCESS) {
        if (job.ticket != 0) timings_->withdraw(job.ticket);
        return result;
    }
    {
        const std::lock_guard lock(mutex_);
        --acquired_;
        image.state = State::presented;
    }
    log_->presented(what.id);
    surface_->presented(extent_);
    if (scaling_.behaviour != stream::ScalingBehaviour::any) follow_window();
    send(job);
    if (stream_ && modifier_.gone(*surface_->connection())) return VK_ERROR_OUT_OF_DATE_KHR;
    return suboptimal() ? VK_SUBOPTIMAL_KHR : VK_SUCCESS;
}

// A scaled picture does not tell how large its window is.
void Swapchain::follow_window() noexcept {
    const std::optional<VkExtent2D> window = surface_->known_extent();
    if (stream_ && window) stream_->set_extent(window->width, window->height);
}

// VK_EXT_present_timing. False: there is no room for the times that the app wants of this present.
bool Swapchain::take_timing(const Present& what, PresentJob& job) noexcept {
    if (!what.timing || !timings_) return true;
    if (what.timing->stages != 0) {
        job.ticket = timings_->reserve(*what.timing);
        if (job.ticket == 0) return false;
    }
    // Of the other modes no time can be asked (VkPresentTimingsInfoEXT).
    if (stream_ && is_queued_mode(mode_)) job.target = what.timing->target;
    return true;
}

VkCommandBuffer Swapchain::commands_for(const Image& image, std::uint32_t family) const {
    const auto families = device_.present_families();
    for (std::size_t i = 0; i < families.size(); ++i) {
        if (families[i] == family) return image.commands[i];
    }
    return VK_NULL_HANDLE;
}

// With a fence and nothing to do afterwards, from this thread: the host has the frame at once.
void Swapchain::send(const PresentJob& job) {
    if (!has_worker_) {
        // What is to be shown later may have to wait here.
        if (job.target.ns == 0 && send_with_fence(job)) return;
        try {
            start_worker();
        } catch (const std::system_error&) {
            images_[job.index].pending = true;
            device_lost();  // nobody is left to hand frames over
            free_image(job.index);
            if (job.ticket != 0) timings_->finished(job.ticket);
            return;
        }
    }
    worker_->push(job);
}

bool Swapchain::send_with_fence(const PresentJob& job) noexcept {
    if (sync_.load(std::memory_order_relaxed) != PresentSync::fence) return false;
    Image& image = images_[job.index];
    const VkSemaphoreGetFdInfoKHR info{VK_STRUCTURE_TYPE_SEMAPHORE_GET_FD_INFO_KHR, nullptr,
                                       image.done.get(),
                                       VK_EXTERNAL_SEMAPHORE_HANDLE_TYPE_SYNC_FD_BIT};
    int fd = -1;
    const VkResult result = device_.down().GetSemaphoreFdKHR(device_.handle(), &info, &fd);
    if (result != VK_SUCCESS) {
        // Out of descriptors, most likely. The semaphore stays as it is, never to be used again.
        LOG_WARNING("no SYNC_FD of a present: VkResult %d; the worker waits from now on", result);
        sync_.store(PresentSync::worker, std::memory_order_relaxed);
        return false;
    }
    image.pending = true;
    producer::FrameInfo frame;
    frame.slot = image.slot;
    frame.mode = job.mode;
    frame.called_ns = job.called_ns;
    frame.target_ns = job.target.ns;
    frame.damage = std::span(job.damage.rects.data(), job.damage.count);
    // No descriptor: the GPU is done already.
    if (fd < 0 && job.ticket != 0) timings_->gpu_done(job.ticket, now_ns());
    handed_over(job, stream_->present(frame, UniqueFd(fd)));
    return true;
}

void Swapchain::handed_over(const PresentJob& job, std::uint64_t serial) noexcept {
    log_->handed_over(job.id, serial, job.target.ns);
    if (timings_) timings_->handed_over(job.ticket, serial, images_[job.index].slot, job.target.ns);
}

void Swapchain::start_worker() {
    worker_->start();
    has_worker_ = true;
}

VkSemaphore Swapchain::relay(std::uint32_t index) {
    if (index >= images_.size()) return VK_NULL_HANDLE;
    OwnedSemaphore& relay = images_[index].relay;
    if (!relay) {
        VkSemaphoreCreateInfo info{};
        info.sType = VK_STRUCTURE_TYPE_SEMAPHORE_CREATE_INFO;
        VkSemaphore handle = VK_NULL_HANDLE;
        if (device_.down().CreateSemaphore(device_.handle(), &info, nullptr, &handle) ==
            VK_SUCCESS) {
            relay = OwnedSemaphore(device_, handle);
        }
    }
    return relay.get();
}

}  // namespace vdmabuf::layer
