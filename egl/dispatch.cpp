// SPDX-License-Identifier: MIT
#include "egl/dispatch.hpp"

#include <atomic>
#include <cstring>

#include "egl/errors.hpp"
#include "egl/extension_entry.hpp"
#include "egl/real_vendor.hpp"

namespace vdmabuf::egl {
namespace {

// A function eglNAME(display, ...) of Khronos that displays of ours have whether or not the real
// vendor knows it. Calls go to the display's vendor.
template <typename Type, typename Tag>
struct Stub;
template <typename... Rest, typename Tag>
struct Stub<EGLBoolean (*)(EGLDisplay, Rest...), Tag> {
    static inline std::atomic<int> index{-1};
    static EGLBoolean call(EGLDisplay display, Rest... rest) noexcept {
        using Type = EGLBoolean (*)(EGLDisplay, Rest...);
        const __EGLapiExports& glvnd = *real().exports;
        glvnd.threadInit();
        __EGLvendorInfo* const vendor = glvnd.getVendorFromDisplay(display);
        if (!vendor) return fail(EGL_BAD_DISPLAY);
        glvnd.setLastVendor(vendor);
        const auto down = reinterpret_cast<Type>(glvnd.fetchDispatchEntry(vendor, index.load()));
        return down ? down(display, rest...) : fail(EGL_BAD_DISPLAY);
    }
};

#define VDMABUF_EGL_STUBS(X)                              \
    X(PostSubBufferNV, POSTSUBBUFFERNV)                   \
    X(SetDamageRegionKHR, SETDAMAGEREGIONKHR)             \
    X(SwapBuffersWithDamageEXT, SWAPBUFFERSWITHDAMAGEEXT) \
    X(SwapBuffersWithDamageKHR, SWAPBUFFERSWITHDAMAGEKHR)

#define X(name, NAME) struct Tag##name;
VDMABUF_EGL_STUBS(X)
#undef X

struct Entry {
    const char* name;
    void* function;
    std::atomic<int>* index;
};
const Entry kStubs[] = {
#define X(name, NAME)                                                                  \
    {"egl" #name, reinterpret_cast<void*>(&Stub<PFNEGL##NAME##PROC, Tag##name>::call), \
     &Stub<PFNEGL##NAME##PROC, Tag##name>::index},
    VDMABUF_EGL_STUBS(X)
#undef X
};

const Entry* find_stub(const char* name) noexcept {
    for (const Entry& entry : kStubs) {
        if (std::strcmp(entry.name, name) == 0) return &entry;
    }
    return nullptr;
}

}  // namespace

void* get_dispatch_address(const char* name) noexcept {
    // No other vendor has these, and no display of another one gets through: no index is needed.
    if (void* ours = find_extension_function(name)) return ours;
    const auto theirs = real().imports.getDispatchAddress;
    if (void* stub = theirs ? theirs(name) : nullptr) return stub;
    const Entry* stub = find_stub(name);
    return stub ? stub->function : nullptr;
}

void set_dispatch_index(const char* name, int index) noexcept {
    if (find_extension_function(name)) return;
    if (const Entry* stub = find_stub(name)) stub->index->store(index);
    if (const auto theirs = real().imports.setDispatchIndex) theirs(name, index);
}

}  // namespace vdmabuf::egl
