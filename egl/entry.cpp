// SPDX-License-Identifier: MIT
// What libglvnd finds (libeglabi.h): everything is the real vendor's, but the functions in
// overrides.cpp and the choice of displays.
#include <cstdint>

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

EGLBoolean start(std::uint32_t version, const __EGLapiExports* exports, __EGLvendorInfo* vendor,
                 __EGLapiImports* imports) {
    if (EGL_VENDOR_ABI_GET_MAJOR_VERSION(version) != EGL_VENDOR_ABI_MAJOR_VERSION) return EGL_FALSE;
    if (!enabled() || !load_real_vendor(version, exports, vendor)) return EGL_FALSE;
    *imports = real().imports;
    imports->getProcAddress = get_proc_address;
    imports->getPlatformDisplay = get_platform_display;
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
