// SPDX-License-Identifier: MIT
// The device extensions that the layer serves itself, whatever the driver has.
#pragma once

#include <bitset>
#include <span>
#include <vector>

#include "layer/vulkan.hpp"

namespace vdmabuf::layer {

struct PhysicalDevice;

enum class Extension : std::uint8_t {
    none,
    swapchain_mutable_format,
    incremental_present,
    swapchain_maintenance1,  // VK_EXT_
    swapchain_maintenance1_khr,
    present_id,
    present_wait,
    present_id2,
    present_wait2,
    hdr_metadata,
    fifo_latest_ready,  // VK_EXT_
    fifo_latest_ready_khr,
    shared_presentable_image,
    image_compression_control_swapchain,
    present_timing,
    calibrated_timestamps,  // VK_KHR_, where the driver has VK_EXT_, which is the same
    count,
};

using ExtensionSet = std::bitset<static_cast<std::size_t>(Extension::count)>;

inline bool has(const ExtensionSet& set, Extension extension) {
    return set.test(static_cast<std::size_t>(extension));
}
inline void add(ExtensionSet& set, Extension extension) {
    set.set(static_cast<std::size_t>(extension));
}

// Extension::none when the name is not one of ours.
Extension find_extension(const char* name);
// Those that this device can carry.
ExtensionSet served_extensions(const PhysicalDevice& physical);
// What an app is told: the driver's extensions without those about presentation that would get a
// swapchain which the driver does not know, and ours.
std::vector<VkExtensionProperties> shown_extensions(const PhysicalDevice& physical);
// Ours alone.
std::vector<VkExtensionProperties> layer_extensions(const PhysicalDevice& physical);

// The instance extensions of the layer, as its manifest lists them.
std::span<const VkExtensionProperties> instance_extensions();

}  // namespace vdmabuf::layer
