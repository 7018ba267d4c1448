// SPDX-License-Identifier: MIT
// Which images are the app's: taking free ones, waiting for them, and giving them back.
#include <algorithm>
#include <chrono>

#include "layer/fence_wait.hpp"
#include "layer/swapchain.hpp"
#include "runtime/common/clock.hpp"

namespace vdmabuf::layer {
namespace {

constexpr std::uint64_t kGpuSliceNs = 50 * kNsPerMs;

}  // namespace

VkResult Swapchain::state() const noexcept {
    if (surface_->lost()) return VK_ERROR_SURFACE_LOST_KHR;
    if (failure_ != VK_SUCCESS) return failure_;
    return retired_ ? VK_ERROR_OUT_OF_DATE_KHR : VK_SUCCESS;
}

// A size that differs from the window's: reported only when the capabilities, which ask the server,
// show the new size too; otherwise apps recreate their swapchain without end.
// Nor when the app has asked for it: it is to be scaled.
bool Swapchain::suboptimal() const noexcept {
    if (scaling_.behaviour != stream::ScalingBehaviour::any) return false;
    const std::optional<VkExtent2D> extent = surface_->known_extent();
    return extent && (extent->width != extent_.width || extent->height != extent_.height);
}

VkResult Swapchain::status() {
    if (stream_ && modifier_.gone(*surface_->connection())) return VK_ERROR_OUT_OF_DATE_KHR;
    const bool changed = suboptimal();
    const std::lock_guard lock(mutex_);
    const VkResult bad = state();
    return bad != VK_SUCCESS ? bad : changed ? VK_SUBOPTIMAL_KHR : VK_SUCCESS;
}

VkResult Swapchain::take(std::uint64_t timeout_ns, std::uint32_t& index) {
    using Clock = std::chrono::steady_clock;
    if (stream_ && modifier_.gone(*surface_->connection())) return VK_ERROR_OUT_OF_DATE_KHR;
    const bool changed = suboptimal();
    std::unique_lock lock(mutex_);
    if (shares_image_) {
        // The app's from the first time on, beside the host's: asking again changes nothing.
        index = 0;
        const VkResult bad = state();
        return bad != VK_SUCCESS ? bad : changed ? VK_SUBOPTIMAL_KHR : VK_SUCCESS;
    }
    // Beyond ten years it is for ever: the sum must not overflow.
    const bool for_ever = timeout_ns > 10ull * 365 * 24 * 3600 * kNsPerSecond;
    const auto deadline = Clock::now() + std::chrono::nanoseconds(for_ever ? 0 : timeout_ns);
    const VkResult too_late = timeout_ns == 0 ? VK_NOT_READY : VK_TIMEOUT;
    bool late = timeout_ns == 0;
    for (;;) {
        if (const VkResult bad = state(); bad != VK_SUCCESS) return bad;
        if (free_.count() > 0) break;
        if (late) return too_late;
        // The app has them all: nobody could ever end this wait.
        if (for_ever && acquired_ == images_.size()) return VK_TIMEOUT;
        if (for_ever) {
            image_free_.wait(lock);
        } else {
            late = image_free_.wait_until(lock, deadline) == std::cv_status::timeout;
        }
    }
    index = free_.pop();
    images_[index].state = State::acquired;
    ++acquired_;
    lock.unlock();
    const VkResult done =
        wait_for_gpu(images_[index], for_ever ? UINT64_MAX : now_ns() + timeout_ns);
    if (done != VK_SUCCESS) {
        give_back(index);
        return done == VK_TIMEOUT ? too_late : done;
    }
    return changed ? VK_SUBOPTIMAL_KHR : VK_SUCCESS;
}

// A frame that went to the host with its fence comes back when the GPU is done with it, except when
// the host is away: then only we know of the fence.
VkResult Swapchain::wait_for_gpu(Image& image, std::uint64_t deadline_ns) {
    if (!image.pending) return VK_SUCCESS;
    const VkFence fence = image.fence.get();
    for (;;) {
        const std::uint64_t now = now_ns();
        const std::uint64_t left = deadline_ns > now ? deadline_ns - now : 0;
        const VkResult result = wait_for_fence(device_, fence, std::min(left, kGpuSliceNs));
        if (result == VK_SUCCESS) break;
        if (result != VK_TIMEOUT) {
            device_lost();
            return result;
        }
        if (surface_->lost()) return VK_ERROR_SURFACE_LOST_KHR;
        if (left <= kGpuSliceNs) return VK_TIMEOUT;
    }
    image.pending = false;
    return device_.down().ResetFences(device_.handle(), 1, &fence);
}

void Swapchain::give_back(std::uint32_t index) {
    if (shares_image_) return;
    const std::lock_guard lock(mutex_);
    --acquired_;
    images_[index].state = State::free;
    free_.push(index);
}

VkResult Swapchain::release(std::span<const std::uint32_t> indices) {
    {
        const std::lock_guard lock(mutex_);
        for (const std::uint32_t index : indices) {
            if (index >= images_.size() || images_[index].state != State::acquired) continue;
            --acquired_;
            images_[index].state = State::free;
            free_.push(index);
        }
    }
    image_free_.notify_all();
    return surface_->lost() ? VK_ERROR_SURFACE_LOST_KHR : VK_SUCCESS;
}

}  // namespace vdmabuf::layer
