// SPDX-License-Identifier: MIT
// What the keeper and the broker process say to each other over a SOCK_SEQPACKET socket pair.
// Keeper: a device's state as SNAPSHOT, REGION..., RING..., COMMIT, each with its descriptors;
// SHUT_DOWN. Broker: ACK for every COMMIT and SHUT_DOWN, when it has done it; LOAD. Both are the
// same program, but after an upgrade maybe of different versions: `version` tells.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <span>
#include <string>

#include "runtime/common/result.hpp"
#include "runtime/common/seqpacket.hpp"
#include "runtime/device/vm_state.hpp"

namespace vdmabuf::keeper::handover {

constexpr std::uint16_t kVersion = 2;
constexpr std::size_t kNameSize = 48;  // of a VM, with its NUL

enum class Type : std::uint16_t {
    snapshot = 1,
    region = 2,
    ring = 3,
    commit = 4,
    shut_down = 5,
    ack = 0x81,
    load = 0x82,
};

struct Header {
    std::uint16_t version = kVersion;
    std::uint16_t type = 0;
    std::uint32_t size = 0;  // bytes of the message
    std::uint64_t sequence = 0;
    char vm[kNameSize] = {};
};
struct Snapshot {
    static constexpr Type kType = Type::snapshot;
    Header header;
    std::uint64_t features = 0;
    std::uint32_t resumed = 0;
    std::uint32_t device = 0;  // DeviceName::number
};
struct Region {  // 1 descriptor
    static constexpr Type kType = Type::region;
    Header header;
    std::uint64_t gpa = 0;
    std::uint64_t size = 0;
    std::uint64_t uva = 0;
    std::uint64_t offset = 0;
};
constexpr std::uint32_t kRingAddressed = 1u << 0;
constexpr std::uint32_t kRingEnabled = 1u << 1;
constexpr std::uint32_t kRingKick = 1u << 2;  // the first descriptor
constexpr std::uint32_t kRingCall = 1u << 3;  // the next descriptor
struct Ring {
    static constexpr Type kType = Type::ring;
    Header header;
    std::uint32_t index = 0;
    std::uint32_t size = 0;
    std::uint64_t descriptors = 0;
    std::uint64_t available = 0;
    std::uint64_t used = 0;
    std::uint32_t flags = 0;
    std::uint32_t reserved = 0;
};
struct Commit {
    static constexpr Type kType = Type::commit;
    Header header;
};
struct ShutDown {
    static constexpr Type kType = Type::shut_down;
    Header header;
};
struct Ack {
    static constexpr Type kType = Type::ack;
    Header header;            // sequence: of what is acknowledged
    std::int32_t status = 0;  // 0, or an errno value: the state cannot be served
    std::uint32_t reserved = 0;
};
struct Load {
    static constexpr Type kType = Type::load;
    Header header;
    std::uint32_t connections = 0;  // of producers and consumers
    std::uint32_t reserved = 0;
};
static_assert(sizeof(Header) == 64 && sizeof(Snapshot) == 80 && sizeof(Region) == 96);
static_assert(sizeof(Ring) == 104 && sizeof(Ack) == 72 && sizeof(Load) == 72);
constexpr std::size_t kMaxSize = 128;  // bytes of any message of any version

template <typename Message>
Message make(std::uint64_t sequence, const std::string& vm = {}) {
    Message message{};
    message.header.type = static_cast<std::uint16_t>(Message::kType);
    message.header.size = sizeof(Message);
    message.header.sequence = sequence;
    vm.copy(message.header.vm, kNameSize - 1);
    return message;
}

// Sends one message, waiting for room until `deadline_ns` (CLOCK_MONOTONIC). 0 or an errno value.
int send_within(int socket, std::span<const std::byte> message, std::span<const int> fds,
                std::uint64_t deadline_ns);

template <typename Message>
int send_within(int socket, const Message& message, std::span<const int> fds,
                std::uint64_t deadline_ns) {
    return send_within(socket, std::as_bytes(std::span(&message, 1)), fds, deadline_ns);
}

// Sends a device's state, COMMIT with `sequence` last. 0 or an errno value.
int send_state(int socket, const device::DeviceName& device, const device::VmState& state,
               std::uint64_t sequence, std::uint64_t deadline_ns);

// Puts states together on the broker's side.
class Receiver {
  public:
    std::function<void(const device::DeviceName& device, const device::VmState& state,
                       std::uint64_t sequence)>
        on_state;
    std::function<void(std::uint64_t sequence)> on_shut_down;

    // Takes one message. EPROTONOSUPPORT: of another version. EBADMSG: malformed.
    Status take(std::span<const std::byte> bytes, std::vector<UniqueFd> fds);

  private:
    device::DeviceName device_;
    device::VmState state_;
};

}  // namespace vdmabuf::keeper::handover
