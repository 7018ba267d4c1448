// SPDX-License-Identifier: MIT
#include "egl/errors.hpp"

#include <utility>

#include "egl/real_vendor.hpp"

namespace vdmabuf::egl {
namespace {

constinit thread_local EGLint t_no_display = EGL_SUCCESS;

}  // namespace

EGLBoolean succeed() noexcept {
    real().exports->setEGLError(EGL_SUCCESS);
    return EGL_TRUE;
}

EGLBoolean fail(EGLint error) noexcept {
    real().exports->setEGLError(error);
    return EGL_FALSE;
}

EGLSurface no_surface(EGLint error) noexcept {
    (void)fail(error);
    return EGL_NO_SURFACE;
}

EGLDisplay no_display(EGLint error) noexcept {
    t_no_display = error;
    return EGL_NO_DISPLAY;
}

EGLint get_error() noexcept {
    const EGLint theirs = real().GetError();
    const EGLint ours = std::exchange(t_no_display, EGL_SUCCESS);
    return ours != EGL_SUCCESS ? ours : theirs;
}

void fail_as_real() noexcept {
    real().exports->setEGLError(real().GetError());
}

}  // namespace vdmabuf::egl
