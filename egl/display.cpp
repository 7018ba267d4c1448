// SPDX-License-Identifier: MIT
#include "egl/display.hpp"

#include <vdmabuf/egl.h>

#include <algorithm>
#include <cerrno>

#include "egl/errors.hpp"
#include "egl/real_vendor.hpp"
#include "egl/shown_pbuffers.hpp"
#include "egl/surface.hpp"
#include "egl/vendor_display.hpp"
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

// A display that the app has named, and ours for it. Guarded by g_making.
struct Named {
    EGLenum platform;
    void* native;
    Display* display;
};
std::vector<Named>& named_displays() {
    static auto& displays = *new std::vector<Named>;
    return displays;
}

EGLDisplay make_display(EGLenum platform, void* native) {
    const std::lock_guard lock(g_making);
    std::vector<Named>& known = named_displays();
    const auto serves = [&](const Named& named) {
        return named.display->platform().serves(platform, native);
    };
    for (const Named& named : known) {
        // What has a window of its own for each display, and no handle, is the same by every name.
        const bool same = (named.platform == platform && named.native == native) ||
                          named.display->platform().sized_by_app();
        if (!same || !serves(named)) continue;
        named.display->platform().share(platform, native);
        return named.display->handle();
    }
    known.reserve(known.size() + 1);
    auto window_system = make_platform(platform, native);
    const auto host = window_system ? connection() : nullptr;
    if (!host) return EGL_NO_DISPLAY;
    auto vendor = open_vendor_display(*host);
    if (!vendor) {
        // Of one server, displays can share what the vendor has left.
        for (const Named& named : known) {
            if (!serves(named)) continue;
            named.display->platform().share(platform, native);
            named.display->one_more_name();
            known.push_back({platform, native, named.display});
            return named.display->handle();
        }
        LOG_WARNING("EGL: stepping aside, the vendor has %s displays without a window system",
                    known.empty() ? "no" : "not so many");
        return EGL_NO_DISPLAY;
    }
    auto display = std::make_unique<Display>(std::move(vendor), std::move(window_system));
    g_displays.insert(reinterpret_cast<std::uintptr_t>(display->handle()), display.get());
    known.push_back({platform, native, display.get()});
    return display.release()->handle();
}

// A display of the vendor's own without a window system, which may be behind one of ours.
EGLDisplay given(EGLDisplay handle) {
    if (Display* ours = Display::find(handle)) ours->one_more_name();
    if (handle != EGL_NO_DISPLAY) may_show_pbuffers(handle);
    return handle;
}

EGLDisplay made_or_given(EGLenum platform, void* native, const EGLAttrib* attributes) {
    switch (platform) {
        case EGL_PLATFORM_X11_KHR:
        case EGL_PLATFORM_XCB_EXT:
        case EGL_PLATFORM_WAYLAND_KHR:
        case EGL_NONE:
            return make_display(platform, native);
        case EGL_PLATFORM_HOST_VDMABUF:
            if (native) return no_display(EGL_BAD_PARAMETER);
            if (attributes && *attributes != EGL_NONE) return no_display(EGL_BAD_ATTRIBUTE);
            return make_display(platform, native);
        case EGL_PLATFORM_SURFACELESS_MESA:
        case EGL_PLATFORM_DEVICE_EXT:
            // May be the same display as one of ours, which libglvnd gives to the vendor that
            // it got it from first: that must be this one.
            return given(real().imports.getPlatformDisplay(platform, native, attributes));
        default:
            return EGL_NO_DISPLAY;
    }
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
        EGLDisplay found = made_or_given(platform, native, attributes);
        if (found != EGL_NO_DISPLAY || real().listed || platform == EGL_PLATFORM_HOST_VDMABUF) {
            return found;
        }
        // libglvnd knows no other vendor that it could ask next.
        return real().imports.getPlatformDisplay(platform, native, attributes);
    });
}

// By name nobody can be told from another: a display that was initialised twice counts once, unless
// the app has a second name for it (EGL 1.5, 3.2: one eglTerminate() ends it).
void Display::initialised() noexcept {
    const std::lock_guard lock(mutex_);
    users_ = std::min(users_ + 1, names_);
}

void Display::one_more_name() noexcept {
    const std::lock_guard lock(mutex_);
    ++names_;
}

bool Display::goes_on() noexcept {
    const std::lock_guard lock(mutex_);
    return users_ != 0 && --users_ != 0;
}

Display* Display::find(EGLDisplay handle) noexcept {
    return g_displays.find(reinterpret_cast<std::uintptr_t>(handle));
}

void Display::add(std::shared_ptr<WindowSurface> surface) {
    const std::lock_guard lock(mutex_);
    surfaces_.push_back(std::move(surface));
}

std::shared_ptr<WindowSurface> Display::get(const WindowSurface* surface) const noexcept {
    const std::lock_guard lock(mutex_);
    const auto found = std::find_if(surfaces_.begin(), surfaces_.end(),
                                    [&](const auto& known) { return known.get() == surface; });
    return found == surfaces_.end() ? nullptr : *found;
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
