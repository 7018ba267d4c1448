// SPDX-License-Identifier: MIT
#include "runtime/device/command.hpp"

#include <algorithm>
#include <cstring>
#include <numeric>

namespace vdmabuf::device {
namespace {

template <typename Wire>
Wire take(std::span<const std::byte> bytes) {
    Wire wire{};
    std::memcpy(&wire, bytes.data(), sizeof wire);
    return wire;
}

bool zero(const stream::BufferId& id) {
    return std::all_of(id.begin(), id.end(), [](std::uint8_t byte) { return byte == 0; });
}

template <typename Wire>
stream::BufferId id_of(const Wire& wire) {
    stream::BufferId id{};
    std::memcpy(id.data(), wire.id, id.size());
    return id;
}

virtio_vdmabuf_status parse_open(std::span<const std::byte> bytes, Command& command) {
    if (bytes.size() != sizeof(virtio_vdmabuf_channel_open)) return VIRTIO_VDMABUF_ERR_INVALID;
    const auto wire = take<virtio_vdmabuf_channel_open>(bytes);
    if (std::memchr(wire.comm, 0, sizeof wire.comm) == nullptr) return VIRTIO_VDMABUF_ERR_INVALID;
    char comm[VIRTIO_VDMABUF_COMM_SIZE];
    std::memcpy(comm, wire.comm, sizeof comm);
    command = ChannelOpen{wire.hdr.channel, wire.pid, wire.uid, stream::get_text(comm)};
    return VIRTIO_VDMABUF_OK;
}

virtio_vdmabuf_status parse_create(std::span<const std::byte> bytes, const Limits& limits,
                                   Command& command) {
    if (bytes.size() < sizeof(virtio_vdmabuf_buffer_create)) return VIRTIO_VDMABUF_ERR_INVALID;
    const auto wire = take<virtio_vdmabuf_buffer_create>(bytes);
    const auto runs = bytes.subspan(sizeof wire);
    if (wire.reserved != 0 || wire.nr_runs == 0 ||
        runs.size() != std::size_t{wire.nr_runs} * sizeof(virtio_vdmabuf_run)) {
        return VIRTIO_VDMABUF_ERR_INVALID;
    }
    BufferCreate create;
    create.channel = wire.hdr.channel;
    create.id = id_of(wire);
    create.size = wire.size;
    if (zero(create.id) || create.size == 0) return VIRTIO_VDMABUF_ERR_INVALID;
    if (wire.nr_runs > limits.runs || create.size > limits.buffer_bytes) {
        return VIRTIO_VDMABUF_ERR_QUOTA;
    }
    create.runs.reserve(wire.nr_runs);
    std::uint64_t left = create.size;
    for (std::size_t i = 0; i < wire.nr_runs; ++i) {
        const auto run = take<virtio_vdmabuf_run>(runs.subspan(i * sizeof(virtio_vdmabuf_run)));
        const std::uint64_t gpa = run.gpa;
        const std::uint64_t length = run.length;
        if (gpa % VIRTIO_VDMABUF_PAGE_SIZE != 0 || length % VIRTIO_VDMABUF_PAGE_SIZE != 0 ||
            length == 0 || gpa + length < gpa || length > left) {
            return VIRTIO_VDMABUF_ERR_INVALID;
        }
        left -= length;
        create.runs.push_back(GuestRun{gpa, length});
    }
    if (left != 0) return VIRTIO_VDMABUF_ERR_INVALID;
    command = std::move(create);
    return VIRTIO_VDMABUF_OK;
}

virtio_vdmabuf_status parse_destroy(std::span<const std::byte> bytes, Command& command) {
    if (bytes.size() != sizeof(virtio_vdmabuf_buffer_destroy)) return VIRTIO_VDMABUF_ERR_INVALID;
    const auto wire = take<virtio_vdmabuf_buffer_destroy>(bytes);
    const stream::BufferId id = id_of(wire);
    if (zero(id)) return VIRTIO_VDMABUF_ERR_INVALID;
    command = BufferDestroy{wire.hdr.channel, id};
    return VIRTIO_VDMABUF_OK;
}

virtio_vdmabuf_status parse_message(std::span<const std::byte> bytes, std::uint32_t channel,
                                    const Limits& limits, Command& command) {
    const auto data = bytes.subspan(sizeof(virtio_vdmabuf_message));
    if (data.empty() || data.size() > limits.message) return VIRTIO_VDMABUF_ERR_INVALID;
    command = Message{channel, data};
    return VIRTIO_VDMABUF_OK;
}

}  // namespace

std::size_t max_command_bytes(const Limits& limits) {
    return std::max(
        sizeof(virtio_vdmabuf_message) + limits.message,
        sizeof(virtio_vdmabuf_buffer_create) + limits.runs * sizeof(virtio_vdmabuf_run));
}

virtio_vdmabuf_status parse_command(std::span<const std::byte> bytes, const Limits& limits,
                                    Command& command) {
    if (bytes.size() < sizeof(virtio_vdmabuf_command)) return VIRTIO_VDMABUF_ERR_INVALID;
    const auto header = take<virtio_vdmabuf_command>(bytes);
    if (header.size != bytes.size() || header.reserved != 0 || header.channel == 0) {
        return VIRTIO_VDMABUF_ERR_INVALID;
    }
    switch (header.type) {
        case VIRTIO_VDMABUF_CMD_CHANNEL_OPEN:
            return parse_open(bytes, command);
        case VIRTIO_VDMABUF_CMD_CHANNEL_CLOSE:
            if (bytes.size() != sizeof(virtio_vdmabuf_channel_close)) {
                return VIRTIO_VDMABUF_ERR_INVALID;
            }
            command = ChannelClose{header.channel};
            return VIRTIO_VDMABUF_OK;
        case VIRTIO_VDMABUF_CMD_BUFFER_CREATE:
            return parse_create(bytes, limits, command);
        case VIRTIO_VDMABUF_CMD_BUFFER_DESTROY:
            return parse_destroy(bytes, command);
        case VIRTIO_VDMABUF_CMD_MESSAGE:
            return parse_message(bytes, header.channel, limits, command);
        default:
            return VIRTIO_VDMABUF_ERR_UNSUPPORTED;
    }
}

}  // namespace vdmabuf::device
