// SPDX-License-Identifier: MIT
// A display without any surface but pbuffers, whose frames are copied. Every vendor with
// EGL_MESA_platform_surfaceless has one.
#include <mutex>
#include <optional>

#include "egl/display.hpp"
#include "egl/gpu_copy_self_test.hpp"
#include "egl/pbuffer_backing.hpp"
#include "egl/real_vendor.hpp"
#include "egl/strategy.hpp"
#include "egl/surfaceless_displays.hpp"
#include "egl/vendor_display.hpp"
#include "runtime/common/log.hpp"

namespace vdmabuf::egl {
namespace {

// A pbuffer's contents stay when it is shown.
constexpr EGLint kStandsIn = EGL_WINDOW_BIT | EGL_SWAP_BEHAVIOR_PRESERVED_BIT;

class SurfacelessDisplay final : public VendorDisplay {
  public:
    explicit SurfacelessDisplay(EGLDisplay handle) : handle_(handle) {}
    EGLDisplay handle() const noexcept override { return handle_; }
    bool can_back(EGLConfig, EGLint types) const noexcept override {
        return types & EGL_PBUFFER_BIT;
    }
    EGLint told_types(EGLint types, bool window) const noexcept override {
        return window ? types | kStandsIn : types;
    }
    EGLint types_for(EGLint wanted) const noexcept override {
        return wanted & EGL_WINDOW_BIT ? (wanted & ~kStandsIn) | EGL_PBUFFER_BIT : wanted;
    }
    bool keeps_contents() const noexcept override { return true; }
    bool lacks_pbuffers() const noexcept override { return false; }
    std::unique_ptr<Backing> backing(EGLConfig config, std::vector<EGLint> attributes) override {
        return make_pbuffer_backing(handle_, config, std::move(attributes), by_gpu(config));
    }

  private:
    // Whether frames shall be copied by the GPU: where there is one, or by name.
    bool by_gpu(EGLConfig config) {
        const stream::Strategy wanted = wanted_strategy();
        if (wanted == stream::Strategy::cpu_copy) return false;
        EGLint red = 0;
        (void)real().GetConfigAttrib(handle_, config, EGL_RED_SIZE, &red);
        if (red != 8) return false;  // what the test's pattern is of
        const std::lock_guard lock(mutex_);
        if (!tested_) {
            const auto host = connection();
            tested_ = host ? test_gpu_copy(handle_, config, *host) : GpuCopy::fails;
        }
        if (wanted == stream::Strategy::gpu_copy && *tested_ == GpuCopy::fails) {
            LOG_WARNING(
                "EGL: strategy gpu-copy cannot serve: the vendor does not draw into "
                "dmabufs of shared pages");
        }
        return *tested_ == GpuCopy::works ||
               (*tested_ == GpuCopy::works_by_cpu && wanted == stream::Strategy::gpu_copy);
    }

    const EGLDisplay handle_;
    std::mutex mutex_;
    std::optional<GpuCopy> tested_;
};

}  // namespace

std::unique_ptr<VendorDisplay> open_surfaceless_display() {
    for (EGLDisplay handle : surfaceless_displays()) {
        if (!Display::find(handle)) return std::make_unique<SurfacelessDisplay>(handle);
    }
    return nullptr;
}

}  // namespace vdmabuf::egl
