// SPDX-License-Identifier: MIT
#pragma once

#include <array>
#include <cstddef>
#include <span>
#include <vector>

#include "runtime/device/evdev_state.hpp"

namespace vdmabuf::device {

// Events on their way into a guest, one by one as it has buffers for them: QEMU's vhost-user-input
// has queues of four, fewer than a packet may have events. What waits is bounded, and ways of the
// pointer, of a finger and of the wheel that wait are put together. A packet that
// finds no room is lost as a whole; but what is pressed by then is remembered, and once the guest
// has taken everything, what it believes is put right. So no release is ever lost.
class EvdevOutbox {
  public:
    static constexpr std::size_t kMaxWaiting = 256;  // events

    explicit EvdevOutbox(InputRole role);

    // Events that belong together, without their SYN_REPORT. Keys that are so already are left out.
    void add(std::span<const EvdevEvent> packet);
    // Nothing is down any more, nothing touches.
    void release_all() { wanted_.release_all(); }
    // The driver reads from a queue of its own again, or not at all: what waits is forgotten, and
    // nothing is wanted down. With `unknown`, another process has told the guest we know not what.
    void restart(bool unknown);

    // The next event for the guest, nullptr: there is none.
    const EvdevEvent* next();
    // The guest has it.
    void pop();

    const EvdevState& wanted() const { return wanted_; }

  private:
    void push(const EvdevEvent& event);
    // Makes one of the packet and the last one that waits, where they are the same way, going on.
    bool merge(std::span<const EvdevEvent> packet);

    const InputRole role_;
    EvdevState wanted_;
    EvdevState told_;  // what the guest knows, or does not: see restart()
    std::array<EvdevEvent, 2 * kMaxWaiting> events_{};  // a difference is longer than a packet
    std::size_t first_ = 0;
    std::size_t count_ = 0;
    std::size_t last_ = 0;                // events of the last packet, without its SYN_REPORT
    std::vector<EvdevEvent> difference_;  // kept for its memory
};

}  // namespace vdmabuf::device
