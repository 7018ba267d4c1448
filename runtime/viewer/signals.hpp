// SPDX-License-Identifier: MIT
#pragma once

#include <functional>

#include "runtime/common/event_loop.hpp"
#include "runtime/common/result.hpp"
#include "runtime/common/unique_fd.hpp"

namespace vdmabuf::viewer {

// Turns SIGINT and SIGTERM into a call on the loop's thread. Made before the first thread, so that
// all of them leave the signals alone. The second signal ends the process at once.
class Signals {
  public:
    Signals() = default;
    ~Signals();
    Signals(const Signals&) = delete;
    Signals& operator=(const Signals&) = delete;
    Status catch_them(EventLoop& loop, std::function<void()> handler);

  private:
    EventLoop* loop_ = nullptr;
    UniqueFd fd_;
};

}  // namespace vdmabuf::viewer
