// SPDX-License-Identifier: MIT
// The functions of EGL_VDMABUF_host_window, as <vdmabuf/egl.h> and docs/egl-extension.md have them.
#pragma once

#include <vdmabuf/egl.h>

#include "egl/egl.hpp"

namespace vdmabuf::egl {

EGLBoolean window_title(EGLDisplay display, EGLSurface surface, const char* title) noexcept;
EGLBoolean resize_window(EGLDisplay display, EGLSurface surface, EGLint width,
                         EGLint height) noexcept;
EGLBoolean next_host_event(EGLDisplay display, EGLSurface surface, EGLTimeKHR timeout,
                           EGLHostEventVDMABUF* event) noexcept;
EGLBoolean swap_buffers_with_fence(EGLDisplay display, EGLSurface surface, EGLint fence,
                                   const EGLint* rects, EGLint count,
                                   EGLuint64KHR* serial) noexcept;
EGLBoolean export_frame(EGLDisplay display, EGLSurface surface,
                        EGLHostFrameVDMABUF* frame) noexcept;

// For libglvnd, which does not know these functions: what it gives to apps. Null: none of ours.
void* find_extension_function(const char* name) noexcept;

}  // namespace vdmabuf::egl
