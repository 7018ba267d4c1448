// SPDX-License-Identifier: MIT
// Wayland displays: the window's size is that of its wl_egl_window; each frame commits a
// placeholder, so that the compositor maps the window and answers its frame callbacks.
#include <wayland-egl-backend.h>

#include <utility>

#include "egl/platform.hpp"
#include "runtime/common/log.hpp"
#include "runtime/window/wayland_placeholder.hpp"

namespace vdmabuf::egl {
namespace {

class WaylandNative final : public NativeWindow {
  public:
    WaylandNative(wl_egl_window* window, std::unique_ptr<window::WaylandPlaceholder> placeholder)
        : window_(window), placeholder_(std::move(placeholder)) {}
    ~WaylandNative() override { unwatch(); }

    void watch(Events events) override {
        events_ = std::move(events);
        window_->driver_private = this;
        window_->resize_callback = [](wl_egl_window*, void* self) {
            auto& native = *static_cast<WaylandNative*>(self);
            if (native.events_.resized) native.events_.resized();
        };
        // An app may destroy the window before the surface.
        window_->destroy_window_callback = [](void* self) {
            auto& native = *static_cast<WaylandNative*>(self);
            native.last_ = native.extent();
            native.window_ = nullptr;
        };
    }
    void unwatch() noexcept override {
        if (window_) {
            window_->driver_private = nullptr;
            window_->resize_callback = nullptr;
            window_->destroy_window_callback = nullptr;
        }
        events_ = {};
    }

    window::Extent extent() noexcept override {
        if (window_ && window_->width > 0 && window_->height > 0) {
            last_ = {static_cast<std::uint32_t>(window_->width),
                     static_cast<std::uint32_t>(window_->height)};
        }
        return last_;
    }
    bool lost() const noexcept override { return !window_ || placeholder_->lost(); }
    const void* identity() const noexcept override { return window_; }
    void presented(window::Extent extent) noexcept override {
        if (!window_) return;
        placeholder_->commit(extent);
        placeholder_->exchange();
        // What wl_egl_window_get_attached_size() answers.
        window_->attached_width = static_cast<int>(extent.width);
        window_->attached_height = static_cast<int>(extent.height);
    }

  private:
    wl_egl_window* window_;
    const std::unique_ptr<window::WaylandPlaceholder> placeholder_;
    Events events_;
    window::Extent last_{1, 1};
};

class WaylandPlatform final : public Platform {
  public:
    WaylandPlatform(const window::Wayland& wayland, wl_display* display)
        : wayland_(wayland), display_(display) {}

    bool serves(EGLenum platform, void* native) const override {
        return platform == EGL_PLATFORM_WAYLAND_KHR && native == display_;
    }

    std::unique_ptr<NativeWindow> window(void* handle, bool, window::Extent,
                                         EGLint& error) override {
        auto* window = static_cast<wl_egl_window*>(handle);
        error = EGL_BAD_NATIVE_WINDOW;
        if (!window) return nullptr;
        // Before version 3 (2018) the first member was the surface itself.
        wl_surface* surface = window->version >= 3 && window->version < 4096
                                  ? window->surface
                                  : reinterpret_cast<wl_surface*>(window->version);
        if (!surface) return nullptr;
        if (window->driver_private) {
            error = EGL_BAD_ALLOC;
            return nullptr;
        }
        auto placeholder = window::WaylandPlaceholder::make(wayland_, display_, surface);
        if (!placeholder) return nullptr;
        return std::make_unique<WaylandNative>(window, std::move(placeholder));
    }

  private:
    const window::Wayland& wayland_;
    wl_display* const display_;
};

}  // namespace

std::unique_ptr<Platform> make_wayland_platform(void* native) {
    const window::Wayland* wayland = window::Wayland::get();
    if (!wayland) {
        LOG_WARNING("EGL: stepping aside, libwayland-client cannot be opened");
        return nullptr;
    }
    return std::make_unique<WaylandPlatform>(*wayland, static_cast<wl_display*>(native));
}

}  // namespace vdmabuf::egl
