// SPDX-License-Identifier: MIT
// What is current in the calling thread.
#pragma once

#include "egl/egl.hpp"

namespace vdmabuf::egl {

class WindowSurface;

// The draw surface, when it is one of ours.
WindowSurface* current_draw() noexcept;
EGLSurface current_draw_handle() noexcept;  // the app's; of the vendor too
EGLContext current_context() noexcept;
bool is_current(const WindowSurface& surface) noexcept;  // as draw or read surface
bool draws_into(EGLDisplay display, EGLSurface surface) noexcept;
// The vendor's surface that is drawn into is ours from now on, by the same handle.
void take_over_current(WindowSurface& draw) noexcept;
// eglSwapInterval() for a surface that is the vendor's still.
void remember_interval(EGLint interval) noexcept;
// The pbuffer behind a current surface is another one now.
void make_current_again() noexcept;

// The vendor's handle for one of the app's.
EGLSurface below(EGLDisplay display, EGLSurface surface) noexcept;

// While it lives, reading reads from the surface that is drawn to.
class ReadFromDraw {
  public:
    explicit ReadFromDraw(EGLSurface draw) noexcept;  // the vendor's
    ~ReadFromDraw();
    ReadFromDraw(const ReadFromDraw&) = delete;
    ReadFromDraw& operator=(const ReadFromDraw&) = delete;

  private:
    bool changed_ = false;
};

EGLBoolean make_current(EGLDisplay display, EGLSurface draw, EGLSurface read,
                        EGLContext context) noexcept;
EGLBoolean release_thread() noexcept;

}  // namespace vdmabuf::egl
