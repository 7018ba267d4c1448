// SPDX-License-Identifier: MIT
#pragma once

#include <linux/virtio_vdmabuf.h>

#include <array>
#include <cstddef>
#include <cstdint>

namespace vdmabuf::device {

// What one VM's device takes: told to the driver in config space, enforced on every command.
struct Limits {
    std::uint32_t channels = 256;  // open at a time
    std::uint32_t buffers = 1024;  // of all channels, those that the host still holds included
    std::uint32_t runs = 32768;    // of one buffer; 1 .. VIRTIO_VDMABUF_MAX_RUNS
    std::uint64_t buffer_bytes = std::uint64_t{512} << 20;  // one buffer
    std::uint64_t total_bytes = std::uint64_t{4} << 30;     // as `buffers`
    std::uint32_t message = VIRTIO_VDMABUF_MAX_MESSAGE;     // bytes
};

// The device's configuration as the guest reads it. Beyond it, config space reads as zero.
using ConfigSpace = std::array<std::byte, sizeof(virtio_vdmabuf_config)>;
ConfigSpace config_space(const Limits& limits);

}  // namespace vdmabuf::device
