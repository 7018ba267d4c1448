// SPDX-License-Identifier: MIT
#include "layer/guard.hpp"
#include "layer/surface_x11.hpp"

namespace vdmabuf::layer {

VKAPI_ATTR VkResult VKAPI_CALL CreateXlibSurfaceKHR(VkInstance handle,
                                                    const VkXlibSurfaceCreateInfoKHR* info,
                                                    const VkAllocationCallbacks* allocator,
                                                    VkSurfaceKHR* surface) noexcept {
    Instance& instance = *Instance::of(handle);
    const auto create = instance.down().CreateXlibSurfaceKHR;
    if (!create) return VK_ERROR_EXTENSION_NOT_PRESENT;
    const VkResult result = create(handle, info, allocator, surface);
    if (result != VK_SUCCESS) return result;
    const VkResult adopted = guarded([&] {
        const window::Xlib* xlib = window::Xlib::get();
        // Requests on this connection flush what Xlib still holds back (XGetXCBConnection(3)).
        xcb_connection_t* app = xlib ? xlib->get_xcb_connection(info->dpy) : nullptr;
        adopt_x11_surface(instance, *surface, window::Xcb::get(), app,
                          xlib ? xlib->display_string(info->dpy) : std::string(),
                          static_cast<xcb_window_t>(info->window));
        return VK_SUCCESS;
    });
    if (adopted != VK_SUCCESS) instance.down().DestroySurfaceKHR(handle, *surface, allocator);
    return adopted;
}

VKAPI_ATTR VkBool32 VKAPI_CALL GetPhysicalDeviceXlibPresentationSupportKHR(
    VkPhysicalDevice device, std::uint32_t family, Display* display, VisualID visual) noexcept {
    Instance& instance = *Instance::of(device);
    VkBool32 supported = VK_FALSE;
    if (instance.down().GetPhysicalDeviceXlibPresentationSupportKHR) {
        supported = instance.down().GetPhysicalDeviceXlibPresentationSupportKHR(device, family,
                                                                                display, visual);
    }
    (void)guarded([&] {
        if (instance.physical(device).can_present(family)) supported = VK_TRUE;
        return VK_SUCCESS;
    });
    return supported;
}

}  // namespace vdmabuf::layer
