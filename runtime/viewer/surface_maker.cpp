// SPDX-License-Identifier: MIT
#include "runtime/viewer/surface_maker.hpp"

#include <SDL.h>
#include <SDL_vulkan.h>
#include <xcb/xcb.h>

#include <cstdlib>

#include "runtime/consumer/gpu/result.hpp"

// These bring the macros of X11 with them.
#include <SDL_syswm.h>
#include <vulkan/vulkan_xcb.h>

namespace vdmabuf::viewer {

struct SurfaceMaker::X11 {
    xcb_connection_t* connection = nullptr;
    ~X11() {
        if (connection) xcb_disconnect(connection);
    }
};

SurfaceMaker::SurfaceMaker() = default;
SurfaceMaker::~SurfaceMaker() = default;

std::unique_ptr<SurfaceMaker> SurfaceMaker::create(SDL_Window* window) {
    std::unique_ptr<SurfaceMaker> maker(new SurfaceMaker);
    SDL_SysWMinfo info;
    SDL_VERSION(&info.version);
    if (SDL_GetWindowWMInfo(window, &info) && info.subsystem == SDL_SYSWM_X11) {
        maker->x11_ = std::make_unique<X11>();
        maker->x11_->connection = xcb_connect(DisplayString(info.info.x11.display), nullptr);
        if (xcb_connection_has_error(maker->x11_->connection) == 0) {
            maker->extensions_ = {VK_KHR_SURFACE_EXTENSION_NAME, VK_KHR_XCB_SURFACE_EXTENSION_NAME};
            return maker;
        }
        maker->x11_.reset();
    }
    unsigned count = 0;
    if (!SDL_Vulkan_GetInstanceExtensions(window, &count, nullptr)) return nullptr;
    maker->extensions_.resize(count);
    if (!SDL_Vulkan_GetInstanceExtensions(window, &count, maker->extensions_.data())) {
        return nullptr;
    }
    return maker;
}

void SurfaceMaker::set_class(SDL_Window* window, const std::string& name) const {
    SDL_SysWMinfo info;
    SDL_VERSION(&info.version);
    if (!x11_ || name.empty() || !SDL_GetWindowWMInfo(window, &info)) return;
    XSync(info.info.x11.display, False);
    // ICCCM 4.1.2.5: instance and class, each with its NUL.
    std::string both = name;
    both += '\0';
    both += name;
    both += '\0';
    xcb_change_property(x11_->connection, XCB_PROP_MODE_REPLACE,
                        static_cast<xcb_window_t>(info.info.x11.window), XCB_ATOM_WM_CLASS,
                        XCB_ATOM_STRING, 8, static_cast<std::uint32_t>(both.size()), both.data());
    // The server has it before SDL maps the window on its own connection.
    std::free(xcb_get_input_focus_reply(x11_->connection, xcb_get_input_focus(x11_->connection),
                                        nullptr));
}

VkSurfaceKHR SurfaceMaker::make(VkInstance instance, SDL_Window* window, std::string& why) const {
    VkSurfaceKHR surface = VK_NULL_HANDLE;
    if (!x11_) {
        if (!SDL_Vulkan_CreateSurface(window, instance, &surface)) why = SDL_GetError();
        return surface;
    }
    SDL_SysWMinfo info;
    SDL_VERSION(&info.version);
    const auto create = reinterpret_cast<PFN_vkCreateXcbSurfaceKHR>(
        vkGetInstanceProcAddr(instance, "vkCreateXcbSurfaceKHR"));
    if (!create || !SDL_GetWindowWMInfo(window, &info)) {
        why = "no X11 surfaces in this driver";
        return VK_NULL_HANDLE;
    }
    // The server must know SDL's window before the other connection names it.
    XSync(info.info.x11.display, False);
    VkXcbSurfaceCreateInfoKHR create_info{};
    create_info.sType = VK_STRUCTURE_TYPE_XCB_SURFACE_CREATE_INFO_KHR;
    create_info.connection = x11_->connection;
    create_info.window = static_cast<xcb_window_t>(info.info.x11.window);
    const VkResult made = create(instance, &create_info, nullptr, &surface);
    if (made != VK_SUCCESS) why = gpu::to_string(made);
    return surface;
}

}  // namespace vdmabuf::viewer
