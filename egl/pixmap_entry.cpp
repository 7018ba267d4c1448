// SPDX-License-Identifier: MIT
#include "egl/pixmap_entry.hpp"

#include <utility>
#include <vector>

#include "egl/configs.hpp"
#include "egl/current.hpp"
#include "egl/display.hpp"
#include "egl/errors.hpp"
#include "egl/pixmap_copy.hpp"
#include "egl/real_vendor.hpp"
#include "egl/surface.hpp"
#include "egl/surface_entry.hpp"

namespace vdmabuf::egl {
namespace {

constexpr std::size_t kMaxBelow = 16;  // values of attributes

bool goes_with(const Display& display, EGLConfig config, const window::X11Pixmap& pixmap) {
    EGLint red = 0;
    (void)real().GetConfigAttrib(display.handle(), config, EGL_RED_SIZE, &red);
    return red != 0 && red == red_of_depth(pixmap.depth());
}

// EGL 1.5, 3.5.4: colour spaces, and OpenVG's kinds of alpha.
template <typename Value>
bool read(const Value* attributes, std::vector<EGLint>& below) {
    for (const Value* at = attributes; at && *at != EGL_NONE; at += 2) {
        const auto name = static_cast<EGLint>(at[0]);
        if (name != EGL_GL_COLORSPACE && name != EGL_VG_COLORSPACE && name != EGL_VG_ALPHA_FORMAT) {
            return false;
        }
        if (below.size() >= kMaxBelow) return false;
        below.insert(below.end(), {name, static_cast<EGLint>(at[1])});
    }
    return true;
}

template <typename Value>
EGLSurface create(Display& display, EGLConfig config, void* handle, bool by_pointer,
                  const Value* attributes) {
    EGLint types = 0;
    if (!real().GetConfigAttrib(display.handle(), config, EGL_SURFACE_TYPE, &types)) {
        fail_as_real();  // not initialised, or no configuration
        return EGL_NO_SURFACE;
    }
    if (!can_be_pixmap(display, config)) return no_surface(EGL_BAD_MATCH);
    std::vector<EGLint> below;
    if (!read(attributes, below)) return no_surface(EGL_BAD_ATTRIBUTE);
    EGLint error = EGL_SUCCESS;
    auto pixmap = display.platform().pixmap(handle, by_pointer, error);
    if (!pixmap) return no_surface(error);
    if (!goes_with(display, config, *pixmap)) return no_surface(EGL_BAD_MATCH);
    auto backing = display.vendor().backing(config, std::move(below));
    auto surface = WindowSurface::create_for_pixmap(std::move(pixmap), std::move(backing), error);
    if (!surface) return no_surface(error);
    if (display.has_window(surface->window_identity())) return no_surface(EGL_BAD_ALLOC);
    return keep_surface(display, std::move(surface));
}

EGLBoolean copy(Display& display, EGLSurface surface, void* handle) {
    if (!real().QueryString(display.handle(), EGL_VERSION)) {
        fail_as_real();  // not initialised
        return EGL_FALSE;
    }
    // Of the current context (EGL 1.5, 3.10.4), which alone can read it.
    if (surface == EGL_NO_SURFACE || surface != current_draw_handle()) return fail(EGL_BAD_SURFACE);
    EGLint error = EGL_SUCCESS;
    const auto pixmap = display.platform().pixmap(handle, false, error);
    if (!pixmap) return fail(error);
    const EGLSurface vendors = below(display.handle(), surface);
    EGLint width = 0;
    EGLint height = 0;
    EGLint id = 0;
    if (!query_surface(display.handle(), surface, EGL_WIDTH, &width) ||
        !query_surface(display.handle(), surface, EGL_HEIGHT, &height) ||
        !real().QuerySurface(display.handle(), vendors, EGL_CONFIG_ID, &id)) {
        fail_as_real();
        return EGL_FALSE;
    }
    const EGLint by_id[] = {EGL_CONFIG_ID, id, EGL_NONE};
    EGLConfig config = nullptr;
    EGLint count = 0;
    (void)real().ChooseConfig(display.handle(), by_id, &config, 1, &count);
    if (count != 1 || !goes_with(display, config, *pixmap) ||
        static_cast<EGLint>(pixmap->extent().width) != width ||
        static_cast<EGLint>(pixmap->extent().height) != height) {
        return fail(EGL_BAD_MATCH);
    }
    error = copy_to_pixmap(vendors, *pixmap);
    return error == EGL_SUCCESS ? succeed() : fail(error);
}

}  // namespace

EGLSurface create_pixmap_surface(EGLDisplay handle, EGLConfig config, EGLNativePixmapType pixmap,
                                 const EGLint* attributes) noexcept {
    Display* display = Display::find(handle);
    if (!display || !display->platform().is_x11()) {
        return real().CreatePixmapSurface(handle, config, pixmap, attributes);
    }
    return guarded([&] {
        return create(*display, config, reinterpret_cast<void*>(pixmap), false, attributes);
    });
}

EGLSurface create_platform_pixmap_surface(EGLDisplay handle, EGLConfig config, void* pixmap,
                                          const EGLAttrib* attributes) noexcept {
    Display* display = Display::find(handle);
    if (!display || !display->platform().is_x11()) {
        const auto down = real().function<PFNEGLCREATEPLATFORMPIXMAPSURFACEPROC>(
            "eglCreatePlatformPixmapSurface");
        return down ? down(handle, config, pixmap, attributes) : no_surface(EGL_BAD_DISPLAY);
    }
    return guarded([&] { return create(*display, config, pixmap, true, attributes); });
}

EGLSurface create_platform_pixmap_surface_ext(EGLDisplay handle, EGLConfig config, void* pixmap,
                                              const EGLint* attributes) noexcept {
    Display* display = Display::find(handle);
    if (!display || !display->platform().is_x11()) {
        const auto down = real().function<PFNEGLCREATEPLATFORMPIXMAPSURFACEEXTPROC>(
            "eglCreatePlatformPixmapSurfaceEXT");
        return down ? down(handle, config, pixmap, attributes) : no_surface(EGL_BAD_DISPLAY);
    }
    return guarded([&] { return create(*display, config, pixmap, true, attributes); });
}

EGLBoolean copy_buffers(EGLDisplay handle, EGLSurface surface,
                        EGLNativePixmapType target) noexcept {
    Display* display = Display::find(handle);
    if (!display || !display->platform().is_x11()) {
        return real().CopyBuffers(handle, below(handle, surface), target);
    }
    return guarded([&] { return copy(*display, surface, reinterpret_cast<void*>(target)); });
}

EGLBoolean query_context(EGLDisplay display, EGLContext context, EGLint attribute,
                         EGLint* value) noexcept {
    if (!real().QueryContext(display, context, attribute, value)) return EGL_FALSE;
    const WindowSurface* draw = current_draw();
    if (attribute == EGL_RENDER_BUFFER && draw && draw->is_pixmap() &&
        context == current_context()) {
        *value = EGL_SINGLE_BUFFER;
    }
    return EGL_TRUE;
}

void flush_pixmap() noexcept {
    WindowSurface* draw = current_draw();
    if (draw && draw->is_pixmap()) draw->flush_to_pixmap();
}

EGLBoolean wait_client() noexcept {
    if (!real().WaitClient()) return EGL_FALSE;
    flush_pixmap();
    return EGL_TRUE;
}

EGLBoolean wait_gl() noexcept {
    if (!real().WaitGL()) return EGL_FALSE;
    flush_pixmap();
    return EGL_TRUE;
}

void gl_finish() noexcept {
    static const auto down = real().function<void (*)()>("glFinish");
    down();
    flush_pixmap();
}

void gl_flush() noexcept {
    static const auto down = real().function<void (*)()>("glFlush");
    down();
    flush_pixmap();
}

}  // namespace vdmabuf::egl
