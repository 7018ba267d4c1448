// SPDX-License-Identifier: MIT
#include "layer/display.hpp"

#include <algorithm>

#include "layer/guard.hpp"
#include "layer/instance.hpp"
#include "layer/virtual_display.hpp"

namespace vdmabuf::layer {
namespace {

// Of the one plane.
VkDisplayPlanePropertiesKHR plane_of(const VirtualDisplay& display) {
    return {display.handle(), 0};
}

// As return_array(), into a member of larger structures.
template <typename Source, typename Structure, typename Member>
VkResult return_members(const Source& source, std::uint32_t* count, Structure* out,
                        Member Structure::*member) {
    const auto available = static_cast<std::uint32_t>(source.size());
    if (!out) {
        *count = available;
        return VK_SUCCESS;
    }
    *count = std::min(*count, available);
    for (std::uint32_t i = 0; i < *count; ++i) out[i].*member = source[i];
    return *count < available ? VK_INCOMPLETE : VK_SUCCESS;
}

// The frame is shown as it is: what the plane takes is the mode's size.
VkDisplayPlaneCapabilitiesKHR capabilities_of(const VkDisplayModeParametersKHR& mode) {
    VkDisplayPlaneCapabilitiesKHR capabilities{};
    capabilities.supportedAlpha = VK_DISPLAY_PLANE_ALPHA_OPAQUE_BIT_KHR;
    capabilities.minSrcExtent = mode.visibleRegion;
    capabilities.maxSrcExtent = mode.visibleRegion;
    capabilities.minDstExtent = mode.visibleRegion;
    capabilities.maxDstExtent = mode.visibleRegion;
    return capabilities;
}

// A driver's function that it need not have.
template <typename Function, typename... Arguments>
VkResult call_down(Function function, Arguments... arguments) {
    return function ? function(arguments...) : VK_ERROR_EXTENSION_NOT_PRESENT;
}

}  // namespace

VKAPI_ATTR VkResult VKAPI_CALL GetPhysicalDeviceDisplayPropertiesKHR(
    VkPhysicalDevice device, std::uint32_t* count, VkDisplayPropertiesKHR* properties) noexcept {
    Instance& instance = *Instance::of(device);
    const VirtualDisplay* display = instance.display();
    if (!display) {
        return call_down(instance.down().GetPhysicalDeviceDisplayPropertiesKHR, device, count,
                         properties);
    }
    const VkDisplayPropertiesKHR one = display->properties();
    return return_array(std::span(&one, 1), count, properties);
}

VKAPI_ATTR VkResult VKAPI_CALL GetPhysicalDeviceDisplayProperties2KHR(
    VkPhysicalDevice device, std::uint32_t* count, VkDisplayProperties2KHR* properties) noexcept {
    Instance& instance = *Instance::of(device);
    const VirtualDisplay* display = instance.display();
    if (!display) {
        return call_down(instance.down().GetPhysicalDeviceDisplayProperties2KHR, device, count,
                         properties);
    }
    const VkDisplayPropertiesKHR one = display->properties();
    return return_members(std::span(&one, 1), count, properties,
                          &VkDisplayProperties2KHR::displayProperties);
}

VKAPI_ATTR VkResult VKAPI_CALL
GetPhysicalDeviceDisplayPlanePropertiesKHR(VkPhysicalDevice device, std::uint32_t* count,
                                           VkDisplayPlanePropertiesKHR* properties) noexcept {
    Instance& instance = *Instance::of(device);
    const VirtualDisplay* display = instance.display();
    if (!display) {
        return call_down(instance.down().GetPhysicalDeviceDisplayPlanePropertiesKHR, device, count,
                         properties);
    }
    const VkDisplayPlanePropertiesKHR one = plane_of(*display);
    return return_array(std::span(&one, 1), count, properties);
}

VKAPI_ATTR VkResult VKAPI_CALL
GetPhysicalDeviceDisplayPlaneProperties2KHR(VkPhysicalDevice device, std::uint32_t* count,
                                            VkDisplayPlaneProperties2KHR* properties) noexcept {
    Instance& instance = *Instance::of(device);
    const VirtualDisplay* display = instance.display();
    if (!display) {
        return call_down(instance.down().GetPhysicalDeviceDisplayPlaneProperties2KHR, device, count,
                         properties);
    }
    const VkDisplayPlanePropertiesKHR one = plane_of(*display);
    return return_members(std::span(&one, 1), count, properties,
                          &VkDisplayPlaneProperties2KHR::displayPlaneProperties);
}

VKAPI_ATTR VkResult VKAPI_CALL
GetDisplayPlaneSupportedDisplaysKHR(VkPhysicalDevice device, std::uint32_t plane,
                                    std::uint32_t* count, VkDisplayKHR* displays) noexcept {
    Instance& instance = *Instance::of(device);
    const VirtualDisplay* display = instance.display();
    if (!display) {
        return call_down(instance.down().GetDisplayPlaneSupportedDisplaysKHR, device, plane, count,
                         displays);
    }
    const VkDisplayKHR one = display->handle();
    return return_array(std::span(&one, plane == 0 ? 1 : 0), count, displays);
}

VKAPI_ATTR VkResult VKAPI_CALL
GetDisplayModePropertiesKHR(VkPhysicalDevice device, VkDisplayKHR handle, std::uint32_t* count,
                            VkDisplayModePropertiesKHR* properties) noexcept {
    return guarded([&] {
        Instance& instance = *Instance::of(device);
        VirtualDisplay* display = instance.display();
        if (!display || !display->is(handle)) {
            return call_down(instance.down().GetDisplayModePropertiesKHR, device, handle, count,
                             properties);
        }
        return return_array(display->modes(), count, properties);
    });
}

VKAPI_ATTR VkResult VKAPI_CALL
GetDisplayModeProperties2KHR(VkPhysicalDevice device, VkDisplayKHR handle, std::uint32_t* count,
                             VkDisplayModeProperties2KHR* properties) noexcept {
    return guarded([&] {
        Instance& instance = *Instance::of(device);
        VirtualDisplay* display = instance.display();
        if (!display || !display->is(handle)) {
            return call_down(instance.down().GetDisplayModeProperties2KHR, device, handle, count,
                             properties);
        }
        return return_members(display->modes(), count, properties,
                              &VkDisplayModeProperties2KHR::displayModeProperties);
    });
}

VKAPI_ATTR VkResult VKAPI_CALL CreateDisplayModeKHR(VkPhysicalDevice device, VkDisplayKHR handle,
                                                    const VkDisplayModeCreateInfoKHR* info,
                                                    const VkAllocationCallbacks* allocator,
                                                    VkDisplayModeKHR* mode) noexcept {
    return guarded([&] {
        Instance& instance = *Instance::of(device);
        VirtualDisplay* display = instance.display();
        if (!display || !display->is(handle)) {
            return call_down(instance.down().CreateDisplayModeKHR, device, handle, info, allocator,
                             mode);
        }
        const VkExtent2D size = info->parameters.visibleRegion;
        const std::uint32_t largest = instance.physical(device).limits.maxImageDimension2D;
        if (size.width > largest || size.height > largest) return VK_ERROR_INITIALIZATION_FAILED;
        return display->add_mode(info->parameters, *mode);
    });
}

VKAPI_ATTR VkResult VKAPI_CALL GetDisplayPlaneCapabilitiesKHR(
    VkPhysicalDevice device, VkDisplayModeKHR handle, std::uint32_t plane,
    VkDisplayPlaneCapabilitiesKHR* capabilities) noexcept {
    Instance& instance = *Instance::of(device);
    VirtualDisplay* display = instance.display();
    const VkDisplayModeParametersKHR* mode = display ? display->mode(handle) : nullptr;
    if (!mode) {
        return call_down(instance.down().GetDisplayPlaneCapabilitiesKHR, device, handle, plane,
                         capabilities);
    }
    *capabilities = capabilities_of(*mode);
    return VK_SUCCESS;
}

VKAPI_ATTR VkResult VKAPI_CALL
GetDisplayPlaneCapabilities2KHR(VkPhysicalDevice device, const VkDisplayPlaneInfo2KHR* info,
                                VkDisplayPlaneCapabilities2KHR* capabilities) noexcept {
    Instance& instance = *Instance::of(device);
    VirtualDisplay* display = instance.display();
    const VkDisplayModeParametersKHR* mode = display ? display->mode(info->mode) : nullptr;
    if (!mode) {
        return call_down(instance.down().GetDisplayPlaneCapabilities2KHR, device, info,
                         capabilities);
    }
    capabilities->capabilities = capabilities_of(*mode);
    return VK_SUCCESS;
}

// It belongs to nobody else: there is nothing to give back.
VKAPI_ATTR VkResult VKAPI_CALL ReleaseDisplayEXT(VkPhysicalDevice device,
                                                 VkDisplayKHR handle) noexcept {
    Instance& instance = *Instance::of(device);
    const VirtualDisplay* display = instance.display();
    if (display && display->is(handle)) return VK_SUCCESS;
    return call_down(instance.down().ReleaseDisplayEXT, device, handle);
}

}  // namespace vdmabuf::layer
