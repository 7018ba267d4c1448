// SPDX-License-Identifier: MIT
#pragma once

#include "runtime/consumer/egl/egl_functions.hpp"

namespace vdmabuf::consumer::egl {

// A context of OpenGL ES of our own, without a surface, current on this thread as long as it lives;
// then what was current before is so again.
class ScratchContext {
  public:
    // ENOTSUP: the display has no contexts without surface and configuration.
    static Result<ScratchContext> create(const Functions& egl, EGLDisplay display);
    ScratchContext(ScratchContext&& other) noexcept;
    ScratchContext& operator=(ScratchContext&&) = delete;
    ScratchContext(const ScratchContext&) = delete;
    ScratchContext& operator=(const ScratchContext&) = delete;
    ~ScratchContext();

  private:
    ScratchContext(const Functions& egl, EGLDisplay display) : egl_(egl), display_(display) {}

    Functions egl_;
    EGLDisplay display_;
    EGLContext context_ = EGL_NO_CONTEXT;
    struct {
        EGLenum api = EGL_OPENGL_ES_API;
        EGLDisplay display = EGL_NO_DISPLAY;
        EGLSurface draw = EGL_NO_SURFACE;
        EGLSurface read = EGL_NO_SURFACE;
        EGLContext context = EGL_NO_CONTEXT;
    } before_;
};

}  // namespace vdmabuf::consumer::egl
