// SPDX-License-Identifier: MIT
// What decides how the layer brings pictures to the host, as families of real drivers have it.
#pragma once

#include <algorithm>

#include "tests/layer/fake/control.hpp"

namespace vdmabuf::fake {

constexpr std::uint64_t kLinear = 0;                           // DRM_FORMAT_MOD_LINEAR
constexpr std::uint64_t kIntelYTiled = 0x0100000000000002ull;  // I915_FORMAT_MOD_Y_TILED
constexpr std::uint64_t kAmdTiled = 0x0200000018801b04ull;     // a GFX9+ one, without DCC
constexpr std::uint64_t kNvidiaBlock = 0x0300000000606014ull;  // a block-linear one

constexpr VkExternalMemoryFeatureFlags kImport = VK_EXTERNAL_MEMORY_FEATURE_IMPORTABLE_BIT;
constexpr VkExternalMemoryFeatureFlags kExport = VK_EXTERNAL_MEMORY_FEATURE_EXPORTABLE_BIT;

inline void add(DeviceConfig& device, std::initializer_list<const char*> extensions) {
    for (const char* extension : extensions) device.extensions.emplace_back(extension);
}

inline void add_sync_fd(DeviceConfig& device) {
    add(device, {"VK_KHR_external_semaphore_fd", "VK_KHR_external_fence_fd"});
    device.imports_sync_fd = true;
    device.exports_sync_fd = true;
}

inline void add_dma_buf(DeviceConfig& device) {
    add(device, {"VK_KHR_external_memory_fd", "VK_EXT_external_memory_dma_buf",
                 "VK_EXT_image_drm_format_modifier", "VK_EXT_queue_family_foreign",
                 "VK_KHR_image_format_list"});
}

// Mesa 22.3: host pointers, one queue, nothing that is external but its own opaque memory.
inline DeviceConfig lavapipe_old() {
    DeviceConfig device;
    device.name = "llvmpipe (old)";
    device.driver_name = "llvmpipe";
    add(device, {"VK_EXT_external_memory_host", "VK_KHR_external_memory_fd",
                 "VK_KHR_swapchain_mutable_format", "VK_KHR_image_format_list"});
    device.host_pointer = {kImport, kImport, 0, kImport, 1};
    device.opaque_fd = {kImport | kExport, kImport | kExport, 0, kImport | kExport, 1};
    return device;
}

// Mesa 26: with dmabufs and SYNC_FD.
inline DeviceConfig lavapipe_new() {
    DeviceConfig device = lavapipe_old();
    device.name = "llvmpipe (new)";
    device.extensions.erase(
        std::find(device.extensions.begin(), device.extensions.end(), "VK_KHR_image_format_list"));
    device.extensions.erase(
        std::find(device.extensions.begin(), device.extensions.end(), "VK_KHR_external_memory_fd"));
    add_dma_buf(device);
    add_sync_fd(device);
    device.dma_buf = {kImport | kExport, 0, kImport | kExport, kImport | kExport, 1};
    device.modifiers = {{kLinear, device.linear_features}};
    return device;
}

// ANV: system pages; dmabufs linear and by modifier; host pointers for what is not optimal.
inline DeviceConfig intel() {
    DeviceConfig device;
    device.name = "fake Intel";
    device.driver_name = "Intel open-source Mesa driver";
    device.driver_id = VK_DRIVER_ID_INTEL_OPEN_SOURCE_MESA;
    device.type = VK_PHYSICAL_DEVICE_TYPE_INTEGRATED_GPU;
    device.vendor_id = 0x8086;
    add(device, {"VK_EXT_external_memory_host"});
    add_dma_buf(device);
    add_sync_fd(device);
    device.host_pointer = {kImport, 0, kImport, kImport, 1};
    device.dma_buf = {kImport | kExport, 0, kImport | kExport, kImport | kExport, 1};
    device.modifiers = {{kIntelYTiled, device.optimal_features}, {kLinear, device.linear_features}};
    return device;
}

constexpr std::uint32_t kVram = 0;  // indices of memory types of discrete GPUs
constexpr std::uint32_t kGtt = 1;
constexpr std::uint32_t kGttCached = 2;

inline void make_discrete(DeviceConfig& device) {
    device.type = VK_PHYSICAL_DEVICE_TYPE_DISCRETE_GPU;
    device.heaps = {{8ull << 30, VK_MEMORY_HEAP_DEVICE_LOCAL_BIT}, {16ull << 30, 0}};
    device.memory_types = {
        {VK_MEMORY_PROPERTY_DEVICE_LOCAL_BIT, 0},
        {VK_MEMORY_PROPERTY_HOST_VISIBLE_BIT | VK_MEMORY_PROPERTY_HOST_COHERENT_BIT, 1},
        {VK_MEMORY_PROPERTY_HOST_VISIBLE_BIT | VK_MEMORY_PROPERTY_HOST_COHERENT_BIT |
             VK_MEMORY_PROPERTY_HOST_CACHED_BIT,
         1}};
    device.optimal_memory_types = 1u << kVram;
}

// RADV: dmabufs only by modifier, a pitch of 256, host pointers in one type.
inline DeviceConfig amd() {
    DeviceConfig device;
    device.name = "fake AMD";
    device.driver_name = "radv";
    device.driver_id = VK_DRIVER_ID_MESA_RADV;
    device.vendor_id = 0x1002;
    make_discrete(device);
    device.pitch_alignment = 256;
    add_dma_buf(device);
    add_sync_fd(device);
    device.dma_buf = {0, 0, kImport | kExport, kImport | kExport, (1u << kVram) | (1u << kGtt)};
    add(device, {"VK_EXT_external_memory_host"});
    device.host_pointer = {kImport, kImport, kImport, kImport, 1u << kGttCached};
    device.modifiers = {{kAmdTiled, device.optimal_features}, {kLinear, device.linear_features}};
    return device;
}

// NVIDIA: linear images are no render targets; memory is on the card; host pointers for buffers.
inline DeviceConfig nvidia() {
    DeviceConfig device;
    device.name = "fake NVIDIA";
    device.driver_name = "NVIDIA";
    device.driver_id = VK_DRIVER_ID_NVIDIA_PROPRIETARY;
    device.vendor_id = 0x10de;
    make_discrete(device);
    device.pitch_alignment = 256;
    device.linear_features = DeviceConfig::kTransfer | VK_FORMAT_FEATURE_SAMPLED_IMAGE_BIT;
    add(device, {"VK_EXT_external_memory_host"});
    add_dma_buf(device);
    add_sync_fd(device);
    device.host_pointer = {0, 0, 0, kImport, (1u << kGtt) | (1u << kGttCached)};
    device.dma_buf = {0, 0, kImport | kExport, 0, 1u << kVram};
    device.modifiers = {{kNvidiaBlock, device.optimal_features}, {kLinear, device.linear_features}};
    return device;
}

// Venus: what the host's driver has, but its memory has no pages in the guest.
inline DeviceConfig venus() {
    DeviceConfig device;
    device.name = "Virtio-GPU Venus (fake)";
    device.driver_name = "venus";
    device.driver_id = VK_DRIVER_ID_MESA_VENUS;
    device.type = VK_PHYSICAL_DEVICE_TYPE_VIRTUAL_GPU;
    device.vendor_id = 0x1af4;
    add_dma_buf(device);
    add_sync_fd(device);
    device.dma_buf = {0, 0, kExport, 0, 0};
    device.modifiers = {{kLinear, device.linear_features}};
    return device;
}

}  // namespace vdmabuf::fake
