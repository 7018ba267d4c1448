// SPDX-License-Identifier: MIT
#pragma once

#include <EGL/egl.h>
#include <EGL/eglext.h>

#include <string>

#include "runtime/common/result.hpp"

namespace vdmabuf::consumer::egl {

// EGL's entry points, found at run time.
struct Functions {
    PFNEGLGETPROCADDRESSPROC get_proc_address = nullptr;
    PFNEGLQUERYSTRINGPROC query_string = nullptr;
    PFNEGLGETERRORPROC get_error = nullptr;
    PFNEGLBINDAPIPROC bind_api = nullptr;
    PFNEGLQUERYAPIPROC query_api = nullptr;
    PFNEGLCREATECONTEXTPROC create_context = nullptr;
    PFNEGLDESTROYCONTEXTPROC destroy_context = nullptr;
    PFNEGLMAKECURRENTPROC make_current = nullptr;
    PFNEGLGETCURRENTCONTEXTPROC current_context = nullptr;
    PFNEGLGETCURRENTDISPLAYPROC current_display = nullptr;
    PFNEGLGETCURRENTSURFACEPROC current_surface = nullptr;
    PFNEGLCREATEIMAGEKHRPROC create_image = nullptr;          // EGL_KHR_image_base
    PFNEGLDESTROYIMAGEKHRPROC destroy_image = nullptr;        // likewise
    PFNEGLQUERYDMABUFFORMATSEXTPROC query_formats = nullptr;  // ..._import_modifiers
    PFNEGLQUERYDMABUFMODIFIERSEXTPROC query_modifiers = nullptr;

    // From the program's own eglGetProcAddress, or, without one, from libEGL.so.1, which stays
    // loaded. ENOENT: there is no EGL.
    static Result<Functions> load(PFNEGLGETPROCADDRESSPROC get_proc_address = nullptr);

    // Whether the display has an extension.
    bool has(EGLDisplay display, const char* extension) const;
    // "what: EGL_BAD_MATCH", of the last error.
    Error error(const std::string& what) const;
};

}  // namespace vdmabuf::consumer::egl
