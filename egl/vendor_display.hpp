// SPDX-License-Identifier: MIT
// The real vendor's display behind one of the app's, without a window system, and what stands
// behind windows on it. Which kind serves is decided for each display.
#pragma once

#include <memory>
#include <vector>

#include "egl/backing.hpp"

namespace vdmabuf::egl {

class VendorDisplay {
  public:
    virtual ~VendorDisplay() = default;
    virtual EGLDisplay handle() const noexcept = 0;
    // Whether a configuration can stand behind windows, its EGL_SURFACE_TYPE being `types`.
    virtual bool can_back(EGLConfig config, EGLint types) const noexcept = 0;
    // EGL_SURFACE_TYPE as the app is told it; `window`: of a configuration for windows.
    virtual EGLint told_types(EGLint types, bool window) const noexcept = 0;
    // EGL_SURFACE_TYPE to choose by, for what the app wants.
    virtual EGLint types_for(EGLint wanted) const noexcept = 0;
    // What is drawn into stays as it is when it is shown.
    virtual bool keeps_contents() const noexcept = 0;
    // Pbuffers are backings too: the vendor has none.
    virtual bool lacks_pbuffers() const noexcept = 0;

    // `attributes`: of the surface, without an end.
    virtual std::unique_ptr<Backing> backing(EGLConfig config, std::vector<EGLint> attributes) = 0;
};

// The best one that there is; null, with the reason in the log, when there is none.
std::unique_ptr<VendorDisplay> open_vendor_display(producer::Connection& connection);

// Null when they cannot serve.
std::unique_ptr<VendorDisplay> open_surfaceless_display();
std::unique_ptr<VendorDisplay> open_gbm_display(producer::Connection& connection);

}  // namespace vdmabuf::egl
