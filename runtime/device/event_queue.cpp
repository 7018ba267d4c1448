// SPDX-License-Identifier: MIT
#include "runtime/device/event_queue.hpp"

#include <cstring>

namespace vdmabuf::device {
namespace {

template <typename Wire>
std::vector<std::byte> bytes_of(Wire wire, virtio_vdmabuf_event_type type, std::uint32_t channel,
                                std::span<const std::byte> data = {}) {
    std::vector<std::byte> bytes(sizeof wire + data.size());
    wire.hdr.type = type;
    wire.hdr.size = static_cast<std::uint32_t>(bytes.size());
    wire.hdr.channel = channel;
    std::memcpy(bytes.data(), &wire, sizeof wire);
    if (!data.empty()) std::memcpy(bytes.data() + sizeof wire, data.data(), data.size());
    return bytes;
}

}  // namespace

bool EventQueue::message(std::uint32_t channel, std::span<const std::byte> data) {
    Waiting& waiting = waiting_[channel];
    if (waiting.count >= kMaxWaiting || waiting.bytes + data.size() > kMaxWaitingBytes) {
        return false;
    }
    ++waiting.count;
    waiting.bytes += data.size();
    events_.push_back(
        Event{VIRTIO_VDMABUF_EVT_MESSAGE, channel, 0,
              bytes_of(virtio_vdmabuf_event_message{}, VIRTIO_VDMABUF_EVT_MESSAGE, channel, data)});
    return true;
}

void EventQueue::channel_closed(std::uint32_t channel, std::uint32_t reason) {
    virtio_vdmabuf_event_channel_closed wire{};
    wire.reason = reason;
    events_.push_back(Event{VIRTIO_VDMABUF_EVT_CHANNEL_CLOSED, channel, 0,
                            bytes_of(wire, VIRTIO_VDMABUF_EVT_CHANNEL_CLOSED, channel)});
}

void EventQueue::buffer_released(std::uint32_t channel, const stream::BufferId& id,
                                 std::uint64_t token) {
    virtio_vdmabuf_event_buffer_released wire{};
    std::memcpy(wire.id, id.data(), id.size());
    events_.push_back(Event{VIRTIO_VDMABUF_EVT_BUFFER_RELEASED, channel, token,
                            bytes_of(wire, VIRTIO_VDMABUF_EVT_BUFFER_RELEASED, channel)});
}

void EventQueue::resync(std::uint64_t generation) {
    virtio_vdmabuf_event_resync wire{};
    wire.generation = generation;
    events_.push_front(
        Event{VIRTIO_VDMABUF_EVT_RESYNC, 0, 0, bytes_of(wire, VIRTIO_VDMABUF_EVT_RESYNC, 0)});
}

void EventQueue::settle(const Event& event) {
    if (event.type != VIRTIO_VDMABUF_EVT_MESSAGE) return;
    const auto found = waiting_.find(event.channel);
    if (found == waiting_.end()) return;
    found->second.bytes -= event.bytes.size() - sizeof(virtio_vdmabuf_event_message);
    if (--found->second.count == 0) waiting_.erase(found);
}

void EventQueue::drop_messages(std::uint32_t channel) {
    std::erase_if(events_, [channel](const Event& event) {
        return event.type == VIRTIO_VDMABUF_EVT_MESSAGE && event.channel == channel;
    });
    waiting_.erase(channel);
}

void EventQueue::clear() {
    events_.clear();
    waiting_.clear();
}

Result<std::size_t> EventQueue::deliver(Vring& ring, const GuestMemory& memory) {
    std::size_t count = 0;
    while (!events_.empty()) {
        auto next = ring.next(chain_);
        if (!next) return next.error();
        if (!*next) break;
        if (!chain_.readable.empty()) {
            return Error{EBADMSG, "a buffer of the event queue is not writable"};
        }
        Event event = std::move(events_.front());
        if (!scatter(memory, chain_.writable, event.bytes)) {
            return Error{EBADMSG, "a buffer of the event queue is too small for its event"};
        }
        events_.pop_front();
        settle(event);
        ring.push(chain_, static_cast<std::uint32_t>(event.bytes.size()));
        ++count;
        if (event.type == VIRTIO_VDMABUF_EVT_CHANNEL_CLOSED && closed_delivered) {
            closed_delivered(event.channel);
        } else if (event.type == VIRTIO_VDMABUF_EVT_BUFFER_RELEASED && released_delivered) {
            released_delivered(event.token);
        }
    }
    return count;
}

}  // namespace vdmabuf::device
