// SPDX-License-Identifier: MIT
// Functions of the next layer or driver, one table for each instance and device.
#pragma once

#include "layer/vulkan.hpp"

namespace vdmabuf::layer {

#ifdef VK_EXT_present_timing
#define VDMABUF_INSTANCE_FUNCTIONS_TIMING(X)        \
    X(GetPhysicalDeviceCalibrateableTimeDomainsKHR) \
    X(GetPhysicalDeviceCalibrateableTimeDomainsEXT)
#define VDMABUF_DEVICE_FUNCTIONS_TIMING(X)   \
    X(SetSwapchainPresentTimingQueueSizeEXT) \
    X(GetSwapchainTimingPropertiesEXT)       \
    X(GetSwapchainTimeDomainPropertiesEXT)   \
    X(GetPastPresentationTimingEXT)          \
    X(GetCalibratedTimestampsKHR)            \
    X(GetCalibratedTimestampsEXT)
#else
#define VDMABUF_INSTANCE_FUNCTIONS_TIMING(X)
#define VDMABUF_DEVICE_FUNCTIONS_TIMING(X)
#endif

#define VDMABUF_INSTANCE_FUNCTIONS(X)                 \
    X(DestroyInstance)                                \
    X(EnumerateDeviceExtensionProperties)             \
    X(GetPhysicalDeviceProperties)                    \
    X(GetPhysicalDeviceFormatProperties)              \
    X(GetPhysicalDeviceImageFormatProperties)         \
    X(GetPhysicalDeviceMemoryProperties)              \
    X(GetPhysicalDeviceQueueFamilyProperties)         \
    X(DestroySurfaceKHR)                              \
    X(GetPhysicalDeviceSurfaceSupportKHR)             \
    X(GetPhysicalDeviceSurfaceCapabilitiesKHR)        \
    X(GetPhysicalDeviceSurfaceFormatsKHR)             \
    X(GetPhysicalDeviceSurfacePresentModesKHR)        \
    X(GetPhysicalDeviceSurfaceCapabilities2KHR)       \
    X(GetPhysicalDeviceSurfaceFormats2KHR)            \
    X(GetPhysicalDeviceSurfaceCapabilities2EXT)       \
    X(GetPhysicalDevicePresentRectanglesKHR)          \
    X(CreateXcbSurfaceKHR)                            \
    X(GetPhysicalDeviceXcbPresentationSupportKHR)     \
    X(CreateXlibSurfaceKHR)                           \
    X(GetPhysicalDeviceXlibPresentationSupportKHR)    \
    X(CreateWaylandSurfaceKHR)                        \
    X(GetPhysicalDeviceWaylandPresentationSupportKHR) \
    X(CreateHeadlessSurfaceEXT)                       \
    X(GetPhysicalDeviceDisplayPropertiesKHR)          \
    X(GetPhysicalDeviceDisplayProperties2KHR)         \
    X(GetPhysicalDeviceDisplayPlanePropertiesKHR)     \
    X(GetPhysicalDeviceDisplayPlaneProperties2KHR)    \
    X(GetDisplayPlaneSupportedDisplaysKHR)            \
    X(GetDisplayModePropertiesKHR)                    \
    X(GetDisplayModeProperties2KHR)                   \
    X(CreateDisplayModeKHR)                           \
    X(GetDisplayPlaneCapabilitiesKHR)                 \
    X(GetDisplayPlaneCapabilities2KHR)                \
    X(ReleaseDisplayEXT)                              \
    X(CreateDisplayPlaneSurfaceKHR)                   \
    X(GetPhysicalDeviceFeatures2)                     \
    X(GetPhysicalDeviceFeatures2KHR)                  \
    VDMABUF_INSTANCE_FUNCTIONS_TIMING(X)

// In Vulkan 1.1; with the suffix KHR before.
#define VDMABUF_INSTANCE_FUNCTIONS_1_1(X)           \
    X(GetPhysicalDeviceProperties2)                 \
    X(GetPhysicalDeviceFormatProperties2)           \
    X(GetPhysicalDeviceImageFormatProperties2)      \
    X(GetPhysicalDeviceExternalBufferProperties)    \
    X(GetPhysicalDeviceExternalSemaphoreProperties) \
    X(GetPhysicalDeviceExternalFenceProperties)

#ifdef VK_KHR_swapchain_maintenance1
#define VDMABUF_DEVICE_FUNCTIONS_MAINTENANCE1(X) X(ReleaseSwapchainImagesKHR)
#else
#define VDMABUF_DEVICE_FUNCTIONS_MAINTENANCE1(X)
#endif
#ifdef VK_KHR_present_wait2
#define VDMABUF_DEVICE_FUNCTIONS_PRESENT_WAIT2(X) X(WaitForPresent2KHR)
#else
#define VDMABUF_DEVICE_FUNCTIONS_PRESENT_WAIT2(X)
#endif

#define VDMABUF_DEVICE_FUNCTIONS(X)           \
    X(DestroyDevice)                          \
    X(GetDeviceQueue)                         \
    X(GetDeviceQueue2)                        \
    X(QueueSubmit)                            \
    X(QueueSubmit2)                           \
    X(QueueSubmit2KHR)                        \
    X(QueueBindSparse)                        \
    X(QueueWaitIdle)                          \
    X(DeviceWaitIdle)                         \
    X(AllocateMemory)                         \
    X(FreeMemory)                             \
    X(MapMemory)                              \
    X(InvalidateMappedMemoryRanges)           \
    X(BindBufferMemory)                       \
    X(BindImageMemory)                        \
    X(BindImageMemory2)                       \
    X(BindImageMemory2KHR)                    \
    X(GetBufferMemoryRequirements)            \
    X(GetImageMemoryRequirements)             \
    X(GetImageSubresourceLayout)              \
    X(CreateBuffer)                           \
    X(DestroyBuffer)                          \
    X(CreateImage)                            \
    X(DestroyImage)                           \
    X(CreateImageView)                        \
    X(DestroyImageView)                       \
    X(CreateRenderPass)                       \
    X(DestroyRenderPass)                      \
    X(CreateFramebuffer)                      \
    X(DestroyFramebuffer)                     \
    X(CreateFence)                            \
    X(DestroyFence)                           \
    X(ResetFences)                            \
    X(GetFenceStatus)                         \
    X(WaitForFences)                          \
    X(CreateSemaphore)                        \
    X(DestroySemaphore)                       \
    X(CreateCommandPool)                      \
    X(DestroyCommandPool)                     \
    X(AllocateCommandBuffers)                 \
    X(BeginCommandBuffer)                     \
    X(EndCommandBuffer)                       \
    X(CmdPipelineBarrier)                     \
    X(CmdCopyImageToBuffer)                   \
    X(CmdBeginRenderPass)                     \
    X(CmdEndRenderPass)                       \
    X(CmdClearAttachments)                    \
    X(CreateSwapchainKHR)                     \
    X(DestroySwapchainKHR)                    \
    X(GetSwapchainImagesKHR)                  \
    X(AcquireNextImageKHR)                    \
    X(AcquireNextImage2KHR)                   \
    X(QueuePresentKHR)                        \
    X(GetDeviceGroupSurfacePresentModesKHR)   \
    X(GetDeviceGroupPresentCapabilitiesKHR)   \
    X(WaitForPresentKHR)                      \
    X(SetHdrMetadataEXT)                      \
    X(GetSwapchainStatusKHR)                  \
    X(ReleaseSwapchainImagesEXT)              \
    VDMABUF_DEVICE_FUNCTIONS_MAINTENANCE1(X)  \
    VDMABUF_DEVICE_FUNCTIONS_PRESENT_WAIT2(X) \
    VDMABUF_DEVICE_FUNCTIONS_TIMING(X)        \
    X(GetMemoryHostPointerPropertiesEXT)      \
    X(GetMemoryFdKHR)                         \
    X(GetMemoryFdPropertiesKHR)               \
    X(GetImageDrmFormatModifierPropertiesEXT) \
    X(GetSemaphoreFdKHR)                      \
    X(ImportSemaphoreFdKHR)                   \
    X(ImportFenceFdKHR)                       \
    X(SetDebugUtilsObjectNameEXT)             \
    X(SetDebugUtilsObjectTagEXT)              \
    X(DebugMarkerSetObjectNameEXT)            \
    X(DebugMarkerSetObjectTagEXT)             \
    X(SetPrivateData)                         \
    X(GetPrivateData)                         \
    X(SetPrivateDataEXT)                      \
    X(GetPrivateDataEXT)                      \
    X(DestroyPrivateDataSlot)                 \
    X(DestroyPrivateDataSlotEXT)

struct InstanceDispatch {
    PFN_vkGetInstanceProcAddr GetInstanceProcAddr = nullptr;
#define X(name) PFN_vk##name name = nullptr;
    VDMABUF_INSTANCE_FUNCTIONS(X)
    VDMABUF_INSTANCE_FUNCTIONS_1_1(X)
#undef X
};

struct DeviceDispatch {
    PFN_vkGetDeviceProcAddr GetDeviceProcAddr = nullptr;
#define X(name) PFN_vk##name name = nullptr;
    VDMABUF_DEVICE_FUNCTIONS(X)
#undef X
};

// `api_version`: what the app asked for, which decides the names of the functions of 1.1.
void load(InstanceDispatch& table, VkInstance instance, PFN_vkGetInstanceProcAddr next,
          std::uint32_t api_version);
void load(DeviceDispatch& table, VkDevice device, PFN_vkGetDeviceProcAddr next);

}  // namespace vdmabuf::layer
