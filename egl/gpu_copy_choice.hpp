// SPDX-License-Identifier: MIT
#pragma once

#include <mutex>
#include <optional>

#include "egl/gpu_copy_self_test.hpp"

namespace vdmabuf::egl {

// Whether the frames of a display's pbuffers shall be copied by the GPU: where there is one that
// has shown that it can, or by name.
class GpuCopyChoice {
  public:
    explicit GpuCopyChoice(EGLDisplay display) : display_(display) {}
    // Of surfaces of this configuration. The display is initialised.
    bool by_gpu(EGLConfig config);

  private:
    const EGLDisplay display_;
    std::mutex mutex_;
    std::optional<GpuCopy> tested_;
};

}  // namespace vdmabuf::egl
