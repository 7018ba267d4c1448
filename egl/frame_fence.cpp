// SPDX-License-Identifier: MIT
#include "egl/frame_fence.hpp"

#include <cstring>

#include "egl/real_vendor.hpp"
#include "egl/strategy.hpp"
#include "runtime/common/sync_file.hpp"

namespace vdmabuf::egl {
namespace {

struct Functions {
    PFNEGLCREATESYNCKHRPROC create = real().function<PFNEGLCREATESYNCKHRPROC>("eglCreateSyncKHR");
    PFNEGLDESTROYSYNCKHRPROC destroy =
        real().function<PFNEGLDESTROYSYNCKHRPROC>("eglDestroySyncKHR");
    PFNEGLDUPNATIVEFENCEFDANDROIDPROC duplicate =
        real().function<PFNEGLDUPNATIVEFENCEFDANDROIDPROC>("eglDupNativeFenceFDANDROID");
    void (*flush)() = real().function<void (*)()>("glFlush");
    void (*finish)() = real().function<void (*)()>("glFinish");
    bool complete() const { return create && destroy && duplicate && flush; }
};

UniqueFd native_fence(EGLDisplay display, const Functions& functions) noexcept {
    const char* extensions = real().QueryString(display, EGL_EXTENSIONS);
    if (!extensions || !std::strstr(extensions, "EGL_ANDROID_native_fence_sync")) return {};
    EGLSyncKHR sync = functions.create(display, EGL_SYNC_NATIVE_FENCE_ANDROID, nullptr);
    if (sync == EGL_NO_SYNC_KHR) return {};
    functions.flush();  // the descriptor exists from then on
    UniqueFd fd(functions.duplicate(display, sync));
    (void)functions.destroy(display, sync);
    return fd;
}

}  // namespace

UniqueFd frame_fence(EGLDisplay display, int dmabuf) noexcept {
    static const Functions functions;
    if (functions.complete()) {
        if (UniqueFd fd = native_fence(display, functions)) return fd;
    }
    if (dmabuf >= 0 && !drawn_by_cpu()) {
        try {
            if (auto fence = implicit_fence(dmabuf)) return *std::move(fence);
        } catch (...) {  // no memory for an error's text
        }
    }
    if (functions.finish) functions.finish();
    return {};
}

}  // namespace vdmabuf::egl
