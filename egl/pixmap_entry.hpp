// SPDX-License-Identifier: MIT
// Surfaces of X11's pixmaps. GL draws into a surface of the vendor's own; the pixmap gets its
// colours where EGL says that whoever draws into it otherwise finds them (EGL 1.5, 3.8): when GL is
// flushed, finished or waited for, and when the surface is current no longer. GL does not see what
// others have drawn into a pixmap, which it does not with Mesa's software drivers either.
#pragma once

#include "egl/egl.hpp"

namespace vdmabuf::egl {

EGLSurface create_pixmap_surface(EGLDisplay display, EGLConfig config, EGLNativePixmapType pixmap,
                                 const EGLint* attributes) noexcept;
EGLSurface create_platform_pixmap_surface(EGLDisplay display, EGLConfig config, void* pixmap,
                                          const EGLAttrib* attributes) noexcept;
EGLSurface create_platform_pixmap_surface_ext(EGLDisplay display, EGLConfig config, void* pixmap,
                                              const EGLint* attributes) noexcept;
EGLBoolean copy_buffers(EGLDisplay display, EGLSurface surface,
                        EGLNativePixmapType target) noexcept;
EGLBoolean query_context(EGLDisplay display, EGLContext context, EGLint attribute,
                         EGLint* value) noexcept;
EGLBoolean wait_client() noexcept;
EGLBoolean wait_gl() noexcept;
void gl_finish() noexcept;
void gl_flush() noexcept;

// The calling thread's draw surface, if it is a pixmap's.
void flush_pixmap() noexcept;

}  // namespace vdmabuf::egl
