// SPDX-License-Identifier: MIT
#include "layer/surface_queries.hpp"

#include <algorithm>

#include "layer/colour_spaces.hpp"
#include "layer/device.hpp"
#include "layer/guard.hpp"
#include "layer/instance.hpp"
#include "layer/present_modes.hpp"
#include "layer/surface.hpp"
#include "layer/surface_chain.hpp"
#include "runtime/common/stream_messages.hpp"

namespace vdmabuf::layer {
namespace {

constexpr std::uint32_t kSwapchainDecides = UINT32_MAX;  // of currentExtent

// Without a surface (VK_GOOGLE_surfaceless_query): what every surface of ours has.
std::vector<VkSurfaceFormatKHR> formats_of(Instance& instance, VkPhysicalDevice device,
                                           Surface* surface) {
    const stream::ColourSpaces spaces =
        surface ? surface->offer_colours(instance.knows_colour_spaces()) : stream::kSrgbAlone;
    return surface_formats(instance.physical(device), spaces);
}

std::shared_ptr<Surface> surface_of(VkPhysicalDevice device, VkSurfaceKHR surface) {
    return Instance::of(device)->surface(surface);
}

VkResult fill(Surface& surface, const PhysicalDevice& physical, VkSurfaceCapabilitiesKHR& out) {
    if (surface.lost()) return VK_ERROR_SURFACE_LOST_KHR;
    std::optional<VkExtent2D> extent;
    if (const VkResult result = surface.query_extent(extent); result != VK_SUCCESS) return result;
    const std::uint32_t largest = std::min(physical.limits.maxImageDimension2D, stream::kMaxExtent);
    out = {};
    out.minImageCount = kMinImages;
    out.maxImageCount = kMaxImages;
    out.currentExtent = extent.value_or(VkExtent2D{kSwapchainDecides, kSwapchainDecides});
    out.minImageExtent = extent.value_or(VkExtent2D{1, 1});
    out.maxImageExtent = extent.value_or(VkExtent2D{largest, largest});
    out.maxImageArrayLayers = 1;
    out.supportedTransforms = VK_SURFACE_TRANSFORM_IDENTITY_BIT_KHR;
    out.currentTransform = VK_SURFACE_TRANSFORM_IDENTITY_BIT_KHR;
    // Qt and GTK take INHERIT where there is one.
    out.supportedCompositeAlpha =
        VK_COMPOSITE_ALPHA_OPAQUE_BIT_KHR | VK_COMPOSITE_ALPHA_INHERIT_BIT_KHR;
    out.supportedUsageFlags = physical.usage;
    return VK_SUCCESS;
}

}  // namespace

VKAPI_ATTR VkResult VKAPI_CALL GetPhysicalDeviceSurfaceSupportKHR(VkPhysicalDevice device,
                                                                  std::uint32_t family,
                                                                  VkSurfaceKHR surface,
                                                                  VkBool32* supported) noexcept {
    return guarded([&] {
        Instance& instance = *Instance::of(device);
        if (!instance.surface(surface)) {
            return instance.down().GetPhysicalDeviceSurfaceSupportKHR(device, family, surface,
                                                                      supported);
        }
        *supported = instance.physical(device).can_present(family) ? VK_TRUE : VK_FALSE;
        return VK_SUCCESS;
    });
}

VKAPI_ATTR VkResult VKAPI_CALL GetPhysicalDeviceSurfaceCapabilitiesKHR(
    VkPhysicalDevice device, VkSurfaceKHR handle, VkSurfaceCapabilitiesKHR* capabilities) noexcept {
    return guarded([&] {
        Instance& instance = *Instance::of(device);
        const auto surface = instance.surface(handle);
        if (!surface) {
            return instance.down().GetPhysicalDeviceSurfaceCapabilitiesKHR(device, handle,
                                                                           capabilities);
        }
        return fill(*surface, instance.physical(device), *capabilities);
    });
}

VKAPI_ATTR VkResult VKAPI_CALL GetPhysicalDeviceSurfaceCapabilities2KHR(
    VkPhysicalDevice device, const VkPhysicalDeviceSurfaceInfo2KHR* info,
    VkSurfaceCapabilities2KHR* capabilities) noexcept {
    return guarded([&] {
        Instance& instance = *Instance::of(device);
        const auto surface = instance.surface(info->surface);
        if (!surface) {
            return instance.down().GetPhysicalDeviceSurfaceCapabilities2KHR(device, info,
                                                                            capabilities);
        }
        const PhysicalDevice& physical = instance.physical(device);
        VkSurfaceCapabilitiesKHR& plain = capabilities->surfaceCapabilities;
        const VkResult result = fill(*surface, physical, plain);
        if (result == VK_SUCCESS) {
            fill_chain(physical, surface->connection() != nullptr, info->pNext, capabilities->pNext,
                       plain);
        }
        return result;
    });
}

VKAPI_ATTR VkResult VKAPI_CALL
GetPhysicalDeviceSurfaceCapabilities2EXT(VkPhysicalDevice device, VkSurfaceKHR handle,
                                         VkSurfaceCapabilities2EXT* capabilities) noexcept {
    return guarded([&] {
        Instance& instance = *Instance::of(device);
        const auto surface = instance.surface(handle);
        if (!surface) {
            return instance.down().GetPhysicalDeviceSurfaceCapabilities2EXT(device, handle,
                                                                            capabilities);
        }
        VkSurfaceCapabilitiesKHR plain{};
        const VkResult result = fill(*surface, instance.physical(device), plain);
        if (result != VK_SUCCESS) return result;
        capabilities->minImageCount = plain.minImageCount;
        capabilities->maxImageCount = plain.maxImageCount;
        capabilities->currentExtent = plain.currentExtent;
        capabilities->minImageExtent = plain.minImageExtent;
        capabilities->maxImageExtent = plain.maxImageExtent;
        capabilities->maxImageArrayLayers = plain.maxImageArrayLayers;
        capabilities->supportedTransforms = plain.supportedTransforms;
        capabilities->currentTransform = plain.currentTransform;
        capabilities->supportedCompositeAlpha = plain.supportedCompositeAlpha;
        capabilities->supportedUsageFlags = plain.supportedUsageFlags;
        capabilities->supportedSurfaceCounters = 0;
        return VK_SUCCESS;
    });
}

// Without a surface (VK_GOOGLE_surfaceless_query): what every surface of ours has, of the modes
// only those that the extension lets be told.
VKAPI_ATTR VkResult VKAPI_CALL
GetPhysicalDeviceSurfaceFormatsKHR(VkPhysicalDevice device, VkSurfaceKHR handle,
                                   std::uint32_t* count, VkSurfaceFormatKHR* formats) noexcept {
    return guarded([&] {
        Instance& instance = *Instance::of(device);
        const auto surface = instance.surface(handle);
        if (handle && !surface) {
            return instance.down().GetPhysicalDeviceSurfaceFormatsKHR(device, handle, count,
                                                                      formats);
        }
        return return_array(formats_of(instance, device, surface.get()), count, formats);
    });
}

VKAPI_ATTR VkResult VKAPI_CALL GetPhysicalDeviceSurfaceFormats2KHR(
    VkPhysicalDevice device, const VkPhysicalDeviceSurfaceInfo2KHR* info, std::uint32_t* count,
    VkSurfaceFormat2KHR* formats) noexcept {
    return guarded([&] {
        Instance& instance = *Instance::of(device);
        const auto surface = instance.surface(info->surface);
        if (info->surface && !surface) {
            return instance.down().GetPhysicalDeviceSurfaceFormats2KHR(device, info, count,
                                                                       formats);
        }
        const auto available = formats_of(instance, device, surface.get());
        const auto total = static_cast<std::uint32_t>(available.size());
        if (!formats) {
            *count = total;
            return VK_SUCCESS;
        }
        *count = std::min(*count, total);
        for (std::uint32_t i = 0; i < *count; ++i) {
            formats[i].surfaceFormat = available[i];
            fill_format_chain(formats[i].pNext);
        }
        return *count < total ? VK_INCOMPLETE : VK_SUCCESS;
    });
}

VKAPI_ATTR VkResult VKAPI_CALL
GetPhysicalDeviceSurfacePresentModesKHR(VkPhysicalDevice device, VkSurfaceKHR handle,
                                        std::uint32_t* count, VkPresentModeKHR* modes) noexcept {
    return guarded([&] {
        Instance& instance = *Instance::of(device);
        if (handle && !instance.surface(handle)) {
            return instance.down().GetPhysicalDeviceSurfacePresentModesKHR(device, handle, count,
                                                                           modes);
        }
        const PhysicalDevice& physical = instance.physical(device);
        if (!handle) return return_array(modes_without_surface(physical), count, modes);
        return return_array(present_modes(physical), count, modes);
    });
}

VKAPI_ATTR VkResult VKAPI_CALL GetPhysicalDevicePresentRectanglesKHR(VkPhysicalDevice device,
                                                                     VkSurfaceKHR handle,
                                                                     std::uint32_t* count,
                                                                     VkRect2D* rects) noexcept {
    return guarded([&] {
        const auto surface = surface_of(device, handle);
        if (!surface) {
            return Instance::of(device)->down().GetPhysicalDevicePresentRectanglesKHR(
                device, handle, count, rects);
        }
        std::optional<VkExtent2D> extent;
        if (const VkResult result = surface->query_extent(extent); result != VK_SUCCESS) {
            return result;
        }
        const VkRect2D whole{{0, 0},
                             extent.value_or(VkExtent2D{kSwapchainDecides, kSwapchainDecides})};
        return return_array(std::span(&whole, 1), count, rects);
    });
}

VKAPI_ATTR VkResult VKAPI_CALL GetDeviceGroupPresentCapabilitiesKHR(
    VkDevice handle, VkDeviceGroupPresentCapabilitiesKHR* capabilities) noexcept {
    const Device& device = *Device::of(handle);
    if (device.down().GetDeviceGroupPresentCapabilitiesKHR) {
        const VkResult result =
            device.down().GetDeviceGroupPresentCapabilitiesKHR(handle, capabilities);
        if (result != VK_SUCCESS) return result;
    }
    // Each device presents what it has rendered itself.
    std::fill(std::begin(capabilities->presentMask), std::end(capabilities->presentMask), 0u);
    capabilities->presentMask[0] = 1;
    capabilities->modes = VK_DEVICE_GROUP_PRESENT_MODE_LOCAL_BIT_KHR;
    return VK_SUCCESS;
}

VKAPI_ATTR VkResult VKAPI_CALL GetDeviceGroupSurfacePresentModesKHR(
    VkDevice handle, VkSurfaceKHR surface, VkDeviceGroupPresentModeFlagsKHR* modes) noexcept {
    return guarded([&] {
        const Device& device = *Device::of(handle);
        if (!device.instance().surface(surface)) {
            if (!device.down().GetDeviceGroupSurfacePresentModesKHR) {
                return VK_ERROR_EXTENSION_NOT_PRESENT;
            }
            return device.down().GetDeviceGroupSurfacePresentModesKHR(handle, surface, modes);
        }
        *modes = VK_DEVICE_GROUP_PRESENT_MODE_LOCAL_BIT_KHR;
        return VK_SUCCESS;
    });
}

}  // namespace vdmabuf::layer
