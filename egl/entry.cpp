// SPDX-License-Identifier: MIT
// What libglvnd finds (libeglabi.h): everything is the real vendor's, but the functions in
// overrides.cpp and the choice of displays.
#include <cstdint>

#include "egl/display.hpp"
#include "egl/enabled.hpp"
#include "egl/errors.hpp"
#include "egl/extension_entry.hpp"
#include "egl/overrides.hpp"
#include "egl/real_vendor.hpp"

namespace vdmabuf::egl {
namespace {

void* get_proc_address(const char* name) {
    if (void* ours = find_override(name)) return ours;
    return real().imports.getProcAddress(name);
}

// Functions that libglvnd does not know, to be called by apps: ours need no index of its table, as
// no other vendor has them.
void* get_dispatch_address(const char* name) {
    if (void* ours = find_extension_function(name)) return ours;
    const auto theirs = real().imports.getDispatchAddress;
    return theirs ? theirs(name) : nullptr;
}

void set_dispatch_index(const char* name, int index) {
    if (find_extension_function(name)) return;
    if (const auto theirs = real().imports.setDispatchIndex) theirs(name, index);
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
