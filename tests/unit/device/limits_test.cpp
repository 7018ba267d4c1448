// SPDX-License-Identifier: MIT
#include "runtime/device/limits.hpp"

#include <gtest/gtest.h>

#include <cstring>

namespace vdmabuf::device {
namespace {

virtio_vdmabuf_config config_of(const Limits& limits) {
    const ConfigSpace bytes = config_space(limits);
    virtio_vdmabuf_config config{};
    std::memcpy(&config, bytes.data(), bytes.size());
    return config;
}

TEST(ConfigSpaceTest, TellsTheLimits) {
    const virtio_vdmabuf_config config =
        config_of({.channels = 3, .buffers = 4, .runs = 5, .buffer_bytes = 6, .total_bytes = 7});
    EXPECT_EQ(config.abi_min, VIRTIO_VDMABUF_ABI_VERSION);
    EXPECT_EQ(config.abi_max, VIRTIO_VDMABUF_ABI_VERSION);
    EXPECT_EQ(config.max_channels, 3U);
    EXPECT_EQ(config.max_buffers, 4U);
    EXPECT_EQ(config.max_runs, 5U);
    EXPECT_EQ(config.max_buffer_bytes, 6U);
    EXPECT_EQ(config.max_total_bytes, 7U);
    EXPECT_EQ(config.max_message, 4096U);
    EXPECT_EQ(config.features[0], 0U);
}

TEST(ConfigSpaceTest, StaysWithinTheWireFormat) {
    const virtio_vdmabuf_config config = config_of(
        {.runs = UINT32_MAX, .buffer_bytes = 100, .total_bytes = 10, .message = UINT32_MAX});
    EXPECT_EQ(config.max_runs, static_cast<std::uint32_t>(VIRTIO_VDMABUF_MAX_RUNS));
    EXPECT_EQ(config.max_message, static_cast<std::uint32_t>(VIRTIO_VDMABUF_MAX_MESSAGE));
    EXPECT_EQ(config.max_buffer_bytes, 10U);
}

}  // namespace
}  // namespace vdmabuf::device
