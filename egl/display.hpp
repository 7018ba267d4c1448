// SPDX-License-Identifier: MIT
// Displays of the app that this library serves. Behind each of them is a display of the real vendor
// without a window system (vendor_display.hpp): the vendor's display of the app's window system
// would draw by software wherever that has no GPU (Xvfb, Weston without an output).
#pragma once

#include <atomic>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "egl/platform.hpp"
#include "egl/vendor_display.hpp"
#include "runtime/producer/connection.hpp"

namespace vdmabuf::egl {

class WindowSurface;

class Display {
  public:
    Display(std::unique_ptr<VendorDisplay> vendor, std::unique_ptr<Platform> platform)
        : vendor_(std::move(vendor)), platform_(std::move(platform)) {}

    EGLDisplay handle() const { return vendor_->handle(); }
    VendorDisplay& vendor() const { return *vendor_; }
    Platform& platform() const { return *platform_; }
    // EGL_NV_post_sub_buffer: it needs a buffer that keeps what is around the rectangle.
    bool posts_sub_buffers() const { return platform_->is_x11() && vendor_->keeps_contents(); }
    // EGL_EXTENSIONS, with ours.
    const char* extensions();

    // Locked: surfaces are made and destroyed rarely, and frames do not come here.
    void add(std::shared_ptr<WindowSurface> surface);
    // Null when it is none of ours.
    std::shared_ptr<WindowSurface> get(const WindowSurface* surface) const noexcept;
    std::shared_ptr<WindowSurface> take(WindowSurface* surface) noexcept;
    std::vector<std::shared_ptr<WindowSurface>> take_all() noexcept;
    bool has_window(const void* identity) const noexcept;

    // The app may have several names for one display, when the vendor has not so many: as many of
    // its users as have initialised it must terminate it before it ends. Without this, one part of
    // a program (a toolkit, a video player) ends the windows of all others.
    void one_more_name() noexcept;
    void initialised() noexcept;  // eglInitialize() has succeeded
    // A user wants to terminate it. True: others go on using it.
    bool goes_on() noexcept;

    // Null when it is not one of ours.
    static Display* find(EGLDisplay handle) noexcept;

  private:
    const std::unique_ptr<VendorDisplay> vendor_;
    const std::unique_ptr<Platform> platform_;
    std::once_flag extensions_made_;
    std::string extensions_;
    mutable std::mutex mutex_;
    std::vector<std::shared_ptr<WindowSurface>> surfaces_;
    unsigned names_ = 1;
    unsigned users_ = 0;
};

// __EGLapiImports::getPlatformDisplay
EGLDisplay get_platform_display(EGLenum platform, void* native, const EGLAttrib* attributes);

// The process's connection to a host; null, with the reason in the log, when there is none.
std::shared_ptr<producer::Connection> connection();

// The vendor's list of platforms with ours.
const char* platform_extensions(const char* theirs);
EGLBoolean initialize(EGLDisplay display, EGLint* major, EGLint* minor) noexcept;
// libglvnd asks each vendor: none where the real one, whose devices they are, is asked as well.
EGLBoolean query_devices(EGLint size, EGLDeviceEXT* devices, EGLint* count) noexcept;
EGLBoolean terminate(EGLDisplay display) noexcept;
const char* query_string(EGLDisplay display, EGLint name) noexcept;

}  // namespace vdmabuf::egl
