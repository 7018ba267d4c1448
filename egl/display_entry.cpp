// SPDX-License-Identifier: MIT
#include <algorithm>
#include <string_view>

#include "egl/display.hpp"
#include "egl/errors.hpp"
#include "egl/real_vendor.hpp"
#include "egl/shown_pbuffers.hpp"
#include "egl/surface.hpp"
#include "egl/surface_entry.hpp"

namespace vdmabuf::egl {
namespace {

// What this library does itself, on every display of a window system.
constexpr const char* kExtensions[] = {"EGL_KHR_swap_buffers_with_damage",
                                       "EGL_EXT_swap_buffers_with_damage", "EGL_EXT_buffer_age",
                                       "EGL_KHR_partial_update", "EGL_VDMABUF_host_window"};
constexpr const char* kX11Extensions[] = {"EGL_NV_post_sub_buffer"};

bool has_word(std::string_view list, std::string_view word) {
    while (!list.empty()) {
        const std::size_t end = std::min(list.find(' '), list.size());
        if (list.substr(0, end) == word) return true;
        list.remove_prefix(std::min(end + 1, list.size()));
    }
    return false;
}

// Pixels go to the host as sRGB: what a vendor says of other colour spaces, and of what pictures
// were graded for, would be true for its own windows only.
bool is_of_colours(std::string_view word) {
    constexpr std::string_view kSpaces = "EGL_EXT_gl_colorspace_";
    return word.substr(0, kSpaces.size()) == kSpaces ||
           word == "EGL_EXT_surface_SMPTE2086_metadata" ||
           word == "EGL_EXT_surface_CTA861_3_metadata";
}

std::string without_colours(std::string_view list) {
    std::string kept;
    while (!list.empty()) {
        const std::size_t end = std::min(list.find(' '), list.size());
        const std::string_view word = list.substr(0, end);
        if (!word.empty() && !is_of_colours(word)) {
            if (!kept.empty()) kept += ' ';
            kept += word;
        }
        list.remove_prefix(std::min(end + 1, list.size()));
    }
    return kept;
}

void add_word(std::string& list, const char* word) {
    if (has_word(list, word)) return;
    if (!list.empty() && list.back() != ' ') list += ' ';
    list += word;
}

}  // namespace

const char* Display::extensions() {
    std::call_once(extensions_made_, [this] {
        const char* theirs = real().QueryString(handle(), EGL_EXTENSIONS);
        if (theirs) extensions_ = without_colours(theirs);
        for (const char* name : kExtensions) add_word(extensions_, name);
        if (posts_sub_buffers()) {
            for (const char* name : kX11Extensions) add_word(extensions_, name);
        }
    });
    return extensions_.c_str();
}

const char* platform_extensions(const char* theirs) {
    static const std::string& list = [theirs]() -> const std::string& {
        auto& made = *new std::string(theirs ? theirs : "");
        add_word(made, "EGL_VDMABUF_platform_host");
        return made;
    }();
    return list.c_str();
}

const char* query_string(EGLDisplay handle, EGLint name) noexcept {
    const char* answer = real().QueryString(handle, name);
    Display* display = name == EGL_EXTENSIONS ? Display::find(handle) : nullptr;
    if (!answer || !display) return answer;  // not initialised, or none of ours
    return guarded([&] { return display->extensions(); });
}

EGLBoolean initialize(EGLDisplay handle, EGLint* major, EGLint* minor) noexcept {
    if (!real().Initialize(handle, major, minor)) return EGL_FALSE;
    if (Display* display = Display::find(handle)) display->initialised();
    return EGL_TRUE;
}

EGLBoolean query_devices(EGLint size, EGLDeviceEXT* devices, EGLint* count) noexcept {
    if (!count) return fail(EGL_BAD_PARAMETER);
    *count = 0;
    if (real().listed) return EGL_TRUE;
    const auto down = real().function<PFNEGLQUERYDEVICESEXTPROC>("eglQueryDevicesEXT");
    return down ? down(size, devices, count) : EGL_TRUE;
}

EGLBoolean terminate(EGLDisplay handle) noexcept {
    if (Display* display = Display::find(handle)) {
        // Whose windows are whose nobody knows: they end with the last user.
        if (display->goes_on()) return succeed();
        // Those that are current live until they are not (EGL 1.5, 3.2); their windows end now.
        for (const auto& surface : display->take_all()) {
            forget_surface(*surface);
            surface->destroy();
        }
    }
    destroy_shown_pbuffers(handle);
    return real().Terminate(handle);
}

}  // namespace vdmabuf::egl
