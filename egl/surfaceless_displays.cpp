// SPDX-License-Identifier: MIT
#include "egl/surfaceless_displays.hpp"

#include <algorithm>

#include "egl/real_vendor.hpp"

namespace vdmabuf::egl {
namespace {

// The device that the vendor names first: Mesa's surfaceless display takes it too.
void* first_device() {
    const auto query = real().function<PFNEGLQUERYDEVICESEXTPROC>("eglQueryDevicesEXT");
    EGLDeviceEXT device = nullptr;
    EGLint count = 0;
    return query && query(1, &device, &count) && count > 0 ? device : nullptr;
}

}  // namespace

std::vector<EGLDisplay> surfaceless_displays() {
    // Mesa tells displays apart by their attributes, of which no list and an empty one are two. Not
    // the device's without a list: libglvnd would refuse it to an app that asks the vendor for it.
    void* const device = first_device();
    const EGLAttrib none[] = {EGL_NONE};
    const EGLAttrib of_device[] = {EGL_DEVICE_EXT, reinterpret_cast<EGLAttrib>(device), EGL_NONE};
    const struct {
        EGLenum platform;
        void* native;
        const EGLAttrib* attributes;
        bool needs_device;
    } ways[] = {
        {EGL_PLATFORM_SURFACELESS_MESA, EGL_DEFAULT_DISPLAY, nullptr, false},
        {EGL_PLATFORM_SURFACELESS_MESA, EGL_DEFAULT_DISPLAY, none, false},
        {EGL_PLATFORM_SURFACELESS_MESA, EGL_DEFAULT_DISPLAY, of_device, true},
        {EGL_PLATFORM_DEVICE_EXT, device, none, true},
    };
    std::vector<EGLDisplay> found;
    for (const auto& way : ways) {
        if (way.needs_device && !device) continue;
        EGLDisplay display =
            real().imports.getPlatformDisplay(way.platform, way.native, way.attributes);
        if (display == EGL_NO_DISPLAY) continue;
        // An app may have it from the vendor.
        const __EGLvendorInfo* const owner = real().exports->getVendorFromDisplay(display);
        if (owner && owner != real().vendor) continue;
        if (std::find(found.begin(), found.end(), display) == found.end()) found.push_back(display);
    }
    (void)real().GetError();  // what one lacks is no error of the app's
    return found;
}

}  // namespace vdmabuf::egl
