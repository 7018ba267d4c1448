// SPDX-License-Identifier: MIT
#include "runtime/broker/fence_queue.hpp"

#include <sys/epoll.h>

#include <algorithm>
#include <utility>

#include "runtime/common/clock.hpp"
#include "runtime/common/sync_file.hpp"

namespace vdmabuf::broker {

FenceQueue::~FenceQueue() {
    *alive_ = false;
    unwatch();
    waiting_ -= frames_.size();
}

bool FenceQueue::add(const stream::Present& message, UniqueFd fence) {
    remove(message.slot);
    if (waiting_ >= kMaxWaiting) {
        run();
        return false;
    }
    frames_.push_back({message, std::move(fence)});
    ++waiting_;
    run();
    return true;
}

void FenceQueue::withdraw(std::uint32_t slot) {
    remove(slot);
    run();
}

void FenceQueue::remove(std::uint32_t slot) {
    const auto found = std::find_if(frames_.begin(), frames_.end(), [slot](const Frame& frame) {
        return frame.message.slot == slot;
    });
    if (found == frames_.end()) return;
    if (found->fence && found->fence.get() == watched_) unwatch();
    frames_.erase(found);
    --waiting_;
}

void FenceQueue::run() {
    const std::shared_ptr<bool> alive = alive_;
    while (!frames_.empty()) {
        Frame& first = frames_.front();
        if (first.fence && !has_signalled(first.fence.get())) {
            if (watched_ == first.fence.get()) return;
            const int fd = first.fence.get();
            const auto added = loop_.add(fd, EPOLLIN, [this](std::uint32_t) { run(); });
            if (added) {
                watched_ = fd;
                return;
            }
            // Without memory for a watch there is nobody to wait: better torn than stuck.
        }
        unwatch();
        stream::Present message = first.message;
        if (first.fence) {
            // What the producer could not know yet.
            message.gpu_done_ns = signal_time_ns(first.fence.get());
            message.sent_ns = now_ns();
        }
        frames_.pop_front();
        --waiting_;
        const Ready ready = ready_;  // it may end with us
        ready(message);
        if (!*alive) return;
    }
}

void FenceQueue::unwatch() {
    if (watched_ >= 0) loop_.remove(watched_);
    watched_ = -1;
}

}  // namespace vdmabuf::broker
