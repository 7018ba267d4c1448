// SPDX-License-Identifier: MIT
#include "egl/errors.hpp"

#include "egl/real_vendor.hpp"

namespace vdmabuf::egl {

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

void fail_as_real() noexcept {
    real().exports->setEGLError(real().GetError());
}

}  // namespace vdmabuf::egl
