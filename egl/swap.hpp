// SPDX-License-Identifier: MIT
#pragma once

#include <cstdint>

#include "egl/egl.hpp"

namespace vdmabuf::egl {

class WindowSurface;

// Shows a frame of which these rectangles have changed, when `fence` has signalled; with the error
// told. Rectangles from the lower left corner.
EGLBoolean show_damaged(WindowSurface& window, const EGLint* rects, EGLint count, int fence,
                        std::uint64_t& serial) noexcept;

EGLBoolean swap_buffers(EGLDisplay display, EGLSurface surface) noexcept;
// Of KHR and EXT alike; rectangles from the lower left corner.
EGLBoolean swap_buffers_with_damage(EGLDisplay display, EGLSurface surface, const EGLint* rects,
                                    EGLint count) noexcept;
EGLBoolean set_damage_region(EGLDisplay display, EGLSurface surface, EGLint* rects,
                             EGLint count) noexcept;
EGLBoolean post_sub_buffer(EGLDisplay display, EGLSurface surface, EGLint x, EGLint y, EGLint width,
                           EGLint height) noexcept;
EGLBoolean swap_interval(EGLDisplay display, EGLint interval) noexcept;

}  // namespace vdmabuf::egl
