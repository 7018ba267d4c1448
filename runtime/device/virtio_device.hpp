// SPDX-License-Identifier: MIT
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "runtime/broker/producer_port.hpp"
#include "runtime/common/event_loop.hpp"
#include "runtime/common/result.hpp"
#include "runtime/device/buffer_table.hpp"
#include "runtime/device/command.hpp"
#include "runtime/device/event_queue.hpp"
#include "runtime/device/guest_memory.hpp"
#include "runtime/device/limits.hpp"
#include "runtime/device/served_queue.hpp"
#include "runtime/device/vm_state.hpp"
#include "runtime/device/vring.hpp"

namespace vdmabuf::device {

// The virtio device of one VM: serves its command queue, fills its event queue, and brings its
// channels to the broker as ports. Belongs to the thread of `loop`. Whatever the guest does, only
// this VM's device suffers: a broken virtqueue stops the device until the driver resets it.
//
// The device has no state beside the virtqueues, its channels and its buffers. Stopping the command
// queue ends all channels and buffers. When a queue starts at a used index other than 0 (the VM was
// paused, or another process served it before), the driver has channels that we do not know of: it
// is told to RESYNC. What it tells us of then, consumers of the process that served before may
// still be showing: for VIRTIO_VDMABUF_GRACE_MS no such buffer is released.
class VirtioDevice {
  public:
    VirtioDevice(EventLoop& loop, std::string vm, const Limits& limits,
                 broker::PortHandler& handler);
    ~VirtioDevice();  // ends all channels
    VirtioDevice(const VirtioDevice&) = delete;
    VirtioDevice& operator=(const VirtioDevice&) = delete;

    // Takes the state of the VM: starts, goes on with or stops the queues. An error means that the
    // state cannot be served, and the device is stopped.
    Status apply(const VmState& state);

    // Tells the guest that the service ends (CHANNEL_CLOSED for every channel).
    void shut_down();

    bool running() const { return command_.ring.has_value(); }
    bool broken() const { return broken_; }
    std::size_t channels() const { return channels_.size(); }
    std::size_t buffers() const { return buffers_.size(); }
    std::uint64_t buffer_bytes() const { return buffers_.bytes(); }

  private:
    class Channel;
    enum class Kind { command, event };

    Status start(ServedQueue& queue, Kind kind, const RingState& state);
    void reset();  // all channels, buffers and events end
    void begin_grace();
    void fail(const Error& why);  // broken until the driver resets the device

    void kicked(Kind kind, bool readable);
    void run_commands();
    void answer(const Chain& chain);
    virtio_vdmabuf_status execute(const Chain& chain);
    virtio_vdmabuf_status execute(const ChannelOpen& command);
    virtio_vdmabuf_status execute(const ChannelClose& command);
    virtio_vdmabuf_status execute(const BufferCreate& command);
    virtio_vdmabuf_status execute(const BufferDestroy& command);
    virtio_vdmabuf_status execute(const Message& command);
    void deliver_events();

    Channel* find(std::uint32_t number);
    bool send(Channel& channel, std::span<const std::byte> message);
    void close(Channel& channel, broker::CloseReason reason);
    void finish_close(std::uint32_t number, std::uint64_t serial);
    void end_channel(Channel& channel);
    // Runs `work` after what runs now, unless the device has ended by then.
    template <typename Work>
    void later(Work work);

    EventLoop& loop_;
    const std::string vm_;
    const Limits limits_;
    broker::PortHandler& handler_;
    std::shared_ptr<const GuestMemory> memory_;
    ServedQueue command_;
    ServedQueue event_;
    bool broken_ = false;
    bool announced_broken_ = false;
    std::map<std::uint32_t, std::unique_ptr<Channel>> channels_;
    BufferTable buffers_;
    EventQueue events_;
    // Until the timer runs off, whatever the driver tells us of is held here too.
    std::vector<std::shared_ptr<const BufferMemory>> grace_;
    EventLoop::TimerId grace_end_ = 0;
    std::uint64_t next_serial_ = 1;
    // Inside run_commands() events collect, so that one interrupt serves them all.
    bool collecting_ = false;
    bool events_delivered_ = false;  // an interrupt is due at the end of the round
    EventLoop::RoundEndId round_end_ = 0;
    Chain chain_;  // kept for their memory
    std::vector<std::byte> bytes_;
    std::shared_ptr<VirtioDevice*> anchor_ = std::make_shared<VirtioDevice*>(this);
};

}  // namespace vdmabuf::device
