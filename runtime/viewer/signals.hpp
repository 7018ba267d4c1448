// SPDX-License-Identifier: MIT
#pragma once

#include <functional>

#include "runtime/common/event_loop.hpp"
#include "runtime/common/result.hpp"
#include "runtime/common/unique_fd.hpp"

namespace vdmabuf::viewer {

// Turns SIGINT and SIGTERM into a call on a loop's thread. The second signal ends the process.
class Signals {
  public:
    Signals() = default;
    ~Signals();
    Signals(const Signals&) = delete;
    Signals& operator=(const Signals&) = delete;

    // Before the first thread of this process, libraries' threads included: all of them leave the
    // signals alone from then on.
    Status catch_them();
    // One handler, of one loop, which must outlive this object.
    void handle(EventLoop& loop, std::function<void()> handler);

  private:
    EventLoop* loop_ = nullptr;
    UniqueFd fd_;
};

}  // namespace vdmabuf::viewer
