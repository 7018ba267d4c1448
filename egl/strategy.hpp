// SPDX-License-Identifier: MIT
#pragma once

#include "runtime/common/stream_messages.hpp"

namespace vdmabuf::egl {

// What VDMABUF_STRATEGY says, as for the Vulkan layer: C dmabuf-export, D gpu-copy, E cpu-copy;
// `unknown` when it says nothing, or what is not EGL's (A, B).
stream::Strategy wanted_strategy() noexcept;

// The calling thread's context draws by the CPU: to copy by such a GPU is no gain, and what it
// writes has no fences in the kernel.
bool drawn_by_cpu() noexcept;

}  // namespace vdmabuf::egl
