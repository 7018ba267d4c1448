// SPDX-License-Identifier: MIT
// Commands of the device's command queue: copied bytes in, checked values out.
#pragma once

#include <linux/virtio_vdmabuf.h>

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <variant>
#include <vector>

#include "runtime/common/stream_messages.hpp"
#include "runtime/device/guest_memory.hpp"
#include "runtime/device/limits.hpp"

namespace vdmabuf::device {

struct ChannelOpen {
    std::uint32_t channel = 0;
    std::uint32_t pid = 0;
    std::uint32_t uid = 0;
    std::string comm;  // printable
};

struct ChannelClose {
    std::uint32_t channel = 0;
};

struct BufferCreate {
    std::uint32_t channel = 0;
    stream::BufferId id{};
    std::uint64_t size = 0;      // bytes: the sum of the runs' lengths, never 0
    std::vector<GuestRun> runs;  // page aligned, not empty, in guest memory or not
};

struct BufferDestroy {
    std::uint32_t channel = 0;
    stream::BufferId id{};
};

struct Message {
    std::uint32_t channel = 0;
    std::span<const std::byte> data;  // part of the parsed bytes
};

using Command = std::variant<ChannelOpen, ChannelClose, BufferCreate, BufferDestroy, Message>;

// Longest readable part of a command, in bytes, that these limits allow.
std::size_t max_command_bytes(const Limits& limits);

// Checks everything that can be checked without knowing the state of the device. `bytes` is the
// whole readable part of a chain, out of the guest's reach. Anything but VIRTIO_VDMABUF_OK is the
// answer to give.
virtio_vdmabuf_status parse_command(std::span<const std::byte> bytes, const Limits& limits,
                                    Command& command);

}  // namespace vdmabuf::device
