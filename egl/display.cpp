// SPDX-License-Identifier: MIT
#include "egl/display.hpp"

#include <algorithm>
#include <cerrno>

#include "egl/errors.hpp"
#include "egl/real_vendor.hpp"
#include "egl/surface.hpp"
#include "runtime/common/handle_table.hpp"
#include "runtime/common/log.hpp"

namespace vdmabuf::egl {
namespace {

// Never destroyed: threads of the app may call EGL while the process exits. Displays of EGL live as
// long as the process.
constinit HandleTable<Display> g_displays;
constinit std::mutex g_making;
constinit std::mutex g_connecting;

std::shared_ptr<producer::Connection>& known_connection() {
    static auto& connection = *new std::shared_ptr<producer::Connection>;
    return connection;
}

EGLDisplay make_display(EGLenum platform, void* native) {
    const std::lock_guard lock(g_making);
    EGLDisplay handle = real().imports.getPlatformDisplay(EGL_PLATFORM_SURFACELESS_MESA,
                                                          EGL_DEFAULT_DISPLAY, nullptr);
    if (handle == EGL_NO_DISPLAY) {
        LOG_WARNING("EGL: stepping aside, the vendor has no displays without a window system");
        return EGL_NO_DISPLAY;
    }
    const std::uint64_t key = reinterpret_cast<std::uintptr_t>(handle);
    if (const Display* known = g_displays.find(key)) {
        if (known->platform().serves(platform, native)) return handle;
        // The vendor has one such display, and a window cannot say whose it is.
        LOG_WARNING("EGL: stepping aside for a second window system in this program");
        return EGL_NO_DISPLAY;
    }
    auto window_system = make_platform(platform, native);
    if (!window_system || !connection()) return EGL_NO_DISPLAY;
    auto display = std::make_unique<Display>(handle, std::move(window_system));
    g_displays.insert(key, display.get());
    (void)display.release();
    return handle;
}

}  // namespace

std::shared_ptr<producer::Connection> connection() {
    const std::lock_guard lock(g_connecting);
    std::shared_ptr<producer::Connection>& known = known_connection();
    if (known && known->usable()) return known;
    known.reset();
    auto endpoint = producer::find_endpoint();
    if (!endpoint) {
        LOG_WARNING("EGL: no host, the vendor presents: %s", endpoint.error().text.c_str());
        return nullptr;
    }
    auto opened = producer::Connection::open(*endpoint, program_invocation_short_name);
    if (!opened) {
        LOG_WARNING("EGL: no host, the vendor presents: %s", opened.error().text.c_str());
        return nullptr;
    }
    known = *std::move(opened);
    return known;
}

EGLDisplay get_platform_display(EGLenum platform, void* native, const EGLAttrib* attributes) {
    return guarded([&]() -> EGLDisplay {
        switch (platform) {
            case EGL_PLATFORM_X11_KHR:
            case EGL_PLATFORM_XCB_EXT:
            case EGL_PLATFORM_WAYLAND_KHR:
            case EGL_NONE:
                return make_display(platform, native);
            case EGL_PLATFORM_SURFACELESS_MESA:
                // The same display as ours, which libglvnd gives to the vendor that it got it from
                // first: that must be this one.
                return real().imports.getPlatformDisplay(platform, native, attributes);
            default:
                return EGL_NO_DISPLAY;
        }
    });
}

Display* Display::find(EGLDisplay handle) noexcept {
    return g_displays.find(reinterpret_cast<std::uintptr_t>(handle));
}

void Display::add(std::shared_ptr<WindowSurface> surface) {
    const std::lock_guard lock(mutex_);
    surfaces_.push_back(std::move(surface));
}

std::shared_ptr<WindowSurface> Display::take(WindowSurface* surface) noexcept {
    const std::lock_guard lock(mutex_);
    const auto found = std::find_if(surfaces_.begin(), surfaces_.end(),
                                    [&](const auto& known) { return known.get() == surface; });
    if (found == surfaces_.end()) return nullptr;
    auto taken = std::move(*found);
    surfaces_.erase(found);
    return taken;
}

std::vector<std::shared_ptr<WindowSurface>> Display::take_all() noexcept {
    const std::lock_guard lock(mutex_);
    return std::exchange(surfaces_, {});
}

bool Display::has_window(const void* identity) const noexcept {
    const std::lock_guard lock(mutex_);
    return std::any_of(surfaces_.begin(), surfaces_.end(),
                       [&](const auto& surface) { return surface->window_identity() == identity; });
}

}  // namespace vdmabuf::egl
