// SPDX-License-Identifier: MIT
#include "layer/present_worker.hpp"

#include <algorithm>
#include <chrono>

#include "layer/fence_wait.hpp"
#include "runtime/common/clock.hpp"

namespace vdmabuf::layer {
namespace {

constexpr std::uint64_t kGpuSliceNs = 50 * kNsPerMs;
constexpr std::uint64_t kUnseenFrameNs = kNsPerSecond / 60;
constexpr std::uint64_t kRefreshNs = kNsPerSecond / 60;
// A host is told of a time to come, and keeps it, up to this far ahead: half of what it believes
// (docs/protocol.md, "Clocks").
constexpr std::uint64_t kToldAheadNs = 5 * kNsPerSecond;

}  // namespace

PresentWorker::PresentWorker(const Device& device, producer::Stream* stream,
                             std::vector<Target> targets, Owner& owner, PresentLog& log,
                             TimingQueue* timings, bool at_once)
    : device_(device),
      stream_(stream),
      targets_(std::move(targets)),
      owner_(owner),
      log_(log),
      timings_(timings),
      at_once_(at_once),
      jobs_(targets_.size()) {}

void PresentWorker::start() {
    thread_ = window::Thread("vdmabuf-present", [this] { run(); });
}

void PresentWorker::push(const PresentJob& job) noexcept {
    {
        const std::lock_guard lock(mutex_);
        jobs_.push(job);
    }
    work_.notify_one();
}

bool PresentWorker::stop() noexcept {
    {
        const std::lock_guard lock(mutex_);
        stopping_ = true;
        stop_deadline_ns_ = now_ns() + kGpuStopNs;
    }
    work_.notify_one();
    thread_.join();
    return !stuck_.load();
}

void PresentWorker::run() {
    std::unique_lock lock(mutex_);
    for (;;) {
        const auto ready = [this] { return jobs_.count() > 0 || stopping_; };
        if (!refreshes_) {
            work_.wait(lock, ready);
        } else if (!work_.wait_for(lock,
                                   std::chrono::nanoseconds(next_refresh_ns_ -
                                                            std::min(now_ns(), next_refresh_ns_)),
                                   ready)) {
            lock.unlock();
            refreshes_ = owner_.refresh();
            next_refresh_ns_ = now_ns() + kRefreshNs;
            lock.lock();
            continue;
        }
        if (jobs_.count() == 0) return;
        const PresentJob job = jobs_.pop();
        lock.unlock();
        hand_over(job);
        owner_.upkeep();
        if (job.again && !refreshes_) next_refresh_ns_ = now_ns() + kRefreshNs;
        refreshes_ = job.again;
        lock.lock();
        if (stuck_.load()) return;
    }
}

bool PresentWorker::wait_for_gpu(VkFence fence) {
    for (;;) {
        const VkResult result = wait_for_fence(device_, fence, kGpuSliceNs);
        if (result == VK_SUCCESS) break;
        if (result != VK_TIMEOUT) {
            owner_.device_lost();
            return false;
        }
        const std::lock_guard lock(mutex_);
        if (stopping_ && now_ns() > stop_deadline_ns_) {
            stuck_.store(true);
            return false;
        }
    }
    (void)device_.down().ResetFences(device_.handle(), 1, &fence);
    return true;
}

// Until the host may have a frame of an app that has said when to show it (VK_EXT_present_timing):
// one that counts from the frame before cannot be sent before that was shown. Later frames are
// behind it, as their modes have it.
void PresentWorker::wait_for_target(PresentJob& job) {
    PresentTarget& target = job.target;
    if (target.ns == 0 || !timings_) return;
    if (target.relative) {
        std::uint64_t shown_ns = 0;
        if (!last_shown(shown_ns) || shown_ns == 0) {
            target = {};
            return;
        }
        target.ns = target.ns > UINT64_MAX - shown_ns ? UINT64_MAX : target.ns + shown_ns;
    }
    if (target.nearest) target.ns -= std::min(target.ns, timings_->refresh_ns() / 2);
    // The broker's mailbox has one place, and a frame that waits in it for its time would be lost
    // to the next one: so only what is due goes there.
    const bool fifo = job.mode == stream::PresentMode::fifo;
    const std::uint64_t told_ahead_ns = fifo ? kToldAheadNs : 0;
    std::unique_lock lock(mutex_);
    for (;;) {
        const std::uint64_t now = now_ns();
        if (stopping_ || target.ns <= now || target.ns - now <= told_ahead_ns) break;
        const std::uint64_t left = std::min(target.ns - now - told_ahead_ns, kNsPerSecond);
        work_.wait_for(lock, std::chrono::nanoseconds(left), [this] { return stopping_; });
    }
    // Nobody waits for frames of a swapchain that ends.
    if (stopping_ || !fifo) target = {};
}

// False: the swapchain ends.
bool PresentWorker::last_shown(std::uint64_t& shown_ns) {
    while (!timings_->last_shown(kGpuSliceNs, shown_ns)) {
        const std::lock_guard lock(mutex_);
        if (stopping_) return false;
    }
    return true;
}

void PresentWorker::hand_over(PresentJob job) {
    if (job.with_fence) {
        wait_for_target(job);
        if (owner_.send_with_fence(job)) return;
    }
    const Target& target = targets_[job.index];
    if (!wait_for_gpu(target.fence)) {
        owner_.free_image(job.index);
        if (job.ticket != 0) timings_->finished(job.ticket);
        return;
    }
    if (job.ticket != 0) timings_->gpu_done(job.ticket, now_ns());
    if (!stream_) {
        pace_unseen(job);
        return;
    }
    producer::FrameInfo frame;
    frame.slot = target.slot;
    frame.mode = job.mode;
    frame.called_ns = job.called_ns;
    frame.gpu_done_ns = now_ns();
    frame.cpu_copied_bytes = target.shared->finish();
    frame.damage = std::span(job.damage.rects.data(), job.damage.count);
    if (!job.with_fence) wait_for_target(job);
    frame.target_ns = job.target.ns;
    owner_.handed_over(job, stream_->present(frame));
    if (at_once_) owner_.free_image(job.index);
}

// With nobody to look, an image is "shown" until the next one comes, as on a screen of 60 Hz.
void PresentWorker::pace_unseen(const PresentJob& job) {
    if (job.mode == stream::PresentMode::fifo) {
        const std::uint64_t now = now_ns();
        unseen_next_ns_ = std::max(unseen_next_ns_ + kUnseenFrameNs, now);
        std::unique_lock lock(mutex_);
        work_.wait_for(lock, std::chrono::nanoseconds(unseen_next_ns_ - now),
                       [this] { return stopping_; });
    }
    if (at_once_) {
        owner_.free_image(job.index);
    } else {
        if (unseen_shown_ != UINT32_MAX) owner_.free_image(unseen_shown_);
        unseen_shown_ = job.index;
    }
    log_.finished(job.id);
    if (job.ticket != 0) timings_->finished(job.ticket);
}

}  // namespace vdmabuf::layer
