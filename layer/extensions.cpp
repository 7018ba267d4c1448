// SPDX-License-Identifier: MIT
#include "layer/extensions.hpp"

#include <cstring>

#include "layer/physical_device.hpp"

namespace vdmabuf::layer {
namespace {

constexpr VkExtensionProperties kInstanceExtensions[] = {
    {VK_KHR_SURFACE_EXTENSION_NAME, VK_KHR_SURFACE_SPEC_VERSION},
    {VK_KHR_GET_SURFACE_CAPABILITIES_2_EXTENSION_NAME,
     VK_KHR_GET_SURFACE_CAPABILITIES_2_SPEC_VERSION},
    {VK_EXT_SURFACE_MAINTENANCE_1_EXTENSION_NAME, VK_EXT_SURFACE_MAINTENANCE_1_SPEC_VERSION},
#ifdef VDMABUF_KHR_SURFACE_MAINTENANCE1
    {VK_KHR_SURFACE_MAINTENANCE_1_EXTENSION_NAME, VK_KHR_SURFACE_MAINTENANCE_1_SPEC_VERSION},
#endif
    {VK_KHR_SURFACE_PROTECTED_CAPABILITIES_EXTENSION_NAME,
     VK_KHR_SURFACE_PROTECTED_CAPABILITIES_SPEC_VERSION},
    {VK_EXT_SWAPCHAIN_COLOR_SPACE_EXTENSION_NAME, VK_EXT_SWAPCHAIN_COLOR_SPACE_SPEC_VERSION},
    {VK_GOOGLE_SURFACELESS_QUERY_EXTENSION_NAME, VK_GOOGLE_SURFACELESS_QUERY_SPEC_VERSION},
    {VK_EXT_HEADLESS_SURFACE_EXTENSION_NAME, VK_EXT_HEADLESS_SURFACE_SPEC_VERSION},
    {VK_KHR_DISPLAY_EXTENSION_NAME, VK_KHR_DISPLAY_SPEC_VERSION},
    {VK_KHR_GET_DISPLAY_PROPERTIES_2_EXTENSION_NAME, VK_KHR_GET_DISPLAY_PROPERTIES_2_SPEC_VERSION},
    {VK_EXT_DISPLAY_SURFACE_COUNTER_EXTENSION_NAME, VK_EXT_DISPLAY_SURFACE_COUNTER_SPEC_VERSION},
    {VK_EXT_DIRECT_MODE_DISPLAY_EXTENSION_NAME, VK_EXT_DIRECT_MODE_DISPLAY_SPEC_VERSION},
};

bool always(const PhysicalDevice&) {
    return true;
}

bool has_mutable_images(const PhysicalDevice& physical) {
    return (physical.api_version >= VK_API_VERSION_1_2 ||
            physical.has_extension(VK_KHR_IMAGE_FORMAT_LIST_EXTENSION_NAME)) &&
           (physical.api_version >= VK_API_VERSION_1_1 ||
            physical.has_extension(VK_KHR_MAINTENANCE_2_EXTENSION_NAME));
}

bool has_compression_control(const PhysicalDevice& physical) {
    return physical.has_extension(VK_EXT_IMAGE_COMPRESSION_CONTROL_EXTENSION_NAME);
}

// The app's commands bring the shared image into VK_IMAGE_LAYOUT_SHARED_PRESENT_KHR: the driver has
// to know that layout. Mesa's do (their common code lists it), though none has the extension.
bool knows_shared_layout(const PhysicalDevice& physical) {
    switch (physical.driver) {
        case VK_DRIVER_ID_MESA_LLVMPIPE:
        case VK_DRIVER_ID_MESA_RADV:
        case VK_DRIVER_ID_INTEL_OPEN_SOURCE_MESA:
            return true;
        default:
            return physical.has_extension(VK_KHR_SHARED_PRESENTABLE_IMAGE_EXTENSION_NAME);
    }
}

#ifdef VK_EXT_present_timing
// What VK_EXT_present_timing needs beside extensions of the layer. Mesa's software driver (to 26)
// has it under its older name alone.
bool has_calibrated_timestamps(const PhysicalDevice& physical) {
    return physical.has_extension(VK_KHR_CALIBRATED_TIMESTAMPS_EXTENSION_NAME) ||
           physical.has_extension(VK_EXT_CALIBRATED_TIMESTAMPS_EXTENSION_NAME);
}
#endif

struct DeviceExtension {
    Extension extension;
    VkExtensionProperties properties;
    bool (*carried)(const PhysicalDevice&);
};

constexpr DeviceExtension kDeviceExtensions[] = {
    {Extension::swapchain_mutable_format,
     {VK_KHR_SWAPCHAIN_MUTABLE_FORMAT_EXTENSION_NAME, VK_KHR_SWAPCHAIN_MUTABLE_FORMAT_SPEC_VERSION},
     has_mutable_images},
    {Extension::incremental_present,
     {VK_KHR_INCREMENTAL_PRESENT_EXTENSION_NAME, VK_KHR_INCREMENTAL_PRESENT_SPEC_VERSION},
     always},
    {Extension::swapchain_maintenance1,
     {VK_EXT_SWAPCHAIN_MAINTENANCE_1_EXTENSION_NAME, VK_EXT_SWAPCHAIN_MAINTENANCE_1_SPEC_VERSION},
     always},
// Needs VK_KHR_surface_maintenance1, which not every loader lets apps enable: see CMakeLists.txt.
#ifdef VDMABUF_KHR_SURFACE_MAINTENANCE1
    {Extension::swapchain_maintenance1_khr,
     {VK_KHR_SWAPCHAIN_MAINTENANCE_1_EXTENSION_NAME, VK_KHR_SWAPCHAIN_MAINTENANCE_1_SPEC_VERSION},
     always},
#endif
    {Extension::present_id,
     {VK_KHR_PRESENT_ID_EXTENSION_NAME, VK_KHR_PRESENT_ID_SPEC_VERSION},
     always},
    {Extension::present_wait,
     {VK_KHR_PRESENT_WAIT_EXTENSION_NAME, VK_KHR_PRESENT_WAIT_SPEC_VERSION},
     always},
#if defined(VK_KHR_present_id2) && defined(VK_KHR_present_wait2)
    {Extension::present_id2,
     {VK_KHR_PRESENT_ID_2_EXTENSION_NAME, VK_KHR_PRESENT_ID_2_SPEC_VERSION},
     always},
    {Extension::present_wait2,
     {VK_KHR_PRESENT_WAIT_2_EXTENSION_NAME, VK_KHR_PRESENT_WAIT_2_SPEC_VERSION},
     always},
#endif
    {Extension::hdr_metadata,
     {VK_EXT_HDR_METADATA_EXTENSION_NAME, VK_EXT_HDR_METADATA_SPEC_VERSION},
     always},
#ifdef VK_EXT_present_mode_fifo_latest_ready
    {Extension::fifo_latest_ready,
     {VK_EXT_PRESENT_MODE_FIFO_LATEST_READY_EXTENSION_NAME,
      VK_EXT_PRESENT_MODE_FIFO_LATEST_READY_SPEC_VERSION},
     always},
#endif
#ifdef VK_KHR_present_mode_fifo_latest_ready
    {Extension::fifo_latest_ready_khr,
     {VK_KHR_PRESENT_MODE_FIFO_LATEST_READY_EXTENSION_NAME,
      VK_KHR_PRESENT_MODE_FIFO_LATEST_READY_SPEC_VERSION},
     always},
#endif
    {Extension::shared_presentable_image,
     {VK_KHR_SHARED_PRESENTABLE_IMAGE_EXTENSION_NAME, VK_KHR_SHARED_PRESENTABLE_IMAGE_SPEC_VERSION},
     knows_shared_layout},
#ifdef VK_EXT_present_timing
    {Extension::present_timing,
     {VK_EXT_PRESENT_TIMING_EXTENSION_NAME, VK_EXT_PRESENT_TIMING_SPEC_VERSION},
     has_calibrated_timestamps},
    {Extension::calibrated_timestamps,
     {VK_KHR_CALIBRATED_TIMESTAMPS_EXTENSION_NAME, VK_KHR_CALIBRATED_TIMESTAMPS_SPEC_VERSION},
     has_calibrated_timestamps},
#endif
    {Extension::image_compression_control_swapchain,
     {VK_EXT_IMAGE_COMPRESSION_CONTROL_SWAPCHAIN_EXTENSION_NAME,
      VK_EXT_IMAGE_COMPRESSION_CONTROL_SWAPCHAIN_SPEC_VERSION},
     has_compression_control},
};

// Extensions about presentation that a driver may have and the layer does not serve.
constexpr const char* kHidden[] = {
    "VK_KHR_display_swapchain",
    "VK_KHR_present_id2",
    "VK_KHR_present_mode_fifo_latest_ready",
    "VK_KHR_present_wait2",
    "VK_KHR_shared_presentable_image",
    "VK_KHR_swapchain_maintenance1",
    "VK_EXT_display_control",
    "VK_EXT_full_screen_exclusive",
    "VK_EXT_hdr_metadata",
    "VK_EXT_image_compression_control_swapchain",
    "VK_EXT_multisampled_render_to_swapchain",
    "VK_EXT_present_mode_fifo_latest_ready",
    "VK_EXT_present_timing",
    "VK_GOOGLE_display_timing",
    "VK_AMD_display_native_hdr",
    "VK_AMD_anti_lag",
    "VK_NV_acquire_winrt_display",
    "VK_NV_low_latency2",
    "VK_NV_present_barrier",
};

bool hidden(const char* name) {
    for (const char* known : kHidden) {
        if (std::strcmp(known, name) == 0) return true;
    }
    return false;
}

}  // namespace

Extension find_extension(const char* name) {
    for (const DeviceExtension& known : kDeviceExtensions) {
        if (std::strcmp(known.properties.extensionName, name) == 0) return known.extension;
    }
    return Extension::none;
}

ExtensionSet served_extensions(const PhysicalDevice& physical) {
    ExtensionSet set;
    if (!physical.has_swapchain) return set;
    for (const DeviceExtension& known : kDeviceExtensions) {
        if (known.carried(physical)) add(set, known.extension);
    }
    return set;
}

std::vector<VkExtensionProperties> layer_extensions(const PhysicalDevice& physical) {
    std::vector<VkExtensionProperties> ours;
    for (const DeviceExtension& known : kDeviceExtensions) {
        if (has(physical.served, known.extension)) ours.push_back(known.properties);
    }
    return ours;
}

std::vector<VkExtensionProperties> shown_extensions(const PhysicalDevice& physical) {
    std::vector<VkExtensionProperties> shown = layer_extensions(physical);
    for (const VkExtensionProperties& theirs : physical.extensions) {
        const Extension extension = find_extension(theirs.extensionName);
        const bool ours = extension != Extension::none && has(physical.served, extension);
        if (!ours && !hidden(theirs.extensionName)) shown.push_back(theirs);
    }
    return shown;
}

std::span<const VkExtensionProperties> instance_extensions() {
    return kInstanceExtensions;
}

}  // namespace vdmabuf::layer
