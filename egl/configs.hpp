// SPDX-License-Identifier: MIT
// Configurations of a display without a window system, as those of a window system.
#pragma once

#include "egl/egl.hpp"

namespace vdmabuf::egl {

class Display;

// Whether windows can be made with it.
bool can_be_window(const Display& display, EGLConfig config) noexcept;
// Whether pixmaps of X11 can be drawn into with it.
bool can_be_pixmap(const Display& display, EGLConfig config) noexcept;

EGLBoolean get_configs(EGLDisplay display, EGLConfig* configs, EGLint size, EGLint* count) noexcept;
EGLBoolean choose_config(EGLDisplay display, const EGLint* attributes, EGLConfig* configs,
                         EGLint size, EGLint* count) noexcept;
EGLBoolean get_config_attrib(EGLDisplay display, EGLConfig config, EGLint attribute,
                             EGLint* value) noexcept;

constexpr EGLint kMaxSwapInterval = 8;

}  // namespace vdmabuf::egl
