// SPDX-License-Identifier: MIT
#pragma once

#include <vector>

#include "egl/egl.hpp"

namespace vdmabuf::egl {

// Displays without a window system that the real vendor has, all different, the best one first.
// Each of the app's displays needs one of its own. The vendor keeps them for the process's life.
std::vector<EGLDisplay> surfaceless_displays();

}  // namespace vdmabuf::egl
