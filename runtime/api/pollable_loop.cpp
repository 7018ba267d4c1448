// SPDX-License-Identifier: MIT
#include "runtime/api/pollable_loop.hpp"

#include <sys/epoll.h>
#include <sys/timerfd.h>

#include "runtime/common/clock.hpp"

namespace vdmabuf::api {

Result<std::unique_ptr<PollableLoop>> PollableLoop::create() {
    std::unique_ptr<PollableLoop> made(new PollableLoop);
    auto loop = EventLoop::create();
    if (!loop) return loop.error();
    made->loop_ = std::move(*loop);
    made->timer_.reset(::timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK));
    if (!made->timer_) return system_error("timerfd_create");
    PollableLoop* self = made.get();
    auto added = made->loop_->add(made->timer_.get(), EPOLLIN, [self](std::uint32_t) {
        std::uint64_t count = 0;
        [[maybe_unused]] const ssize_t got = ::read(self->timer_.get(), &count, sizeof count);
        self->armed_ns_ = 0;
    });
    if (!added) return added.error();
    return made;
}

PollableLoop::~PollableLoop() {
    if (loop_ && timer_) loop_->remove(timer_.get());
}

void PollableLoop::turn() {
    loop_->run_once(0);
    arm();
}

void PollableLoop::arm() {
    const std::uint64_t next = loop_->next_timer_ns();
    if (next == armed_ns_) return;
    itimerspec when{};
    if (next != 0) {
        // Its time may be 0, which would disarm it.
        const std::uint64_t at = next > 1 ? next : 1;
        when.it_value.tv_sec = static_cast<time_t>(at / kNsPerSecond);
        when.it_value.tv_nsec = static_cast<long>(at % kNsPerSecond);
    }
    ::timerfd_settime(timer_.get(), TFD_TIMER_ABSTIME, &when, nullptr);
    armed_ns_ = next;
}

}  // namespace vdmabuf::api
