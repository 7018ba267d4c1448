// SPDX-License-Identifier: MIT
#pragma once

#include <cstdint>
#include <functional>
#include <memory>

#include "runtime/common/event_loop.hpp"
#include "runtime/common/result.hpp"
#include "runtime/common/unique_fd.hpp"

namespace vdmabuf::broker {

// One timerfd(2) for the deadlines of all streams. Unlike EventLoop::at() it takes no memory, and
// it is lazy: a deadline that is pushed back costs nothing, the handler just finds that it woke too
// early and arms again. Belongs to the loop's thread.
class WakeTimer {
  public:
    static Result<std::unique_ptr<WakeTimer>> create(EventLoop& loop,
                                                     std::function<void()> handler);
    ~WakeTimer();
    WakeTimer(const WakeTimer&) = delete;
    WakeTimer& operator=(const WakeTimer&) = delete;

    // Calls the handler at `deadline_ns` (CLOCK_MONOTONIC) or before. The handler runs once for
    // each time that it was armed.
    void arm(std::uint64_t deadline_ns);

  private:
    explicit WakeTimer(EventLoop& loop) : loop_(loop) {}

    EventLoop& loop_;
    UniqueFd fd_;
    std::uint64_t armed_ns_ = 0;  // 0: not armed
};

}  // namespace vdmabuf::broker
