// SPDX-License-Identifier: MIT
// What an app asks of a window surface that it makes.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "egl/egl.hpp"
#include "runtime/window/extent.hpp"

namespace vdmabuf::egl {

struct WindowRequest {
    std::vector<EGLint> below;  // what the vendor's surface is made with, without an end
    window::Extent extent;      // 0: not said
    std::string title;          // empty: not said
    std::string app_id;
    std::optional<EGLint> post_sub_buffer;
};

// Of attributes as eglCreateWindowSurface() takes them, or, with pointers among them,
// eglCreatePlatformWindowSurface(). `sized`: windows of this platform have the size that the app
// says. An EGL error.
EGLint read_attributes(const EGLint* attributes, bool sized, WindowRequest& out);
EGLint read_wide_attributes(const EGLAttrib* attributes, bool sized, WindowRequest& out);

// Whether a window may have this size.
bool is_size(EGLint width, EGLint height) noexcept;

}  // namespace vdmabuf::egl
