// SPDX-License-Identifier: MIT
#pragma once

#include <span>
#include <vector>

#include "egl/egl.hpp"
#include "egl/gbm_library.hpp"
#include "runtime/window/extent.hpp"

namespace vdmabuf::egl {

// A gbm_surface and the vendor's window surface on it.
class GbmSurface {
  public:
    struct Wish {
        window::Extent extent;
        std::uint32_t fourcc = 0;
        bool shown = true;                         // to the host: LINEAR, or of its modifiers
        std::span<const std::uint64_t> modifiers;  // of its; best first
        std::span<const EGLint> attributes;        // of the surface, without an end
    };
    GbmSurface() = default;
    // Nothing when it cannot be made.
    GbmSurface(EGLDisplay display, EGLConfig config, const GbmDevice& device, const Wish& wish);
    ~GbmSurface() { reset(); }
    GbmSurface(GbmSurface&& other) noexcept { *this = std::move(other); }
    GbmSurface& operator=(GbmSurface&& other) noexcept;

    explicit operator bool() const { return egl_ != EGL_NO_SURFACE; }
    EGLSurface egl() const { return egl_; }
    gbm_surface* get() const { return surface_; }
    // It must not be current.
    void reset() noexcept;

  private:
    EGLDisplay display_ = EGL_NO_DISPLAY;
    const Gbm* gbm_ = nullptr;
    gbm_surface* surface_ = nullptr;
    EGLSurface egl_ = EGL_NO_SURFACE;
};

}  // namespace vdmabuf::egl
