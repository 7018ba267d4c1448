// SPDX-License-Identifier: MIT
#include "egl/platform.hpp"

#include <vdmabuf/egl.h>

#include <cstdlib>
#include <string_view>

#include "runtime/common/log.hpp"

namespace vdmabuf::egl {
namespace {

bool window_system_named() {
    for (const char* name : {"DISPLAY", "WAYLAND_DISPLAY"}) {
        if (const char* value = std::getenv(name); value && *value) return true;
    }
    return false;
}

}  // namespace

std::unique_ptr<Platform> make_platform(EGLenum platform, void* native) {
    switch (platform) {
        case EGL_PLATFORM_X11_KHR:
        case EGL_PLATFORM_XCB_EXT:
            return make_x11_platform(platform, native);
        case EGL_PLATFORM_WAYLAND_KHR:
            // Without a wl_display the vendor makes a connection of its own, and no app can have a
            // surface of that.
            return native ? make_wayland_platform(native) : nullptr;
        case EGL_NONE: {
            // EGL_DEFAULT_DISPLAY: the vendor decides, and Mesa's choice is a variable, then X11.
            const char* wanted = std::getenv("EGL_PLATFORM");
            const std::string_view name = wanted ? wanted : "";
            if (name == "vdmabuf" || (name.empty() && !native && !window_system_named())) {
                return make_host_platform(native, true);
            }
            if (!name.empty() && name != "x11") return nullptr;
            return make_x11_platform(platform, native);
        }
        case EGL_PLATFORM_HOST_VDMABUF:
            return make_host_platform(native, false);
        default:
            return nullptr;
    }
}

}  // namespace vdmabuf::egl
