// SPDX-License-Identifier: MIT
// The vendor that really draws, loaded inside of ours: Mesa, NVIDIA, or another.
#pragma once

#include <cstdint>

#include "egl/egl.hpp"

namespace vdmabuf::egl {

#define VDMABUF_EGL_FUNCTIONS(X)                  \
    X(BindTexImage, BINDTEXIMAGE)                 \
    X(ChooseConfig, CHOOSECONFIG)                 \
    X(CopyBuffers, COPYBUFFERS)                   \
    X(CreatePbufferSurface, CREATEPBUFFERSURFACE) \
    X(CreatePixmapSurface, CREATEPIXMAPSURFACE)   \
    X(CreateWindowSurface, CREATEWINDOWSURFACE)   \
    X(DestroySurface, DESTROYSURFACE)             \
    X(GetConfigAttrib, GETCONFIGATTRIB)           \
    X(GetConfigs, GETCONFIGS)                     \
    X(GetError, GETERROR)                         \
    X(Initialize, INITIALIZE)                     \
    X(MakeCurrent, MAKECURRENT)                   \
    X(QueryContext, QUERYCONTEXT)                 \
    X(QueryString, QUERYSTRING)                   \
    X(QuerySurface, QUERYSURFACE)                 \
    X(ReleaseTexImage, RELEASETEXIMAGE)           \
    X(ReleaseThread, RELEASETHREAD)               \
    X(SurfaceAttrib, SURFACEATTRIB)               \
    X(SwapBuffers, SWAPBUFFERS)                   \
    X(SwapInterval, SWAPINTERVAL)                 \
    X(Terminate, TERMINATE)                       \
    X(WaitClient, WAITCLIENT)                     \
    X(WaitGL, WAITGL)

struct RealVendor {
#define X(name, NAME) PFNEGL##NAME##PROC name = nullptr;
    VDMABUF_EGL_FUNCTIONS(X)
#undef X
    const __EGLapiExports* exports = nullptr;
    const __EGLvendorInfo* vendor = nullptr;  // what libglvnd calls this library
    __EGLapiImports imports{};
    bool listed = false;  // libglvnd has loaded it as well

    template <typename Type>
    Type function(const char* name) const noexcept {
        return reinterpret_cast<Type>(imports.getProcAddress(name));
    }
};

// As loaded by load_real_vendor(); never changes afterwards.
const RealVendor& real() noexcept;

// Loads the next vendor. False, with the reason in the log, when there is none.
bool load_real_vendor(std::uint32_t version, const __EGLapiExports* exports,
                      __EGLvendorInfo* vendor);

}  // namespace vdmabuf::egl
