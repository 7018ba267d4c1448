// SPDX-License-Identifier: MIT
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <functional>
#include <memory>

#include "runtime/common/event_loop.hpp"
#include "runtime/common/stream_messages.hpp"
#include "runtime/common/unique_fd.hpp"

namespace vdmabuf::broker {

// Frames of one stream of a local producer that wait for their fences: handed out in their order,
// however the fences signal. A fence that never does holds up its own stream only, and goes with
// it. One that signals an error counts as signalled: what its GPU left in the image is shown, as it
// is on every other way (docs/protocol.md). One thread, that of the loop.
class FenceQueue {
  public:
    // Frames that wait at a time, of all streams of a connection: each costs a descriptor.
    static constexpr std::size_t kMaxWaiting = 256;

    using Ready = std::function<void(const stream::Present& message)>;

    // `waiting` counts the frames of all queues of a connection. `ready` may destroy the queue.
    FenceQueue(EventLoop& loop, std::size_t& waiting, Ready ready)
        : loop_(loop), waiting_(waiting), ready_(std::move(ready)) {}
    ~FenceQueue();
    FenceQueue(const FenceQueue&) = delete;
    FenceQueue& operator=(const FenceQueue&) = delete;

    bool empty() const { return frames_.empty(); }

    // Adds a frame, with or without a fence. One that waits in the same slot ends without a word:
    // its producer has taken the slot back. False: too many wait already.
    bool add(const stream::Present& message, UniqueFd fence);
    // The slot loses its image, and its frame.
    void withdraw(std::uint32_t slot);

  private:
    struct Frame {
        stream::Present message;
        UniqueFd fence;  // empty: complete
    };
    void remove(std::uint32_t slot);
    void run();  // hands out what is ready, then watches the first that is not
    void unwatch();

    EventLoop& loop_;
    std::size_t& waiting_;
    const Ready ready_;
    std::deque<Frame> frames_;
    int watched_ = -1;  // the fence of the first frame
    std::shared_ptr<bool> alive_ = std::make_shared<bool>(true);
};

}  // namespace vdmabuf::broker
