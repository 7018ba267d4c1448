// SPDX-License-Identifier: MIT
// The functions that are ours, and those of the vendor that take a surface, which must be given the
// surface that the vendor knows.
#include "egl/overrides.hpp"

#include <cstring>

#include "egl/configs.hpp"
#include "egl/current.hpp"
#include "egl/display.hpp"
#include "egl/errors.hpp"
#include "egl/extension_entry.hpp"
#include "egl/pixmap_entry.hpp"
#include "egl/real_vendor.hpp"
#include "egl/surface_entry.hpp"
#include "egl/swap.hpp"

namespace vdmabuf::egl {
namespace {

// A function eglNAME(display, surface, ...) of an extension, handed on.
template <typename Type, typename Tag>
struct Handed;
template <typename Result, typename Tag, typename... Rest>
struct Handed<Result (*)(EGLDisplay, EGLSurface, Rest...), Tag> {
    static Result call(EGLDisplay display, EGLSurface surface, Rest... rest) noexcept {
        using Type = Result (*)(EGLDisplay, EGLSurface, Rest...);
        // Asked for once: only who knows that the vendor has it gets here.
        static const Type down = real().function<Type>(Tag::kName);
        return down(display, below(display, surface), rest...);
    }
};

#define VDMABUF_EGL_HANDED_ON(X)                          \
    X(GetMscRateANGLE, GETMSCRATEANGLE)                   \
    X(LockSurfaceKHR, LOCKSURFACEKHR)                     \
    X(UnlockSurfaceKHR, UNLOCKSURFACEKHR)                 \
    X(QuerySurfacePointerANGLE, QUERYSURFACEPOINTERANGLE) \
    X(PresentationTimeANDROID, PRESENTATIONTIMEANDROID)   \
    X(SwapBuffersRegionNOK, SWAPBUFFERSREGIONNOK)

#define X(name, NAME)                                     \
    struct Name##name {                                   \
        static constexpr const char* kName = "egl" #name; \
    };
VDMABUF_EGL_HANDED_ON(X)
#undef X

struct Override {
    const char* name;
    void* function;
    bool handed_on;
};

template <typename Type>
Override ours(const char* name, Type function) {
    return {name, reinterpret_cast<void*>(function), false};
}

const Override kOverrides[] = {
    ours("eglBindTexImage", bind_tex_image),
    ours("eglChooseConfig", choose_config),
    ours("eglCopyBuffers", copy_buffers),
    ours("eglCreatePbufferSurface", create_pbuffer_surface),
    ours("eglCreatePixmapSurface", create_pixmap_surface),
    ours("eglCreatePlatformPixmapSurface", create_platform_pixmap_surface),
    ours("eglCreatePlatformPixmapSurfaceEXT", create_platform_pixmap_surface_ext),
    ours("eglCreatePlatformWindowSurface", create_platform_window_surface),
    ours("eglCreatePlatformWindowSurfaceEXT", create_platform_window_surface_ext),
    ours("eglCreateWindowSurface", create_window_surface),
    ours("eglDestroySurface", destroy_surface),
    ours("eglGetConfigAttrib", get_config_attrib),
    ours("eglGetConfigs", get_configs),
    ours("eglGetError", get_error),
    ours("eglInitialize", initialize),
    ours("eglMakeCurrent", make_current),
    ours("eglPostSubBufferNV", post_sub_buffer),
    ours("eglQueryContext", query_context),
    ours("eglQueryDevicesEXT", query_devices),
    ours("eglQueryString", query_string),
    ours("eglQuerySurface", query_surface),
    ours("eglReleaseTexImage", release_tex_image),
    ours("eglReleaseThread", release_thread),
    ours("eglSetDamageRegionKHR", set_damage_region),
    ours("eglSurfaceAttrib", surface_attrib),
    ours("eglSwapBuffers", swap_buffers),
    ours("eglSwapBuffersWithDamageEXT", swap_buffers_with_damage),
    ours("eglSwapBuffersWithDamageKHR", swap_buffers_with_damage),
    ours("eglSwapInterval", swap_interval),
    ours("eglTerminate", terminate),
    ours("eglWaitClient", wait_client),
    ours("eglWaitGL", wait_gl),
    {"glFinish", reinterpret_cast<void*>(gl_finish), true},
    {"glFlush", reinterpret_cast<void*>(gl_flush), true},
#define X(name, NAME)                                                                           \
    {Name##name::kName, reinterpret_cast<void*>(&Handed<PFNEGL##NAME##PROC, Name##name>::call), \
     true},
    VDMABUF_EGL_HANDED_ON(X)
#undef X
};

}  // namespace

void* find_override(const char* name) noexcept {
    for (const Override& entry : kOverrides) {
        if (std::strcmp(entry.name, name) != 0) continue;
        if (entry.handed_on && !real().imports.getProcAddress(name)) return nullptr;
        return entry.function;
    }
    return find_extension_function(name);
}

}  // namespace vdmabuf::egl
