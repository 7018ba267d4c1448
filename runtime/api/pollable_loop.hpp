// SPDX-License-Identifier: MIT
#pragma once

#include <cstdint>
#include <memory>

#include "runtime/common/event_loop.hpp"
#include "runtime/common/result.hpp"
#include "runtime/common/unique_fd.hpp"

namespace vdmabuf::api {

// An event loop that another program's loop turns: one descriptor is readable whenever turn() has
// something to do, timers included.
class PollableLoop {
  public:
    static Result<std::unique_ptr<PollableLoop>> create();
    ~PollableLoop();
    PollableLoop(const PollableLoop&) = delete;
    PollableLoop& operator=(const PollableLoop&) = delete;

    EventLoop& loop() { return *loop_; }
    int fd() const { return loop_->fd(); }
    // What there is to do, without waiting.
    void turn();
    // After calls that may have set a timer.
    void arm();

  private:
    PollableLoop() = default;

    std::unique_ptr<EventLoop> loop_;
    UniqueFd timer_;
    std::uint64_t armed_ns_ = 0;  // 0: not armed
};

}  // namespace vdmabuf::api
