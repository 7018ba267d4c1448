// SPDX-License-Identifier: MIT
// What libglvnd finds (libeglabi.h): everything is the real vendor's, but the functions in
// overrides.cpp and the choice of displays.
#include <cstdint>

#include "egl/dispatch.hpp"
#include "egl/display.hpp"
#include "egl/enabled.hpp"
#include "egl/errors.hpp"
#include "egl/overrides.hpp"
#include "egl/real_vendor.hpp"

namespace vdmabuf::egl {
namespace {

void* get_proc_address(const char* name) {
    if (void* ours = find_override(name)) return ours;
    return real().imports.getProcAddress(name);
}

// libglvnd adds these to what apps are told before they have a display, and no others.
const char* get_vendor_string(int name) {
    const auto theirs = real().imports.getVendorString;
    const char* const known = theirs ? theirs(name) : nullptr;
    if (name != __EGL_VENDOR_STRING_PLATFORM_EXTENSIONS) return known;
    return guarded([&] { return platform_extensions(known); });
}

EGLBoolean start(std::uint32_t version, const __EGLapiExports* exports, __EGLvendorInfo* vendor,
                 __EGLapiImports* imports) {
    if (EGL_VENDOR_ABI_GET_MAJOR_VERSION(version) != EGL_VENDOR_ABI_MAJOR_VERSION) return EGL_FALSE;
    if (!enabled() || !load_real_vendor(version, exports, vendor)) return EGL_FALSE;
    *imports = real().imports;
    imports->getProcAddress = get_proc_address;
    imports->getPlatformDisplay = get_platform_display;
    imports->getVendorString = get_vendor_string;
    imports->getDispatchAddress = get_dispatch_address;
    imports->setDispatchIndex = set_dispatch_index;
    return EGL_TRUE;
}

}  // namespace
}  // namespace vdmabuf::egl

extern "C" __attribute__((visibility("default"))) EGLBoolean __egl_Main(
    uint32_t version, const __EGLapiExports* exports, __EGLvendorInfo* vendor,
    __EGLapiImports* imports) {
    try {
        return vdmabuf::egl::start(version, exports, vendor, imports);
    } catch (...) {
        return EGL_FALSE;
    }
}
