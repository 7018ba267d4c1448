// SPDX-License-Identifier: MIT
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>

#include "runtime/common/result.hpp"
#include "runtime/common/stream_messages.hpp"
#include "runtime/producer/buffer.hpp"
#include "runtime/producer/endpoint.hpp"

namespace vdmabuf::producer {

// What carries messages and shares buffers. send() may be called by any thread at any time; the
// others by one thread at a time.
class Transport {
  public:
    enum class Event {
        none,     // nothing to read now
        message,  // `size` bytes are in the buffer
        resync,   // the host starts anew; buffers are known to it, by the same ids
        closed,   // the host has closed the channel for `reason`
        gone,     // the connection is lost: reconnect()
    };
    struct Received {
        Event event = Event::none;
        std::size_t size = 0;
        std::uint32_t reason = 0;  // enum virtio_vdmabuf_close_reason
    };

    virtual ~Transport() = default;

    // For poll(2): POLLIN. The number stays the same over reconnect(), so that a thread in send()
    // never meets a descriptor of somebody else.
    virtual int fd() const = 0;

    virtual Result<std::shared_ptr<Buffer>> alloc(std::uint64_t size) = 0;
    // Lets the host see the buffer; ESTALE or an error of a lost connection: once more after
    // resync or reconnect().
    virtual Result<stream::BufferId> share(const Buffer& buffer) = 0;
    virtual void unshare(const stream::BufferId& id) = 0;

    // A sync_file that holds a message back (-1: none). When it has signalled, and when the message
    // leaves after that, is put into the message at these offsets (0, where the header is:
    // nowhere): ns of CLOCK_MONOTONIC, 64 bits.
    struct InFence {
        int fd = -1;
        std::uint16_t signalled_at = 0;
        std::uint16_t sent_at = 0;
    };
    // Sends without waiting. 0, or an errno value: EAGAIN (full), ESTALE (resync comes), else the
    // connection is lost. Does not allocate.
    virtual int send(std::span<const std::byte> message, InFence fence) noexcept = 0;
    // Whether every message may have a fence; else PRESENT alone.
    virtual bool takes_fences() const = 0;
    // For messages that set things up: as send(), but waits up to a second for room.
    virtual int send_waiting(std::span<const std::byte> message) noexcept = 0;
    virtual Received receive(std::span<std::byte> buffer) = 0;

    // Makes a new connection in place of a lost one. The host knows nothing of the buffers.
    virtual Status reconnect() = 0;
};

Result<std::unique_ptr<Transport>> open_transport(const Endpoint& endpoint);
Result<std::unique_ptr<Transport>> open_device_transport(const std::string& path);
Result<std::unique_ptr<Transport>> open_socket_transport(const std::string& path);

}  // namespace vdmabuf::producer
