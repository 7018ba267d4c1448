// SPDX-License-Identifier: MIT
#include "runtime/broker/wake_timer.hpp"

#include <sys/epoll.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include <utility>

#include "runtime/common/clock.hpp"

namespace vdmabuf::broker {

Result<std::unique_ptr<WakeTimer>> WakeTimer::create(EventLoop& loop,
                                                     std::function<void()> handler) {
    std::unique_ptr<WakeTimer> timer(new WakeTimer(loop));
    timer->fd_.reset(::timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK));
    if (!timer->fd_) return system_error("timerfd_create");
    WakeTimer* self = timer.get();
    auto added =
        loop.add(timer->fd_.get(), EPOLLIN, [self, on_time = std::move(handler)](std::uint32_t) {
            std::uint64_t expirations = 0;
            if (::read(self->fd_.get(), &expirations, sizeof expirations) < 0) {
                return;  // armed anew in between
            }
            self->armed_ns_ = 0;
            on_time();
        });
    if (!added) {
        timer->fd_.reset();
        return added.error();
    }
    return timer;
}

WakeTimer::~WakeTimer() {
    if (fd_) loop_.remove(fd_.get());
}

void WakeTimer::arm(std::uint64_t deadline_ns) {
    if (armed_ns_ != 0 && armed_ns_ <= deadline_ns) return;
    armed_ns_ = deadline_ns > 0 ? deadline_ns : 1;
    itimerspec at{};
    at.it_value.tv_sec = static_cast<time_t>(armed_ns_ / kNsPerSecond);
    at.it_value.tv_nsec = static_cast<long>(armed_ns_ % kNsPerSecond);
    ::timerfd_settime(fd_.get(), TFD_TIMER_ABSTIME, &at, nullptr);
}

}  // namespace vdmabuf::broker
