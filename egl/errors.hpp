// SPDX-License-Identifier: MIT
// What eglGetError() answers. libglvnd asks the vendor that was called last, unless it is told an
// error: what our functions decide by themselves is told, so that errors of calls that they have
// made inside do not reach the app.
#pragma once

#include <new>

#include "egl/egl.hpp"

namespace vdmabuf::egl {

EGLBoolean succeed() noexcept;
EGLBoolean fail(EGLint error) noexcept;
EGLSurface no_surface(EGLint error) noexcept;
// libglvnd asks each vendor that gives no display why, by get_error(), before it asks the next one.
EGLDisplay no_display(EGLint error) noexcept;
EGLint get_error() noexcept;  // as the vendor's
// The real vendor has failed: its error is the answer.
void fail_as_real() noexcept;

// No exception crosses the ABI.
template <typename Call>
auto guarded(Call&& call) noexcept -> decltype(call()) {
    try {
        return call();
    } catch (...) {
        (void)fail(EGL_BAD_ALLOC);
        return {};
    }
}

}  // namespace vdmabuf::egl
