// SPDX-License-Identifier: MIT
#include "egl/platform.hpp"

#include <cstdlib>
#include <string_view>

#include "runtime/common/log.hpp"

namespace vdmabuf::egl {

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
            if (wanted && *wanted && std::string_view(wanted) != "x11") return nullptr;
            return make_x11_platform(platform, native);
        }
        default:
            return nullptr;
    }
}

}  // namespace vdmabuf::egl
