// SPDX-License-Identifier: MIT
// Pbuffers of displays without a window system (EGL_EXT_platform_device,
// EGL_MESA_platform_surfaceless) as windows of the host. Programs that know no window system, as
// with SDL's "offscreen" driver, draw into one and swap it as they would swap a window, which does
// nothing by EGL's rules: who does it wants it shown. Until its first swap a pbuffer is the
// vendor's like any other, and its handle stays the vendor's.
#pragma once

#include "egl/egl.hpp"

namespace vdmabuf::egl {

class WindowSurface;

// A display of this kind, of the vendor. Throws std::bad_alloc.
void may_show_pbuffers(EGLDisplay display);

// Null when it is none that is shown.
WindowSurface* find_shown_pbuffer(EGLSurface handle) noexcept;

// Shows the calling thread's draw surface from now on. Null when it is no such pbuffer, or cannot
// be shown.
WindowSurface* show_pbuffer(EGLDisplay display, EGLSurface surface) noexcept;

// The app destroys it. False: it is none that is shown.
bool destroy_shown_pbuffer(EGLSurface handle) noexcept;
void destroy_shown_pbuffers(EGLDisplay display) noexcept;

}  // namespace vdmabuf::egl
