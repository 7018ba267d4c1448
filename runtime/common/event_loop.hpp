// SPDX-License-Identifier: MIT
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <unordered_map>
#include <utility>
#include <vector>

#include "runtime/common/result.hpp"
#include "runtime/common/unique_fd.hpp"

namespace vdmabuf {

// One thread, many file descriptors and timers (epoll(7), level-triggered). Every call but stop()
// and post() belongs to the thread that runs the loop.
class EventLoop {
  public:
    using FdHandler = std::function<void(std::uint32_t epoll_events)>;
    using TimerHandler = std::function<void()>;
    using TimerId = std::uint64_t;

    static Result<std::unique_ptr<EventLoop>> create();

    // Watches `fd` (EPOLLIN, EPOLLOUT ...) until remove(), which must come before close(2). A
    // handler may add and remove anything, itself included.
    Status add(int fd, std::uint32_t epoll_events, FdHandler handler);
    Status modify(int fd, std::uint32_t epoll_events);
    void remove(int fd);

    // Calls `handler` once, at `deadline_ns` of CLOCK_MONOTONIC or a little later. Never 0.
    TimerId at(std::uint64_t deadline_ns, TimerHandler handler);
    void cancel(TimerId timer);

    // Calls `handler` on the loop's thread, after the handler that runs now. From any thread.
    void post(TimerHandler handler);

    // For loops inside of other loops: readable when run_once(0) has something to do, but for
    // timers, of which the next one is due at next_timer_ns() (0: there is none).
    int fd() const { return epoll_.get(); }
    std::uint64_t next_timer_ns() const {
        return timers_.empty() ? 0 : timers_.begin()->first.first;
    }

    // Calls `handler` at the end of every round, after all that was ready has been handled: for
    // what is done once for several messages. Until remove_round_end(), not from within a handler
    // of this kind.
    using RoundEndId = std::uint64_t;
    RoundEndId add_round_end(TimerHandler handler);
    void remove_round_end(RoundEndId id);

    void run();                              // until stop()
    void run_once(std::int64_t timeout_ns);  // one round; negative: wait without limit
    void stop();                             // from any thread, or a signal handler

  private:
    struct Watch;
    EventLoop() = default;
    void run_timers();
    void run_posted();

    UniqueFd epoll_;
    UniqueFd wake_;  // eventfd
    std::unordered_map<int, std::shared_ptr<Watch>> watches_;
    std::map<std::pair<std::uint64_t, TimerId>, TimerHandler> timers_;
    std::unordered_map<TimerId, std::uint64_t> deadlines_;
    TimerId next_timer_ = 1;
    std::map<RoundEndId, TimerHandler> round_ends_;
    RoundEndId next_round_end_ = 1;
    struct Posted;
    std::shared_ptr<Posted> posted_;
};

}  // namespace vdmabuf
