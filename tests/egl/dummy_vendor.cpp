// SPDX-License-Identifier: MIT
#include "tests/egl/dummy_vendor.hpp"

#include <EGL/eglext.h>
#include <glvnd/libeglabi.h>

#include <cstdlib>
#include <cstring>
#include <map>
#include <set>
#include <string>

namespace {

std::map<std::string, int> g_calls;
std::map<std::string, EGLint> g_failing;
std::set<EGLSurface> g_surfaces;
EGLSurface g_last_surface = EGL_NO_SURFACE;
EGLint g_error = EGL_SUCCESS;
char g_display;
char g_config;
char g_context;
std::uintptr_t g_next_surface = 0x1000;

bool lacks(const std::string& what) {
    const char* list = std::getenv(vdmabuf::test::kDummyLacks);
    return list && (" " + std::string(list) + " ").find(" " + what + " ") != std::string::npos;
}

// Whether the call goes well.
bool enter(const char* function) {
    ++g_calls[function];
    const auto failing = g_failing.find(function);
    if (failing == g_failing.end()) return true;
    g_error = failing->second;
    return false;
}

EGLBoolean known(const char* function, EGLSurface surface) {
    g_last_surface = surface;
    if (!enter(function)) return EGL_FALSE;
    if (g_surfaces.contains(surface)) return EGL_TRUE;
    g_error = EGL_BAD_SURFACE;
    return EGL_FALSE;
}

EGLBoolean Initialize(EGLDisplay, EGLint* major, EGLint* minor) {
    if (!enter("eglInitialize")) return EGL_FALSE;
    if (major) *major = 1;
    if (minor) *minor = 5;
    return EGL_TRUE;
}
EGLBoolean Terminate(EGLDisplay) {
    return enter("eglTerminate");
}
const char* QueryString(EGLDisplay, EGLint name) {
    if (!enter("eglQueryString")) return nullptr;
    if (name == EGL_EXTENSIONS) {
        return "EGL_EXT_gl_colorspace_scrgb EGL_DUMMY_extension EGL_EXT_gl_colorspace_bt2020_pq "
               "EGL_KHR_gl_colorspace EGL_EXT_surface_SMPTE2086_metadata";
    }
    return name == EGL_CLIENT_APIS ? "OpenGL_ES" : "1.5 dummy";
}
EGLint GetError() {
    const EGLint error = g_error;
    g_error = EGL_SUCCESS;
    return error;
}
EGLBoolean GetConfigs(EGLDisplay, EGLConfig* configs, EGLint size, EGLint* count) {
    if (!enter("eglGetConfigs")) return EGL_FALSE;
    if (configs && size > 0) configs[0] = &g_config;
    *count = 1;
    return EGL_TRUE;
}
EGLBoolean ChooseConfig(EGLDisplay, const EGLint*, EGLConfig* configs, EGLint size, EGLint* count) {
    if (!enter("eglChooseConfig")) return EGL_FALSE;
    if (configs && size > 0) configs[0] = &g_config;
    *count = 1;
    return EGL_TRUE;
}
EGLBoolean GetConfigAttrib(EGLDisplay, EGLConfig config, EGLint attribute, EGLint* value) {
    if (!enter("eglGetConfigAttrib")) return EGL_FALSE;
    if (config != &g_config) {
        g_error = EGL_BAD_CONFIG;
        return EGL_FALSE;
    }
    switch (attribute) {
        case EGL_SURFACE_TYPE:
            *value = EGL_PBUFFER_BIT;
            break;
        case EGL_RED_SIZE:
            *value = 8;
            break;
        default:
            *value = 0;
    }
    return EGL_TRUE;
}
EGLSurface make(const char* function) {
    if (!enter(function)) return EGL_NO_SURFACE;
    const auto surface = reinterpret_cast<EGLSurface>(g_next_surface += 16);
    g_surfaces.insert(surface);
    return surface;
}
EGLSurface CreatePbufferSurface(EGLDisplay, EGLConfig, const EGLint*) {
    return make("eglCreatePbufferSurface");
}
EGLSurface CreateWindowSurface(EGLDisplay, EGLConfig, EGLNativeWindowType, const EGLint*) {
    return make("eglCreateWindowSurface");
}
EGLSurface CreatePixmapSurface(EGLDisplay, EGLConfig, EGLNativePixmapType, const EGLint*) {
    return make("eglCreatePixmapSurface");
}
EGLSurface CreatePbufferFromClientBuffer(EGLDisplay, EGLenum, EGLClientBuffer, EGLConfig,
                                         const EGLint*) {
    return make("eglCreatePbufferFromClientBuffer");
}
EGLBoolean DestroySurface(EGLDisplay, EGLSurface surface) {
    const EGLBoolean answer = known("eglDestroySurface", surface);
    g_surfaces.erase(surface);
    return answer;
}
EGLBoolean QuerySurface(EGLDisplay, EGLSurface surface, EGLint, EGLint* value) {
    if (!known("eglQuerySurface", surface)) return EGL_FALSE;
    *value = 7;
    return EGL_TRUE;
}
EGLBoolean SurfaceAttrib(EGLDisplay, EGLSurface surface, EGLint, EGLint) {
    return known("eglSurfaceAttrib", surface);
}
EGLBoolean BindTexImage(EGLDisplay, EGLSurface surface, EGLint) {
    return known("eglBindTexImage", surface);
}
EGLBoolean ReleaseTexImage(EGLDisplay, EGLSurface surface, EGLint) {
    return known("eglReleaseTexImage", surface);
}
EGLBoolean CopyBuffers(EGLDisplay, EGLSurface surface, EGLNativePixmapType) {
    return known("eglCopyBuffers", surface);
}
EGLBoolean SwapBuffers(EGLDisplay, EGLSurface surface) {
    return known("eglSwapBuffers", surface);
}
EGLBoolean PresentationTime(EGLDisplay, EGLSurface surface, EGLnsecsANDROID) {
    return known("eglPresentationTimeANDROID", surface);
}
EGLBoolean SwapInterval(EGLDisplay, EGLint) {
    return enter("eglSwapInterval");
}
EGLContext CreateContext(EGLDisplay, EGLConfig, EGLContext, const EGLint*) {
    return enter("eglCreateContext") ? &g_context : EGL_NO_CONTEXT;
}
EGLBoolean DestroyContext(EGLDisplay, EGLContext) {
    return enter("eglDestroyContext");
}
EGLBoolean QueryContext(EGLDisplay, EGLContext, EGLint, EGLint*) {
    return enter("eglQueryContext");
}
EGLBoolean MakeCurrent(EGLDisplay, EGLSurface draw, EGLSurface, EGLContext) {
    if (draw == EGL_NO_SURFACE) return enter("eglMakeCurrent");
    return known("eglMakeCurrent", draw);
}
EGLBoolean WaitClient() {
    return enter("eglWaitClient");
}
EGLBoolean WaitGL() {
    return enter("eglWaitGL");
}
EGLBoolean WaitNative(EGLint) {
    return enter("eglWaitNative");
}
EGLBoolean ReleaseThread() {
    return enter("eglReleaseThread");
}
EGLBoolean BindAPI(EGLenum) {
    return EGL_TRUE;
}

struct Entry {
    const char* name;
    void* function;
};
#define X(name) \
    { "egl" #name, reinterpret_cast<void*>(name) }
const Entry kFunctions[] = {
    X(Initialize),
    X(Terminate),
    X(QueryString),
    X(GetError),
    X(GetConfigs),
    X(ChooseConfig),
    X(GetConfigAttrib),
    X(CreatePbufferSurface),
    X(CreateWindowSurface),
    X(CreatePixmapSurface),
    X(CreatePbufferFromClientBuffer),
    X(DestroySurface),
    X(QuerySurface),
    X(SurfaceAttrib),
    X(BindTexImage),
    X(ReleaseTexImage),
    X(CopyBuffers),
    X(SwapBuffers),
    X(SwapInterval),
    X(CreateContext),
    X(DestroyContext),
    X(QueryContext),
    X(MakeCurrent),
    X(WaitClient),
    X(WaitGL),
    X(WaitNative),
    X(ReleaseThread),
    X(BindAPI),
    {"eglPresentationTimeANDROID", reinterpret_cast<void*>(PresentationTime)},
};
#undef X

void* get_proc_address(const char* name) {
    if (lacks(name)) return nullptr;
    for (const Entry& entry : kFunctions) {
        if (std::strcmp(entry.name, name) == 0) return entry.function;
    }
    return nullptr;
}

EGLDisplay get_platform_display(EGLenum platform, void*, const EGLAttrib*) {
    ++g_calls["display " + std::to_string(platform)];
    if (platform == EGL_PLATFORM_SURFACELESS_MESA && lacks("EGL_MESA_platform_surfaceless")) {
        return EGL_NO_DISPLAY;
    }
    return &g_display;
}

EGLBoolean supports(EGLenum) {
    return EGL_TRUE;
}
void* no_dispatch(const char*) {
    return nullptr;
}

}  // namespace

extern "C" __attribute__((visibility("default")))
const vdmabuf::test::DummyControl dummy_control = {
    [](const char* function) { return g_calls[function]; },
    [](const char* function, EGLint error) {
        g_failing.erase(function);
        if (error != EGL_SUCCESS) g_failing[function] = error;
    },
    [] { return static_cast<int>(g_surfaces.size()); },
    [] { return g_last_surface; },
};

extern "C" __attribute__((visibility("default"))) EGLBoolean __egl_Main(uint32_t,
                                                                        const __EGLapiExports*,
                                                                        __EGLvendorInfo*,
                                                                        __EGLapiImports* imports) {
    if (lacks("main")) return EGL_FALSE;
    imports->getPlatformDisplay = get_platform_display;
    imports->getSupportsAPI = supports;
    imports->getProcAddress = get_proc_address;
    imports->getDispatchAddress = no_dispatch;
    imports->setDispatchIndex = [](const char*, int) {};
    return EGL_TRUE;
}
