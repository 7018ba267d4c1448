// SPDX-License-Identifier: MIT
#pragma once

#include <cstddef>
#include <memory>
#include <span>
#include <string>

#include "runtime/common/event_loop.hpp"
#include "runtime/common/result.hpp"
#include "runtime/device/evdev_outbox.hpp"
#include "runtime/device/guest_memory.hpp"
#include "runtime/device/served_queue.hpp"
#include "runtime/device/vm_state.hpp"
#include "runtime/device/vring.hpp"

namespace vdmabuf::device {

// One virtio-input device (virtio 1.2, 5.8): writes events into the buffers of its event queue, and
// gives back those of its status queue (lights of a keyboard that nobody has). Belongs to the
// thread of `loop`. A broken virtqueue stops it until the driver resets the device.
//
// Whenever its queues start, nothing is down in the guest soon after: what this process has told is
// taken back, and where another process served before, everything is.
class InputDevice {
  public:
    InputDevice(EventLoop& loop, std::string vm, InputRole role);
    ~InputDevice();
    InputDevice(const InputDevice&) = delete;
    InputDevice& operator=(const InputDevice&) = delete;

    // As VirtioDevice::apply().
    Status apply(const VmState& state);

    // A driver is there.
    bool running() const { return events_.ring.has_value(); }
    bool broken() const { return broken_; }

    void send(std::span<const EvdevEvent> packet);
    void release_all();
    // What the guest is to have down.
    const EvdevState& wanted() const { return outbox_.wanted(); }

  private:
    Status start(const VmState& state);
    void stop();
    void deliver();
    void take_status();
    void fail(const Error& why);
    template <typename Work>
    void later(Work work);

    EventLoop& loop_;
    const std::string name_;  // for people
    EvdevOutbox outbox_;
    std::shared_ptr<const GuestMemory> memory_;
    ServedQueue events_;
    ServedQueue status_;
    bool known_ = false;  // this process has served this device before
    bool broken_ = false;
    bool announced_broken_ = false;
    bool delivered_ = false;  // an interrupt is due at the end of the round
    EventLoop::RoundEndId round_end_ = 0;
    Chain chain_;  // kept for its memory
    std::shared_ptr<InputDevice*> anchor_ = std::make_shared<InputDevice*>(this);
};

}  // namespace vdmabuf::device
