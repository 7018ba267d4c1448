// SPDX-License-Identifier: MIT
#pragma once

#include <linux/virtio_vdmabuf.h>

#include <cstddef>
#include <cstdint>
#include <deque>
#include <functional>
#include <span>
#include <unordered_map>
#include <vector>

#include "runtime/common/result.hpp"
#include "runtime/common/stream_messages.hpp"
#include "runtime/device/guest_memory.hpp"
#include "runtime/device/vring.hpp"

namespace vdmabuf::device {

// Events that wait until the guest has posted buffers for them, in order. Messages are bounded for
// each channel; the other events are bounded by what they are about, a channel or a buffer, which
// keeps its place under the device's limits until its last event is delivered.
class EventQueue {
  public:
    static constexpr std::uint32_t kMaxWaiting = 1024;  // messages of one channel
    static constexpr std::size_t kMaxWaitingBytes = std::size_t{256} << 10;  // of one channel

    // False: too many messages of this channel wait; nothing was queued.
    bool message(std::uint32_t channel, std::span<const std::byte> data);
    void channel_closed(std::uint32_t channel, std::uint32_t reason);
    void buffer_released(std::uint32_t channel, const stream::BufferId& id, std::uint64_t token);
    // Before everything that waits.
    void resync(std::uint64_t generation);

    // Forgets the messages of a channel that wait.
    void drop_messages(std::uint32_t channel);
    void clear();
    bool empty() const { return events_.empty(); }

    // Called when the event has reached the guest: the channel's number is free, the token's
    // buffer is.
    std::function<void(std::uint32_t channel)> closed_delivered;
    std::function<void(std::uint64_t token)> released_delivered;

    // Writes events into posted buffers while there are both. Number of events written. Errors are
    // those of Vring, and EBADMSG for a buffer that the event does not fit into.
    Result<std::size_t> deliver(Vring& ring, const GuestMemory& memory);

  private:
    struct Event {
        std::uint32_t type = 0;
        std::uint32_t channel = 0;
        std::uint64_t token = 0;
        std::vector<std::byte> bytes;
    };
    struct Waiting {
        std::uint32_t count = 0;
        std::size_t bytes = 0;
    };
    void settle(const Event& event);  // its part of `waiting_` ends

    std::deque<Event> events_;
    std::unordered_map<std::uint32_t, Waiting> waiting_;  // messages, by channel
    Chain chain_;                                         // kept for its memory
};

}  // namespace vdmabuf::device
