// SPDX-License-Identifier: MIT
#pragma once

#include "egl/egl.hpp"
#include "runtime/producer/connection.hpp"

namespace vdmabuf::egl {

enum class GpuCopy { works, works_by_cpu, fails };  // by_cpu: what is called a GPU is none

// Draws a pattern with this configuration and has the GPU copy it into shared pages: drivers say
// that they import, and do not, or show other pixels. The display is initialised; what is current
// in the calling thread stays so.
GpuCopy test_gpu_copy(EGLDisplay display, EGLConfig config, producer::Connection& connection);

}  // namespace vdmabuf::egl
