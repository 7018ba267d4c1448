// SPDX-License-Identifier: MIT
#include "egl/extension_entry.hpp"

#include <cstring>

#include "egl/current.hpp"
#include "egl/display.hpp"
#include "egl/errors.hpp"
#include "egl/real_vendor.hpp"
#include "egl/surface.hpp"
#include "egl/surface_entry.hpp"
#include "egl/swap.hpp"
#include "egl/window_request.hpp"
#include "runtime/common/sync_file.hpp"
#include "runtime/common/unique_fd.hpp"

namespace vdmabuf::egl {
namespace {

// A window of the app that another thread may be destroying; null, with the error told, when it is
// none.
std::shared_ptr<WindowSurface> window_of(EGLDisplay handle, EGLSurface surface) {
    Display* display = Display::find(handle);
    if (!display) {
        (void)fail(EGL_BAD_DISPLAY);
        return nullptr;
    }
    if (!real().QueryString(handle, EGL_VERSION)) {
        fail_as_real();  // not initialised
        return nullptr;
    }
    auto found = display->get(static_cast<const WindowSurface*>(surface));
    if (!found) (void)fail(EGL_BAD_SURFACE);
    return found;
}

// libglvnd gives these functions to apps as they are; its own come here prepared.
template <typename Call>
EGLBoolean entered(Call&& call) noexcept {
    real().exports->threadInit();
    return guarded(call);
}

}  // namespace

EGLBoolean window_title(EGLDisplay handle, EGLSurface surface, const char* title) noexcept {
    return entered([&]() -> EGLBoolean {
        const auto window = window_of(handle, surface);
        if (!window) return EGL_FALSE;
        if (!title) return fail(EGL_BAD_PARAMETER);
        window->set_title(title);
        return succeed();
    });
}

EGLBoolean resize_window(EGLDisplay handle, EGLSurface surface, EGLint width,
                         EGLint height) noexcept {
    return entered([&]() -> EGLBoolean {
        const auto window = window_of(handle, surface);
        if (!window) return EGL_FALSE;
        if (!is_size(width, height)) return fail(EGL_BAD_PARAMETER);
        const window::Extent extent{static_cast<std::uint32_t>(width),
                                    static_cast<std::uint32_t>(height)};
        return window->set_extent(extent) ? succeed() : fail(EGL_BAD_MATCH);
    });
}

EGLBoolean next_host_event(EGLDisplay handle, EGLSurface surface, EGLTimeKHR timeout,
                           EGLHostEventVDMABUF* event) noexcept {
    return entered([&]() -> EGLBoolean {
        const auto window = window_of(handle, surface);
        if (!window) return EGL_FALSE;
        if (!event) return fail(EGL_BAD_PARAMETER);
        return window->host().next(timeout, *event) ? succeed() : fail(EGL_BAD_SURFACE);
    });
}

EGLBoolean swap_buffers_with_fence(EGLDisplay handle, EGLSurface surface, EGLint fence,
                                   const EGLint* rects, EGLint count,
                                   EGLuint64KHR* serial) noexcept {
    return entered([&]() -> EGLBoolean {
        const auto window = window_of(handle, surface);
        if (!window) return EGL_FALSE;
        if (fence != EGL_NO_NATIVE_FENCE_FD_ANDROID && !is_sync_file(fence)) {
            return fail(EGL_BAD_PARAMETER);
        }
        std::uint64_t shown = 0;
        if (!show_damaged(*window, rects, count, fence, shown)) return EGL_FALSE;
        const UniqueFd ours(fence);
        if (serial) *serial = shown;
        return EGL_TRUE;
    });
}

EGLBoolean export_frame(EGLDisplay handle, EGLSurface surface,
                        EGLHostFrameVDMABUF* frame) noexcept {
    return entered([&]() -> EGLBoolean {
        const auto window = window_of(handle, surface);
        if (!window) return EGL_FALSE;
        if (!frame) return fail(EGL_BAD_PARAMETER);
        if (current_draw() != window.get()) return fail(EGL_BAD_SURFACE);
        const EGLint error = window->last_frame(*frame);
        return error == EGL_SUCCESS ? succeed() : fail(error);
    });
}

void* find_extension_function(const char* name) noexcept {
    static const struct {
        const char* name;
        void* function;
    } functions[] = {
        {"eglWindowTitleVDMABUF", reinterpret_cast<void*>(window_title)},
        {"eglResizeWindowVDMABUF", reinterpret_cast<void*>(resize_window)},
        {"eglNextHostEventVDMABUF", reinterpret_cast<void*>(next_host_event)},
        {"eglSwapBuffersWithFenceVDMABUF", reinterpret_cast<void*>(swap_buffers_with_fence)},
        {"eglExportFrameVDMABUF", reinterpret_cast<void*>(export_frame)},
    };
    for (const auto& entry : functions) {
        if (std::strcmp(entry.name, name) == 0) return entry.function;
    }
    return nullptr;
}

}  // namespace vdmabuf::egl
