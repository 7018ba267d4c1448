// SPDX-License-Identifier: MIT
#pragma once

#include "egl/egl.hpp"
#include "runtime/common/unique_fd.hpp"

namespace vdmabuf::egl {

// A fence of all that the calling thread's context has drawn so far: EGL_ANDROID_native_fence_sync
// where the vendor has it, else the fences that the GPU's driver has put on `dmabuf` (-1: none).
// Nothing, once the drawing is complete, where there is neither: it waits for that.
UniqueFd frame_fence(EGLDisplay display, int dmabuf) noexcept;

}  // namespace vdmabuf::egl
