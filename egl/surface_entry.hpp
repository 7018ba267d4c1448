// SPDX-License-Identifier: MIT
#pragma once

#include <memory>

#include "egl/egl.hpp"

namespace vdmabuf::egl {

class Display;
class WindowSurface;

// Null when it is none of ours.
WindowSurface* find_surface(EGLDisplay display, EGLSurface handle) noexcept;

// The app's handle for it, which the display keeps from now on. No error.
EGLSurface keep_surface(Display& display, std::shared_ptr<WindowSurface> surface);
// Its handle means nothing from now on.
void forget_surface(WindowSurface& surface) noexcept;

EGLSurface create_window_surface(EGLDisplay display, EGLConfig config, EGLNativeWindowType window,
                                 const EGLint* attributes) noexcept;
EGLSurface create_platform_window_surface(EGLDisplay display, EGLConfig config, void* window,
                                          const EGLAttrib* attributes) noexcept;
EGLSurface create_platform_window_surface_ext(EGLDisplay display, EGLConfig config, void* window,
                                              const EGLint* attributes) noexcept;
EGLSurface create_pbuffer_surface(EGLDisplay display, EGLConfig config,
                                  const EGLint* attributes) noexcept;
EGLBoolean destroy_surface(EGLDisplay display, EGLSurface surface) noexcept;
EGLBoolean query_surface(EGLDisplay display, EGLSurface surface, EGLint attribute,
                         EGLint* value) noexcept;
EGLBoolean surface_attrib(EGLDisplay display, EGLSurface surface, EGLint attribute,
                          EGLint value) noexcept;
EGLBoolean bind_tex_image(EGLDisplay display, EGLSurface surface, EGLint buffer) noexcept;
EGLBoolean release_tex_image(EGLDisplay display, EGLSurface surface, EGLint buffer) noexcept;

}  // namespace vdmabuf::egl
