// SPDX-License-Identifier: MIT
#include "layer/present_log.hpp"

#include <algorithm>
#include <chrono>

#include "layer/guard.hpp"
#include "layer/swapchain.hpp"
#include "runtime/common/clock.hpp"

namespace vdmabuf::layer {

PresentLog::PresentLog(std::size_t images) : pending_(std::max<std::size_t>(images, 1) * 2) {}

void PresentLog::presented(std::uint64_t id) noexcept {
    if (id == 0) return;
    const std::lock_guard lock(mutex_);
    presented_id_ = std::max(presented_id_, id);
}

void PresentLog::handed_over(std::uint64_t id, std::uint64_t serial,
                             std::uint64_t not_before_ns) noexcept {
    if (id == 0) return;
    const std::lock_guard lock(mutex_);
    if (serial <= shown_serial_) return done(id);
    // More than there can be on their way: the oldest has been forgotten by the host.
    if (pending_.count() == pending_.size()) done(pending_.pop().id);
    pending_.push({id, serial, std::max(now_ns(), not_before_ns)});
    changed_.notify_all();  // who waits learns from when on it counts the time
}

void PresentLog::shown(std::uint64_t serial) noexcept {
    const std::lock_guard lock(mutex_);
    shown_serial_ = std::max(shown_serial_, serial);
    while (pending_.count() > 0 && pending_.front().serial <= serial) done(pending_.pop().id);
}

void PresentLog::finished(std::uint64_t id) noexcept {
    if (id == 0) return;
    const std::lock_guard lock(mutex_);
    done(id);
}

void PresentLog::done(std::uint64_t id) noexcept {
    done_id_ = std::max(done_id_, id);
    changed_.notify_all();
}

void PresentLog::end(VkResult why) noexcept {
    const std::lock_guard lock(mutex_);
    if (end_ == VK_SUCCESS) end_ = why;
    changed_.notify_all();
}

VkResult PresentLog::wait(std::uint64_t id, std::uint64_t timeout_ns) {
    using Clock = std::chrono::steady_clock;
    const std::uint64_t start = now_ns();
    const std::uint64_t deadline =
        timeout_ns > UINT64_MAX / 2 - start ? UINT64_MAX / 2 : start + timeout_ns;
    std::unique_lock lock(mutex_);
    for (;;) {
        const std::uint64_t now = now_ns();
        while (pending_.count() > 0 && now >= pending_.front().handed_ns + kGiveUpNs) {
            done(pending_.pop().id);
        }
        if (done_id_ >= id) return VK_SUCCESS;
        if (end_ != VK_SUCCESS && (presented_id_ < id || end_ != VK_ERROR_OUT_OF_DATE_KHR)) {
            return end_;
        }
        if (now >= deadline) return VK_TIMEOUT;
        std::uint64_t until = deadline;
        if (pending_.count() > 0) until = std::min(until, pending_.front().handed_ns + kGiveUpNs);
        changed_.wait_until(lock, Clock::time_point(std::chrono::nanoseconds(until)));
    }
}

namespace {

VkResult wait_for_present(VkDevice handle, VkSwapchainKHR swapchain, std::uint64_t id,
                          std::uint64_t timeout, bool& ours) {
    return guarded([&] {
        Swapchain* found = Device::of(handle)->swapchain(swapchain);
        ours = found != nullptr;
        return ours ? found->log().wait(id, timeout) : VK_SUCCESS;
    });
}

}  // namespace

VKAPI_ATTR VkResult VKAPI_CALL WaitForPresentKHR(VkDevice handle, VkSwapchainKHR swapchain,
                                                 std::uint64_t id, std::uint64_t timeout) noexcept {
    bool ours = false;
    const VkResult result = wait_for_present(handle, swapchain, id, timeout, ours);
    const auto down = Device::of(handle)->down().WaitForPresentKHR;
    // A driver that does not have it shows its presents whenever it likes: there is nothing to wait
    // for.
    return ours || !down ? result : down(handle, swapchain, id, timeout);
}

#ifdef VK_KHR_present_wait2
VKAPI_ATTR VkResult VKAPI_CALL WaitForPresent2KHR(VkDevice handle, VkSwapchainKHR swapchain,
                                                  const VkPresentWait2InfoKHR* info) noexcept {
    bool ours = false;
    const VkResult result =
        wait_for_present(handle, swapchain, info->presentId, info->timeout, ours);
    const auto down = Device::of(handle)->down().WaitForPresent2KHR;
    return ours || !down ? result : down(handle, swapchain, info);
}
#endif

}  // namespace vdmabuf::layer
