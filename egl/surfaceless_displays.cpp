// SPDX-License-Identifier: MIT
#include "egl/surfaceless_displays.hpp"

#include <algorithm>
#include <array>
#include <cstring>

#include "egl/gbm_library.hpp"
#include "egl/real_vendor.hpp"
#include "runtime/common/drm_format.hpp"
#include "runtime/common/log.hpp"

namespace vdmabuf::egl {
namespace {

struct Device {
    EGLDeviceEXT handle = EGL_NO_DEVICE_EXT;
    bool all_draw = true;  // no other one is known not to
};

// A device that makes no buffers by its render node is none that draws: Mesa has only its software
// driver for vgem and the like, which crashes on such a node when it draws.
bool draws(EGLDeviceEXT device) {
    const auto ask = real().function<PFNEGLQUERYDEVICESTRINGEXTPROC>("eglQueryDeviceStringEXT");
    const char* node = ask ? ask(device, EGL_DRM_RENDER_NODE_FILE_EXT) : nullptr;
    const Gbm* gbm = node ? Gbm::get() : nullptr;
    const auto opened = gbm ? GbmDevice::open(*gbm, node) : nullptr;
    if (!opened) return true;
    constexpr std::uint32_t kSide = 64;  // pixels
    gbm_bo* bo =
        gbm->bo_create(opened->get(), kSide, kSide, fourcc_of("XR24"), GBM_BO_USE_RENDERING);
    if (!bo) {
        LOG_INFO("EGL: %s does not draw", node);
        return false;
    }
    gbm->bo_destroy(bo);
    return true;
}

// The best device that the vendor names: Mesa's surfaceless display takes it too. Mesa names its
// software device first.
Device best_device() {
    const auto query = real().function<PFNEGLQUERYDEVICESEXTPROC>("eglQueryDevicesEXT");
    const auto ask = real().function<PFNEGLQUERYDEVICESTRINGEXTPROC>("eglQueryDeviceStringEXT");
    std::array<EGLDeviceEXT, 16> devices{};
    EGLint count = 0;
    if (!query || !query(static_cast<EGLint>(devices.size()), devices.data(), &count)) return {};
    Device software;
    for (EGLint i = 0; i < std::clamp(count, 0, static_cast<EGLint>(devices.size())); ++i) {
        const char* extensions = ask ? ask(devices[i], EGL_EXTENSIONS) : nullptr;
        if (!extensions || std::strstr(extensions, "EGL_MESA_device_software")) {
            software.handle = devices[i];
        } else if (draws(devices[i])) {
            return {devices[i], software.all_draw};
        } else {
            software.all_draw = false;
        }
    }
    return software;
}

}  // namespace

std::vector<EGLDisplay> surfaceless_displays() {
    // Mesa tells displays apart by their attributes, of which no list and an empty one are two.
    // Apps ask for those without a list, and find other things in ours: the surfaceless one comes
    // last, the device's not at all, which libglvnd would refuse to an app that asks the vendor for
    // it.
    const Device best = best_device();
    void* const device = best.handle;
    const EGLAttrib none[] = {EGL_NONE};
    const EGLAttrib of_device[] = {EGL_DEVICE_EXT, reinterpret_cast<EGLAttrib>(device), EGL_NONE};
    const struct {
        EGLenum platform;
        void* native;
        const EGLAttrib* attributes;
        bool needs_device;
        bool may_be_any;  // of the devices: one that does not draw is not to be chosen
    } ways[] = {
        {EGL_PLATFORM_SURFACELESS_MESA, EGL_DEFAULT_DISPLAY, none, false, true},
        {EGL_PLATFORM_SURFACELESS_MESA, EGL_DEFAULT_DISPLAY, of_device, true, false},
        {EGL_PLATFORM_DEVICE_EXT, device, none, true, false},
        {EGL_PLATFORM_SURFACELESS_MESA, EGL_DEFAULT_DISPLAY, nullptr, false, true},
    };
    std::vector<EGLDisplay> found;
    for (const auto& way : ways) {
        if (way.needs_device && !device) continue;
        if (way.may_be_any && device && !best.all_draw) continue;
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
