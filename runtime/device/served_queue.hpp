// SPDX-License-Identifier: MIT
#pragma once

#include <functional>
#include <memory>
#include <optional>

#include "runtime/common/event_loop.hpp"
#include "runtime/common/result.hpp"
#include "runtime/device/guest_memory.hpp"
#include "runtime/device/vm_state.hpp"
#include "runtime/device/vring.hpp"

namespace vdmabuf::device {

// A virtqueue with the two descriptors that come with it: the guest's kicks arrive in the loop, and
// interrupts go out.
class ServedQueue {
  public:
    explicit ServedQueue(EventLoop& loop) : loop_(loop) {}
    ~ServedQueue() { stop(); }
    ServedQueue(const ServedQueue&) = delete;
    ServedQueue& operator=(const ServedQueue&) = delete;

    // `kicked` runs when the guest has kicked; with false when its kicks cannot be read any more.
    Status start(std::shared_ptr<const GuestMemory> memory, const RingState& from,
                 std::function<void(bool readable)> kicked);
    void stop();

    // If the driver wants one for what was pushed.
    void interrupt();

    std::optional<Vring> ring;  // while it runs
    RingState state;

  private:
    EventLoop& loop_;
    std::function<void(bool readable)> kicked_;
    bool call_is_socket_ = false;  // User Mode Linux's; else an eventfd
};

}  // namespace vdmabuf::device
