// SPDX-License-Identifier: MIT
#include "egl/gpu_copy_choice.hpp"

#include "egl/display.hpp"
#include "egl/real_vendor.hpp"
#include "egl/strategy.hpp"
#include "runtime/common/log.hpp"

namespace vdmabuf::egl {

bool GpuCopyChoice::by_gpu(EGLConfig config) {
    const stream::Strategy wanted = wanted_strategy();
    if (wanted == stream::Strategy::cpu_copy) return false;
    EGLint red = 0;
    (void)real().GetConfigAttrib(display_, config, EGL_RED_SIZE, &red);
    if (red != 8) return false;  // what the test's pattern is of
    const std::lock_guard lock(mutex_);
    if (!tested_) {
        const auto host = connection();
        tested_ = host ? test_gpu_copy(display_, config, *host) : GpuCopy::fails;
    }
    if (wanted == stream::Strategy::gpu_copy && *tested_ == GpuCopy::fails) {
        LOG_WARNING(
            "EGL: strategy gpu-copy cannot serve: the vendor does not draw into "
            "dmabufs of shared pages");
    }
    return *tested_ == GpuCopy::works ||
           (*tested_ == GpuCopy::works_by_cpu && wanted == stream::Strategy::gpu_copy);
}

}  // namespace vdmabuf::egl
