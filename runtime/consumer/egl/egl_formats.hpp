// SPDX-License-Identifier: MIT
#pragma once

#include <vector>

#include "runtime/common/stream_messages.hpp"
#include "runtime/consumer/egl/egl_functions.hpp"

namespace vdmabuf::consumer::egl {

enum class External {
    leave_out,  // what only samplerExternalOES can read
    take,
};

// What the display imports as EGLImages, of the formats that consumers know; for FORMATS. Empty
// without EGL_EXT_image_dma_buf_import; LINEAR alone without ..._import_modifiers.
std::vector<stream::FormatModifier> importable_formats(const Functions& egl, EGLDisplay display,
                                                       External external = External::leave_out);

}  // namespace vdmabuf::consumer::egl
