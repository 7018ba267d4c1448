// SPDX-License-Identifier: MIT
#pragma once

#include <cstdint>
#include <functional>
#include <span>
#include <vector>

#include "runtime/common/event_loop.hpp"
#include "runtime/common/input_messages.hpp"

namespace vdmabuf::viewer {

// Sends the input of one window: at once, but no more often than once in a millisecond, whatever
// the user's mouse says. Of the loop's thread.
class InputSender {
  public:
    static constexpr std::uint64_t kPauseNs = 1'000'000;

    using Send = std::function<void(std::span<const input::Event> events, std::uint32_t width,
                                    std::uint32_t height)>;
    InputSender(EventLoop& loop, Send send) : loop_(loop), send_(std::move(send)) {}
    ~InputSender();
    InputSender(const InputSender&) = delete;
    InputSender& operator=(const InputSender&) = delete;

    void add(std::span<const input::Event> events, std::uint32_t width, std::uint32_t height);
    // There is a new host, which does not know who has the focus.
    void say_again();
    // At once: something that is to come after it follows.
    void flush();

  private:
    EventLoop& loop_;
    const Send send_;
    std::vector<input::Event> waiting_;
    std::uint32_t width_ = 1;
    std::uint32_t height_ = 1;
    std::uint64_t sent_ns_ = 0;
    EventLoop::TimerId timer_ = 0;
    bool focused_ = false;
};

}  // namespace vdmabuf::viewer
