// SPDX-License-Identifier: MIT
#include "runtime/consumer/egl/scratch_context.hpp"

#include <utility>

namespace vdmabuf::consumer::egl {

Result<ScratchContext> ScratchContext::create(const Functions& egl, EGLDisplay display) {
    for (const char* extension : {"EGL_KHR_no_config_context", "EGL_KHR_surfaceless_context"}) {
        if (!egl.has(display, extension)) return Error{ENOTSUP, std::string("no ") + extension};
    }
    ScratchContext scratch(egl, display);
    scratch.before_ = {egl.query_api(), egl.current_display(), egl.current_surface(EGL_DRAW),
                       egl.current_surface(EGL_READ), egl.current_context()};
    egl.bind_api(EGL_OPENGL_ES_API);
    const EGLint attributes[] = {EGL_CONTEXT_MAJOR_VERSION, 2, EGL_NONE};
    const EGLContext made =
        egl.create_context(display, EGL_NO_CONFIG_KHR, EGL_NO_CONTEXT, attributes);
    if (made == EGL_NO_CONTEXT) {
        egl.bind_api(scratch.before_.api);
        return egl.error("eglCreateContext");
    }
    scratch.context_ = made;
    if (!egl.make_current(display, EGL_NO_SURFACE, EGL_NO_SURFACE, made)) {
        return egl.error("eglMakeCurrent");
    }
    return scratch;
}

ScratchContext::ScratchContext(ScratchContext&& other) noexcept
    : egl_(other.egl_),
      display_(other.display_),
      context_(std::exchange(other.context_, EGL_NO_CONTEXT)),
      before_(other.before_) {}

ScratchContext::~ScratchContext() {
    if (context_ == EGL_NO_CONTEXT) return;
    egl_.make_current(display_, EGL_NO_SURFACE, EGL_NO_SURFACE, EGL_NO_CONTEXT);
    egl_.destroy_context(display_, context_);
    egl_.bind_api(before_.api);
    if (before_.context != EGL_NO_CONTEXT) {
        egl_.make_current(before_.display, before_.draw, before_.read, before_.context);
    }
}

}  // namespace vdmabuf::consumer::egl
