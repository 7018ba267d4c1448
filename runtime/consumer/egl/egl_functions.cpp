// SPDX-License-Identifier: MIT
#include "runtime/consumer/egl/egl_functions.hpp"

#include <dlfcn.h>

#include <string_view>

namespace vdmabuf::consumer::egl {
namespace {

PFNEGLGETPROCADDRESSPROC from_library() {
    // Never closed: drivers do not like to be unloaded.
    void* library = ::dlopen("libEGL.so.1", RTLD_NOW | RTLD_LOCAL);
    if (!library) return nullptr;
    return reinterpret_cast<PFNEGLGETPROCADDRESSPROC>(::dlsym(library, "eglGetProcAddress"));
}

const char* name_of(EGLint error) {
    switch (error) {
#define NAME(value) \
    case value:     \
        return #value
        NAME(EGL_NOT_INITIALIZED);
        NAME(EGL_BAD_ACCESS);
        NAME(EGL_BAD_ALLOC);
        NAME(EGL_BAD_ATTRIBUTE);
        NAME(EGL_BAD_CONTEXT);
        NAME(EGL_BAD_DISPLAY);
        NAME(EGL_BAD_MATCH);
        NAME(EGL_BAD_PARAMETER);
        NAME(EGL_CONTEXT_LOST);
#undef NAME
        default:
            return nullptr;
    }
}

}  // namespace

Result<Functions> Functions::load(PFNEGLGETPROCADDRESSPROC get_proc_address) {
    Functions egl;
    egl.get_proc_address = get_proc_address ? get_proc_address : from_library();
    if (!egl.get_proc_address) return Error{ENOENT, "there is no libEGL.so.1"};
    bool whole = true;
    const auto find = [&](auto& function, const char* name, bool needed) {
        function = reinterpret_cast<std::remove_reference_t<decltype(function)>>(
            egl.get_proc_address(name));
        whole = whole && (function || !needed);
    };
    // EGL 1.5, which every libglvnd is, finds its own functions in this way too.
    find(egl.query_string, "eglQueryString", true);
    find(egl.get_error, "eglGetError", true);
    find(egl.bind_api, "eglBindAPI", true);
    find(egl.query_api, "eglQueryAPI", true);
    find(egl.create_context, "eglCreateContext", true);
    find(egl.destroy_context, "eglDestroyContext", true);
    find(egl.make_current, "eglMakeCurrent", true);
    find(egl.current_context, "eglGetCurrentContext", true);
    find(egl.current_display, "eglGetCurrentDisplay", true);
    find(egl.current_surface, "eglGetCurrentSurface", true);
    find(egl.create_image, "eglCreateImageKHR", false);
    find(egl.destroy_image, "eglDestroyImageKHR", false);
    find(egl.query_formats, "eglQueryDmaBufFormatsEXT", false);
    find(egl.query_modifiers, "eglQueryDmaBufModifiersEXT", false);
    if (!whole) return Error{ENOENT, "this EGL is older than 1.5"};
    return egl;
}

bool Functions::has(EGLDisplay display, const char* extension) const {
    const char* list = query_string(display, EGL_EXTENSIONS);
    if (!list) return false;
    const std::string_view wanted = extension;
    const std::string_view all = list;
    for (std::size_t at = all.find(wanted); at != std::string_view::npos;
         at = all.find(wanted, at + 1)) {
        const std::size_t end = at + wanted.size();
        const bool begins = at == 0 || all[at - 1] == ' ';
        if (begins && (end == all.size() || all[end] == ' ')) return true;
    }
    return false;
}

Error Functions::error(const std::string& what) const {
    const EGLint code = get_error();
    const char* name = name_of(code);
    return Error{code == EGL_BAD_ALLOC ? ENOMEM : EIO,
                 what + ": " + (name ? name : "EGL error " + std::to_string(code))};
}

}  // namespace vdmabuf::consumer::egl
