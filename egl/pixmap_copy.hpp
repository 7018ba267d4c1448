// SPDX-License-Identifier: MIT
#pragma once

#include "egl/egl.hpp"
#include "runtime/window/x11_pixmap.hpp"

namespace vdmabuf::egl {

// Reads what the calling thread draws into, `below` being the vendor's surface of that, which has
// the pixmap's size, and puts it into the pixmap. An EGL error.
EGLint copy_to_pixmap(EGLSurface below, window::X11Pixmap& target);

// Bits of red in configurations whose colours go into pixmaps of this depth; 0: none do.
EGLint red_of_depth(unsigned depth) noexcept;

}  // namespace vdmabuf::egl
