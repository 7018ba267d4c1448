// SPDX-License-Identifier: MIT
#include "egl/real_vendor.hpp"

#include <dlfcn.h>

#include <algorithm>

#include "egl/vendor_search.hpp"
#include "runtime/common/log.hpp"

namespace vdmabuf::egl {
namespace {

constinit RealVendor g_real;

// True for a function of this library: our own JSON lies among the others.
bool is_ours(void* function) {
    static const char kHere = 0;
    Dl_info of_function{};
    Dl_info of_here{};
    return ::dladdr(function, &of_function) != 0 && ::dladdr(&kHere, &of_here) != 0 &&
           of_function.dli_fbase == of_here.dli_fbase;
}

bool try_library(const char* path, std::uint32_t version, const __EGLapiExports* exports,
                 __EGLvendorInfo* vendor) {
    // Stays open: libglvnd has it open as well, and threads of a driver do not end with EGL.
    void* library = ::dlopen(path, RTLD_NOW | RTLD_LOCAL);
    if (!library) {
        LOG_INFO("EGL: vendor %s cannot be loaded: %s", path, ::dlerror());
        return false;
    }
    void* symbol = ::dlsym(library, __EGL_MAIN_PROTO_NAME);
    if (!symbol || is_ours(symbol)) return false;
    RealVendor found;
    found.exports = exports;
    found.vendor = vendor;
    if (!reinterpret_cast<__PFNEGLMAINPROC>(symbol)(version, exports, vendor, &found.imports) ||
        !found.imports.getPlatformDisplay || !found.imports.getProcAddress) {
        LOG_INFO("EGL: vendor %s refuses to serve", path);
        return false;
    }
#define X(name, NAME)                                               \
    found.name = found.function<decltype(found.name)>("egl" #name); \
    if (!found.name) {                                              \
        LOG_INFO("EGL: vendor %s has no egl%s", path, #name);       \
        return false;                                               \
    }
    VDMABUF_EGL_FUNCTIONS(X)
#undef X
    g_real = found;
    LOG_INFO("EGL: drawn by %s", path);
    return true;
}

}  // namespace

const RealVendor& real() noexcept {
    return g_real;
}

bool load_real_vendor(std::uint32_t version, const __EGLapiExports* exports,
                      __EGLvendorInfo* vendor) {
    const std::vector<std::string> listed = listed_libraries();
    for (const std::string& path : vendor_libraries()) {
        if (!try_library(path.c_str(), version, exports, vendor)) continue;
        g_real.listed = std::find(listed.begin(), listed.end(), path) != listed.end();
        return true;
    }
    // This library alone.
    if (listed.size() <= 1) {
        for (const std::string& path : usual_libraries()) {
            if (try_library(path.c_str(), version, exports, vendor)) return true;
        }
    }
    LOG_WARNING("EGL: stepping aside, no other vendor's library was found");
    return false;
}

}  // namespace vdmabuf::egl
