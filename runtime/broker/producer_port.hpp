// SPDX-License-Identifier: MIT
// The seam between the broker and what carries a producer's messages: a channel of a VM's device
// (runtime/device) or a connection on the producers' Unix socket (runtime/broker). All calls happen
// on the thread of the broker's event loop.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>

#include "runtime/common/buffer_memory.hpp"
#include "runtime/common/stream_messages.hpp"

namespace vdmabuf::broker {

// Why a port is closed by the broker; carried to the producer where the transport can.
enum class CloseReason : std::uint32_t {  // values of enum virtio_vdmabuf_close_reason
    protocol = 1,
    quota = 2,
    shutdown = 3,
    policy = 4,
};

// Who is behind a port. `vm` is empty for a producer on this kernel. Everything else is what the
// producer's side says of itself, except `uid` of a local producer (SO_PEERCRED).
struct ProducerInfo {
    std::string vm;
    std::uint32_t pid = 0;
    std::uint32_t uid = 0;
    std::string comm;
};

// A producer as the broker sees it. Owned by its transport, which announces its end with
// PortHandler::closed().
class ProducerPort {
  public:
    virtual ~ProducerPort() = default;

    // Queues one message of at most stream::kMaxMessage bytes, in order. When the producer does not
    // take its messages and the transport's bounded queue is full, the port is closed (not from
    // within this call) and false comes back; so does every later call.
    virtual bool send(std::span<const std::byte> message) = 0;

    // Closes the port; PortHandler::closed() follows later, not from within this call.
    virtual void close(CloseReason reason) = 0;
};

enum class Created { ok, exists, quota };

class InputPort;

// The broker as transports see it.
class PortHandler {
  public:
    virtual ~PortHandler() = default;

    // A producer has come. False: policy or quota refuses it; the transport drops it.
    virtual bool opened(ProducerPort& port, const ProducerInfo& info) = 0;
    // A message of 1 .. stream::kMaxMessage bytes, copied out of the producer's reach.
    virtual void message(ProducerPort& port, std::span<const std::byte> bytes) = 0;
    // A PRESENT with a sync_file: the frame is complete when that has signalled. Transports whose
    // other side waits for the fence (a guest's driver) never call this.
    virtual void present(ProducerPort& port, std::span<const std::byte> bytes, UniqueFd fence) = 0;
    // The broker keeps a reference to `memory` while it, or a consumer, has use for it, and for a
    // while after buffer_destroyed(): the transport sees that the last one has let go by the end of
    // the object (a deleter, which runs on the loop's thread and must not call back into here).
    virtual Created buffer_created(ProducerPort& port, const stream::BufferId& id,
                                   std::shared_ptr<const BufferMemory> memory) = 0;
    // The id is free again. False: unknown.
    virtual bool buffer_destroyed(ProducerPort& port, const stream::BufferId& id) = 0;
    // The producer has gone, or its port was closed; `port` is not used after this call returns.
    // Destroys the port's buffers as buffer_destroyed() does.
    virtual void closed(ProducerPort& port) = 0;
    // This VM has input devices; nullptr: not any more. Before its first producer comes, and after
    // the last has gone.
    virtual void input_port(const std::string& vm, InputPort* port) = 0;
};

}  // namespace vdmabuf::broker
