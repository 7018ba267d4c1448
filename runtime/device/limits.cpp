// SPDX-License-Identifier: MIT
#include "runtime/device/limits.hpp"

#include <algorithm>
#include <bit>
#include <cstring>

namespace vdmabuf::device {

static_assert(std::endian::native == std::endian::little, "the wire format is little-endian");
static_assert(sizeof(virtio_vdmabuf_config) == 48);

ConfigSpace config_space(const Limits& limits) {
    virtio_vdmabuf_config config{};
    config.abi_min = VIRTIO_VDMABUF_ABI_VERSION;
    config.abi_max = VIRTIO_VDMABUF_ABI_VERSION;
    config.max_channels = limits.channels;
    config.max_buffers = limits.buffers;
    config.max_runs = std::clamp<std::uint32_t>(limits.runs, 1, VIRTIO_VDMABUF_MAX_RUNS);
    config.max_buffer_bytes = std::min(limits.buffer_bytes, limits.total_bytes);
    config.max_total_bytes = limits.total_bytes;
    config.max_message = std::clamp<std::uint32_t>(limits.message, 1, VIRTIO_VDMABUF_MAX_MESSAGE);
    ConfigSpace bytes{};
    std::memcpy(bytes.data(), &config, bytes.size());
    return bytes;
}

}  // namespace vdmabuf::device
