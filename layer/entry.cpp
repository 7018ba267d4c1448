// SPDX-License-Identifier: MIT
// What the loader finds: the negotiation and the two functions that lead to all others.
#include <cstring>

#include "layer/calibrated_times.hpp"
#include "layer/device.hpp"
#include "layer/display.hpp"
#include "layer/features.hpp"
#include "layer/hdr_metadata.hpp"
#include "layer/instance.hpp"
#include "layer/object_names.hpp"
#include "layer/present_log.hpp"
#include "layer/present_timing.hpp"
#include "layer/queue_lock.hpp"
#include "layer/release_images.hpp"
#include "layer/surface.hpp"
#include "layer/surface_queries.hpp"
#include "layer/swapchain.hpp"

namespace vdmabuf::layer {
namespace {

enum class Kind {
    global,    // callable without an instance
    always,    // needed even when the layer only hands calls through
    instance,  // of an instance that presents
    physical,  // likewise, of its physical devices
    device,    // of a device that presents
};

struct Entry {
    const char* name;
    PFN_vkVoidFunction function;
    Kind kind;
    Extension extension = Extension::none;  // of the layer: the driver need not know the function
};

VKAPI_ATTR PFN_vkVoidFunction VKAPI_CALL GetInstanceProcAddr(VkInstance instance,
                                                             const char* name) noexcept;
VKAPI_ATTR PFN_vkVoidFunction VKAPI_CALL GetDeviceProcAddr(VkDevice device,
                                                           const char* name) noexcept;

#define ENTRY(name, kind) \
    { "vk" #name, reinterpret_cast<PFN_vkVoidFunction>(&name), Kind::kind }
#define OURS(name, extension) \
    { "vk" #name, reinterpret_cast<PFN_vkVoidFunction>(&name), Kind::device, Extension::extension }
const Entry kEntries[] = {
    ENTRY(CreateInstance, global),
    ENTRY(EnumerateInstanceExtensionProperties, global),
    ENTRY(EnumerateInstanceLayerProperties, global),
    ENTRY(GetInstanceProcAddr, global),
    // MangoHud and vkBasalt ask the next layer for it without an instance.
    ENTRY(CreateDevice, global),
    ENTRY(GetDeviceProcAddr, always),
    ENTRY(DestroyInstance, always),
    ENTRY(DestroyDevice, always),
    ENTRY(EnumerateDeviceExtensionProperties, physical),
    ENTRY(DestroySurfaceKHR, instance),
    ENTRY(CreateXcbSurfaceKHR, instance),
    ENTRY(CreateXlibSurfaceKHR, instance),
    ENTRY(CreateWaylandSurfaceKHR, instance),
    ENTRY(CreateHeadlessSurfaceEXT, instance),
    ENTRY(CreateDisplayPlaneSurfaceKHR, instance),
    ENTRY(GetPhysicalDeviceDisplayPropertiesKHR, physical),
    ENTRY(GetPhysicalDeviceDisplayProperties2KHR, physical),
    ENTRY(GetPhysicalDeviceDisplayPlanePropertiesKHR, physical),
    ENTRY(GetPhysicalDeviceDisplayPlaneProperties2KHR, physical),
    ENTRY(GetDisplayPlaneSupportedDisplaysKHR, physical),
    ENTRY(GetDisplayModePropertiesKHR, physical),
    ENTRY(GetDisplayModeProperties2KHR, physical),
    ENTRY(CreateDisplayModeKHR, physical),
    ENTRY(GetDisplayPlaneCapabilitiesKHR, physical),
    ENTRY(GetDisplayPlaneCapabilities2KHR, physical),
    ENTRY(ReleaseDisplayEXT, physical),
    ENTRY(GetPhysicalDeviceXcbPresentationSupportKHR, physical),
    ENTRY(GetPhysicalDeviceXlibPresentationSupportKHR, physical),
    ENTRY(GetPhysicalDeviceWaylandPresentationSupportKHR, physical),
    ENTRY(GetPhysicalDeviceSurfaceSupportKHR, physical),
    ENTRY(GetPhysicalDeviceSurfaceCapabilitiesKHR, physical),
    ENTRY(GetPhysicalDeviceSurfaceCapabilities2KHR, physical),
    ENTRY(GetPhysicalDeviceSurfaceCapabilities2EXT, physical),
    ENTRY(GetPhysicalDeviceSurfaceFormatsKHR, physical),
    ENTRY(GetPhysicalDeviceSurfaceFormats2KHR, physical),
    ENTRY(GetPhysicalDeviceSurfacePresentModesKHR, physical),
    ENTRY(GetPhysicalDevicePresentRectanglesKHR, physical),
    ENTRY(GetPhysicalDeviceFeatures2, physical),
    ENTRY(GetPhysicalDeviceFeatures2KHR, physical),
#ifdef VK_EXT_present_timing
    {"vkGetPhysicalDeviceCalibrateableTimeDomainsKHR",
     reinterpret_cast<PFN_vkVoidFunction>(&GetPhysicalDeviceCalibrateableTimeDomainsKHR),
     Kind::physical, Extension::calibrated_timestamps},
    ENTRY(GetPhysicalDeviceCalibrateableTimeDomainsEXT, physical),
    OURS(GetCalibratedTimestampsKHR, calibrated_timestamps),
    ENTRY(GetCalibratedTimestampsEXT, device),
    OURS(SetSwapchainPresentTimingQueueSizeEXT, present_timing),
    OURS(GetSwapchainTimingPropertiesEXT, present_timing),
    OURS(GetSwapchainTimeDomainPropertiesEXT, present_timing),
    OURS(GetPastPresentationTimingEXT, present_timing),
#endif
    ENTRY(GetDeviceGroupPresentCapabilitiesKHR, device),
    ENTRY(GetDeviceGroupSurfacePresentModesKHR, device),
    ENTRY(CreateSwapchainKHR, device),
    ENTRY(DestroySwapchainKHR, device),
    ENTRY(GetSwapchainImagesKHR, device),
    ENTRY(AcquireNextImageKHR, device),
    ENTRY(AcquireNextImage2KHR, device),
    ENTRY(QueuePresentKHR, device),
    ENTRY(CreateImage, device),
    ENTRY(BindImageMemory2, device),
    ENTRY(BindImageMemory2KHR, device),
    OURS(ReleaseSwapchainImagesEXT, swapchain_maintenance1),
#ifdef VK_KHR_swapchain_maintenance1
    OURS(ReleaseSwapchainImagesKHR, swapchain_maintenance1_khr),
#endif
    OURS(WaitForPresentKHR, present_wait),
    OURS(SetHdrMetadataEXT, hdr_metadata),
    OURS(GetSwapchainStatusKHR, shared_presentable_image),
#ifdef VK_KHR_present_wait2
    OURS(WaitForPresent2KHR, present_wait2),
#endif
    ENTRY(SetDebugUtilsObjectNameEXT, device),
    ENTRY(SetDebugUtilsObjectTagEXT, device),
    ENTRY(DebugMarkerSetObjectNameEXT, device),
    ENTRY(DebugMarkerSetObjectTagEXT, device),
    ENTRY(SetPrivateData, device),
    ENTRY(GetPrivateData, device),
    ENTRY(SetPrivateDataEXT, device),
    ENTRY(GetPrivateDataEXT, device),
    ENTRY(DestroyPrivateDataSlot, device),
    ENTRY(DestroyPrivateDataSlotEXT, device),
    ENTRY(QueueSubmit, device),
    ENTRY(QueueSubmit2, device),
    ENTRY(QueueSubmit2KHR, device),
    ENTRY(QueueBindSparse, device),
    ENTRY(QueueWaitIdle, device),
    ENTRY(DeviceWaitIdle, device),
};
#undef ENTRY
#undef OURS

const Entry* find(const char* name) {
    for (const Entry& entry : kEntries) {
        if (std::strcmp(entry.name, name) == 0) return &entry;
    }
    return nullptr;
}

VKAPI_ATTR PFN_vkVoidFunction VKAPI_CALL GetInstanceProcAddr(VkInstance handle,
                                                             const char* name) noexcept {
    const Entry* entry = find(name);
    if (entry && entry->kind == Kind::global) return entry->function;
    if (handle == VK_NULL_HANDLE) return nullptr;
    const Instance* instance = Instance::of(handle);
    if (!instance) return nullptr;
    const PFN_vkVoidFunction down = instance->down().GetInstanceProcAddr(handle, name);
    if (!entry) return down;
    if (!down && (entry->extension == Extension::none || !instance->active())) return nullptr;
    return instance->active() || entry->kind == Kind::always ? entry->function : down;
}

VKAPI_ATTR PFN_vkVoidFunction VKAPI_CALL GetDeviceProcAddr(VkDevice handle,
                                                           const char* name) noexcept {
    const Device* device = handle ? Device::of(handle) : nullptr;
    if (!device) return nullptr;
    const Entry* entry = find(name);
    const PFN_vkVoidFunction down = device->down().GetDeviceProcAddr(handle, name);
    if (!entry) return down;
    // What the app has not enabled stays unknown; so does what the driver does not have, unless we
    // have it.
    if (entry->extension != Extension::none) {
        return device->active() && device->enabled(entry->extension) ? entry->function : down;
    }
    if (!down) return nullptr;
    switch (entry->kind) {
        case Kind::always:
            return entry->function;
        case Kind::device:
            return device->active() ? entry->function : down;
        default:
            return down;
    }
}

// For functions that the loader does not know: ours are all known to it, so that this is only the
// way down.
VKAPI_ATTR PFN_vkVoidFunction VKAPI_CALL GetPhysicalDeviceProcAddr(VkInstance handle,
                                                                   const char* name) noexcept {
    const Instance* instance = handle ? Instance::of(handle) : nullptr;
    if (!instance) return nullptr;
    const Entry* entry = find(name);
    if (entry && entry->kind == Kind::physical && instance->active()) return entry->function;
    return instance->next_physical() ? instance->next_physical()(handle, name) : nullptr;
}

}  // namespace
}  // namespace vdmabuf::layer

extern "C" {

VK_LAYER_EXPORT VKAPI_ATTR PFN_vkVoidFunction VKAPI_CALL vkGetInstanceProcAddr(VkInstance instance,
                                                                               const char* name) {
    return vdmabuf::layer::GetInstanceProcAddr(instance, name);
}

VK_LAYER_EXPORT VKAPI_ATTR PFN_vkVoidFunction VKAPI_CALL vkGetDeviceProcAddr(VkDevice device,
                                                                             const char* name) {
    return vdmabuf::layer::GetDeviceProcAddr(device, name);
}

VK_LAYER_EXPORT VKAPI_ATTR VkResult VKAPI_CALL
vkNegotiateLoaderLayerInterfaceVersion(VkNegotiateLayerInterface* negotiation) {
    constexpr std::uint32_t kVersion = 2;
    if (!negotiation || negotiation->sType != LAYER_NEGOTIATE_INTERFACE_STRUCT ||
        negotiation->loaderLayerInterfaceVersion < kVersion) {
        return VK_ERROR_INITIALIZATION_FAILED;
    }
    negotiation->loaderLayerInterfaceVersion = kVersion;
    // Not the exported names: the dynamic linker resolves those to the loader's own functions.
    negotiation->pfnGetInstanceProcAddr = vdmabuf::layer::GetInstanceProcAddr;
    negotiation->pfnGetDeviceProcAddr = vdmabuf::layer::GetDeviceProcAddr;
    negotiation->pfnGetPhysicalDeviceProcAddr = vdmabuf::layer::GetPhysicalDeviceProcAddr;
    return VK_SUCCESS;
}

}  // extern "C"
