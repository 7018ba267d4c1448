// SPDX-License-Identifier: MIT
// A display without any surface but pbuffers, whose frames are copied. Every vendor with
// EGL_MESA_platform_surfaceless has one.
#include "egl/display.hpp"
#include "egl/gpu_copy_choice.hpp"
#include "egl/pbuffer_backing.hpp"
#include "egl/surfaceless_displays.hpp"
#include "egl/vendor_display.hpp"

namespace vdmabuf::egl {
namespace {

// A pbuffer's contents stay when it is shown.
constexpr EGLint kStandsIn = EGL_WINDOW_BIT | EGL_SWAP_BEHAVIOR_PRESERVED_BIT;

class SurfacelessDisplay final : public VendorDisplay {
  public:
    explicit SurfacelessDisplay(EGLDisplay handle) : handle_(handle), copies_(handle) {}
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
        return make_pbuffer_backing(handle_, config, std::move(attributes), copies_.by_gpu(config));
    }

  private:
    const EGLDisplay handle_;
    GpuCopyChoice copies_;
};

}  // namespace

std::unique_ptr<VendorDisplay> open_surfaceless_display() {
    for (EGLDisplay handle : surfaceless_displays()) {
        if (!Display::find(handle)) return std::make_unique<SurfacelessDisplay>(handle);
    }
    return nullptr;
}

}  // namespace vdmabuf::egl
