// SPDX-License-Identifier: MIT
#include "egl/gbm_surface.hpp"

#include <utility>

#include "egl/real_vendor.hpp"

namespace vdmabuf::egl {
namespace {

gbm_surface* make(const GbmDevice& device, const GbmSurface::Wish& wish) {
    const Gbm& gbm = device.gbm();
    gbm_surface* made = nullptr;
    if (!wish.modifiers.empty() && gbm.surface_create_with_modifiers2) {
        made = gbm.surface_create_with_modifiers2(
            device.get(), wish.extent.width, wish.extent.height, wish.fourcc, wish.modifiers.data(),
            static_cast<unsigned>(wish.modifiers.size()), GBM_BO_USE_RENDERING);
    }
    if (made) return made;
    std::uint32_t use = GBM_BO_USE_RENDERING;
    if (wish.shown) use |= GBM_BO_USE_LINEAR;
    return gbm.surface_create(device.get(), wish.extent.width, wish.extent.height, wish.fourcc,
                              use);
}

}  // namespace

GbmSurface::GbmSurface(EGLDisplay display, EGLConfig config, const GbmDevice& device,
                       const Wish& wish)
    : display_(display), gbm_(&device.gbm()), surface_(make(device, wish)) {
    if (!surface_) return;
    std::vector<EGLint> list(wish.attributes.begin(), wish.attributes.end());
    list.push_back(EGL_NONE);
    egl_ = real().CreateWindowSurface(display, config,
                                      reinterpret_cast<EGLNativeWindowType>(surface_), list.data());
    if (egl_ == EGL_NO_SURFACE) reset();
}

GbmSurface& GbmSurface::operator=(GbmSurface&& other) noexcept {
    if (this == &other) return *this;
    reset();
    display_ = other.display_;
    gbm_ = other.gbm_;
    surface_ = std::exchange(other.surface_, nullptr);
    egl_ = std::exchange(other.egl_, EGL_NO_SURFACE);
    return *this;
}

void GbmSurface::reset() noexcept {
    if (egl_ != EGL_NO_SURFACE) (void)real().DestroySurface(display_, egl_);
    if (surface_) gbm_->surface_destroy(surface_);
    egl_ = EGL_NO_SURFACE;
    surface_ = nullptr;
}

}  // namespace vdmabuf::egl
