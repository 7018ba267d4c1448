// SPDX-License-Identifier: MIT
#include "egl/surfaceless_displays.hpp"

#include <algorithm>
#include <array>
#include <cstring>

#include "egl/real_vendor.hpp"

namespace vdmabuf::egl {
namespace {

// The best device that the vendor names: Mesa's surfaceless display takes it too. Mesa names its
// software device first.
void* best_device() {
    const auto query = real().function<PFNEGLQUERYDEVICESEXTPROC>("eglQueryDevicesEXT");
    const auto ask = real().function<PFNEGLQUERYDEVICESTRINGEXTPROC>("eglQueryDeviceStringEXT");
    std::array<EGLDeviceEXT, 16> devices{};
    EGLint count = 0;
    if (!query || !query(static_cast<EGLint>(devices.size()), devices.data(), &count)) {
        return nullptr;
    }
    const auto end = devices.begin() + std::clamp(count, 0, static_cast<EGLint>(devices.size()));
    const auto gpu = std::find_if(devices.begin(), end, [&](EGLDeviceEXT device) {
        const char* extensions = ask ? ask(device, EGL_EXTENSIONS) : nullptr;
        return extensions && !std::strstr(extensions, "EGL_MESA_device_software");
    });
    return gpu != end ? *gpu : devices[0];
}

}  // namespace

std::vector<EGLDisplay> surfaceless_displays() {
    // Mesa tells displays apart by their attributes, of which no list and an empty one are two.
    // Apps ask for those without a list, and find other things in ours: the surfaceless one comes
    // last, the device's not at all, which libglvnd would refuse to an app that asks the vendor for
    // it.
    void* const device = best_device();
    const EGLAttrib none[] = {EGL_NONE};
    const EGLAttrib of_device[] = {EGL_DEVICE_EXT, reinterpret_cast<EGLAttrib>(device), EGL_NONE};
    const struct {
        EGLenum platform;
        void* native;
        const EGLAttrib* attributes;
        bool needs_device;
    } ways[] = {
        {EGL_PLATFORM_SURFACELESS_MESA, EGL_DEFAULT_DISPLAY, none, false},
        {EGL_PLATFORM_SURFACELESS_MESA, EGL_DEFAULT_DISPLAY, of_device, true},
        {EGL_PLATFORM_DEVICE_EXT, device, none, true},
        {EGL_PLATFORM_SURFACELESS_MESA, EGL_DEFAULT_DISPLAY, nullptr, false},
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
