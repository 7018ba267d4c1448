// SPDX-License-Identifier: MIT
// The window system that a display of the app belongs to.
#pragma once

#include <memory>
#include <string>

#include "egl/egl.hpp"
#include "egl/native_window.hpp"
#include "runtime/window/x11_pixmap.hpp"

namespace vdmabuf::egl {

// X visuals for windows of an X11 display; 0: none.
struct Visuals {
    EGLint depth24 = 0;
    EGLint depth30 = 0;
    EGLint depth16 = 0;
};

class Platform {
  public:
    virtual ~Platform() = default;
    // Whether a display that the app names later may share this one's EGLDisplay.
    virtual bool serves(EGLenum platform, void* native) const = 0;
    // Such a display shares it now.
    virtual void share(EGLenum platform, void* native) {
        (void)platform;
        (void)native;
    }
    virtual Visuals visuals() const { return {}; }
    virtual bool is_x11() const { return false; }
    // Windows have the size that the app gives them (EGL_VDMABUF_platform_host).
    virtual bool sized_by_app() const { return false; }
    // `by_pointer`: as eglCreatePlatformWindowSurface() gives X windows. `wanted`: 0 where not
    // said. Null, with an EGL error, when it is no window.
    virtual std::unique_ptr<NativeWindow> window(void* handle, bool by_pointer,
                                                 window::Extent wanted, EGLint& error) = 0;
    // Null, with an EGL error, when it is no pixmap; only X11 has them. `by_pointer` as above.
    virtual std::unique_ptr<window::X11Pixmap> pixmap(void* /*handle*/, bool /*by_pointer*/,
                                                      EGLint& error) {
        error = EGL_BAD_NATIVE_PIXMAP;
        return nullptr;
    }
};

// Null, with the reason in the log, when this platform is not ours to serve.
std::unique_ptr<Platform> make_platform(EGLenum platform, void* native);

std::unique_ptr<Platform> make_x11_platform(EGLenum platform, void* native);
std::unique_ptr<Platform> make_wayland_platform(void* native);
// `native`: there is only one, which has no handle. `by_default`: it serves the default display
// too.
std::unique_ptr<Platform> make_host_platform(void* native, bool by_default);

}  // namespace vdmabuf::egl
