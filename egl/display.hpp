// SPDX-License-Identifier: MIT
// Displays of the app that this library serves. Behind each of them is a display of the real vendor
// without a window system: the vendor's display of the app's window system would draw by software
// wherever that has no GPU (Xvfb, Weston without an output).
#pragma once

#include <atomic>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "egl/platform.hpp"
#include "runtime/producer/connection.hpp"

namespace vdmabuf::egl {

class WindowSurface;

class Display {
  public:
    Display(EGLDisplay handle, std::unique_ptr<Platform> platform)
        : handle_(handle), platform_(std::move(platform)) {}

    EGLDisplay handle() const { return handle_; }
    Platform& platform() const { return *platform_; }
    // EGL_EXTENSIONS, with ours.
    const char* extensions();

    // Locked: surfaces are made and destroyed rarely, and frames do not come here.
    void add(std::shared_ptr<WindowSurface> surface);
    // Null when it is none of ours.
    std::shared_ptr<WindowSurface> get(const WindowSurface* surface) const noexcept;
    std::shared_ptr<WindowSurface> take(WindowSurface* surface) noexcept;
    std::vector<std::shared_ptr<WindowSurface>> take_all() noexcept;
    bool has_window(const void* identity) const noexcept;

    // Null when it is not one of ours.
    static Display* find(EGLDisplay handle) noexcept;

  private:
    const EGLDisplay handle_;
    const std::unique_ptr<Platform> platform_;
    std::once_flag extensions_made_;
    std::string extensions_;
    mutable std::mutex mutex_;
    std::vector<std::shared_ptr<WindowSurface>> surfaces_;
};

// __EGLapiImports::getPlatformDisplay
EGLDisplay get_platform_display(EGLenum platform, void* native, const EGLAttrib* attributes);

// The process's connection to a host; null, with the reason in the log, when there is none.
std::shared_ptr<producer::Connection> connection();

// The vendor's list of platforms with ours.
const char* platform_extensions(const char* theirs);
EGLBoolean terminate(EGLDisplay display) noexcept;
const char* query_string(EGLDisplay display, EGLint name) noexcept;

}  // namespace vdmabuf::egl
