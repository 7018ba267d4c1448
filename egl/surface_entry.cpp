// SPDX-License-Identifier: MIT
#include "egl/surface_entry.hpp"

#include <vdmabuf/egl.h>

#include <algorithm>
#include <utility>
#include <vector>

#include "egl/configs.hpp"
#include "egl/current.hpp"
#include "egl/display.hpp"
#include "egl/errors.hpp"
#include "egl/pixmap_entry.hpp"
#include "egl/real_vendor.hpp"
#include "egl/shown_pbuffers.hpp"
#include "egl/surface.hpp"
#include "egl/window_request.hpp"
#include "runtime/common/handle_table.hpp"

namespace vdmabuf::egl {
namespace {

// Handles are addresses of the surfaces, which the vendor does not use for its own.
constinit HandleTable<WindowSurface> g_surfaces;

std::uint64_t key_of(EGLSurface handle) noexcept {
    return reinterpret_cast<std::uintptr_t>(handle);
}

template <typename Read>
EGLSurface create(Display& display, EGLConfig config, void* handle, bool by_pointer, Read&& read) {
    EGLint type = 0;
    if (!real().GetConfigAttrib(display.handle(), config, EGL_SURFACE_TYPE, &type)) {
        fail_as_real();  // not initialised, or no configuration
        return EGL_NO_SURFACE;
    }
    if (!can_be_window(display, config)) return no_surface(EGL_BAD_MATCH);
    WindowRequest request;
    EGLint error = read(display.platform().sized_by_app(), request);
    if (error != EGL_SUCCESS) return no_surface(error);
    if (request.post_sub_buffer && !display.posts_sub_buffers()) {
        return no_surface(EGL_BAD_ATTRIBUTE);
    }
    auto window = display.platform().window(handle, by_pointer, request.extent, error);
    if (!window) return no_surface(error);
    if (display.has_window(window->identity())) return no_surface(EGL_BAD_ALLOC);
    auto backing = display.vendor().backing(config, std::move(request.below));
    auto surface = WindowSurface::create(std::move(window), std::move(backing),
                                         std::move(request.title), request.app_id, error);
    if (!surface) return no_surface(error);
    surface->post_sub_buffer = request.post_sub_buffer.value_or(EGL_FALSE) == EGL_TRUE;
    return keep_surface(display, std::move(surface));
}

// What a pbuffer's attributes say, where pbuffers are ours. An EGL error.
EGLint read_pbuffer(const EGLint* attributes, window::Extent& extent, std::vector<EGLint>& below) {
    for (const EGLint* at = attributes; at && *at != EGL_NONE; at += 2) {
        switch (at[0]) {
            case EGL_WIDTH:
            case EGL_HEIGHT:
                if (at[1] < 0) return EGL_BAD_PARAMETER;
                (at[0] == EGL_WIDTH ? extent.width : extent.height) =
                    std::max(static_cast<std::uint32_t>(at[1]), 1u);
                break;
            case EGL_LARGEST_PBUFFER:
            case EGL_MIPMAP_TEXTURE:
                break;
            case EGL_TEXTURE_FORMAT:
            case EGL_TEXTURE_TARGET:
                if (at[1] != EGL_NO_TEXTURE) return EGL_BAD_MATCH;
                break;
            default: {
                const EGLint one[] = {at[0], at[1], EGL_NONE};
                WindowRequest request;
                const EGLint error = read_attributes(one, false, request);
                if (error != EGL_SUCCESS || request.post_sub_buffer || below.size() > 16) {
                    return EGL_BAD_ATTRIBUTE;
                }
                below.insert(below.end(), request.below.begin(), request.below.end());
            }
        }
    }
    return EGL_SUCCESS;
}

EGLSurface create_pbuffer(Display& display, EGLConfig config, const EGLint* attributes) {
    EGLint types = 0;
    if (!real().GetConfigAttrib(display.handle(), config, EGL_SURFACE_TYPE, &types)) {
        fail_as_real();
        return EGL_NO_SURFACE;
    }
    if (!(types & EGL_WINDOW_BIT)) return no_surface(EGL_BAD_MATCH);
    window::Extent extent{1, 1};
    std::vector<EGLint> below;
    EGLint error = read_pbuffer(attributes, extent, below);
    if (error != EGL_SUCCESS) return no_surface(error);
    auto backing = display.vendor().backing(config, std::move(below));
    auto surface = WindowSurface::create_unseen(extent, std::move(backing), error);
    return surface ? keep_surface(display, std::move(surface)) : no_surface(error);
}

}  // namespace

EGLSurface keep_surface(Display& display, std::shared_ptr<WindowSurface> surface) {
    const EGLSurface made = surface->handle();
    g_surfaces.insert(key_of(made), surface.get());
    display.add(std::move(surface));
    (void)succeed();
    return made;
}

WindowSurface* find_surface(EGLDisplay, EGLSurface handle) noexcept {
    return g_surfaces.find(key_of(handle));
}

EGLSurface create_window_surface(EGLDisplay handle, EGLConfig config, EGLNativeWindowType window,
                                 const EGLint* attributes) noexcept {
    Display* display = Display::find(handle);
    if (!display) return real().CreateWindowSurface(handle, config, window, attributes);
    return guarded([&]() -> EGLSurface {
        return create(*display, config, reinterpret_cast<void*>(window), false,
                      [&](bool sized, WindowRequest& request) {
                          return read_attributes(attributes, sized, request);
                      });
    });
}

EGLSurface create_platform_window_surface(EGLDisplay handle, EGLConfig config, void* window,
                                          const EGLAttrib* attributes) noexcept {
    Display* display = Display::find(handle);
    if (!display) {
        const auto down = real().function<PFNEGLCREATEPLATFORMWINDOWSURFACEPROC>(
            "eglCreatePlatformWindowSurface");
        return down ? down(handle, config, window, attributes) : no_surface(EGL_BAD_DISPLAY);
    }
    return guarded([&]() -> EGLSurface {
        return create(*display, config, window, true, [&](bool sized, WindowRequest& request) {
            return read_wide_attributes(attributes, sized, request);
        });
    });
}

EGLSurface create_platform_window_surface_ext(EGLDisplay handle, EGLConfig config, void* window,
                                              const EGLint* attributes) noexcept {
    Display* display = Display::find(handle);
    if (!display) {
        const auto down = real().function<PFNEGLCREATEPLATFORMWINDOWSURFACEEXTPROC>(
            "eglCreatePlatformWindowSurfaceEXT");
        return down ? down(handle, config, window, attributes) : no_surface(EGL_BAD_DISPLAY);
    }
    return guarded([&]() -> EGLSurface {
        return create(*display, config, window, true, [&](bool sized, WindowRequest& request) {
            return read_attributes(attributes, sized, request);
        });
    });
}

EGLSurface create_pbuffer_surface(EGLDisplay handle, EGLConfig config,
                                  const EGLint* attributes) noexcept {
    Display* display = Display::find(handle);
    if (!display || !display->vendor().lacks_pbuffers()) {
        return real().CreatePbufferSurface(handle, config, attributes);
    }
    return guarded([&]() -> EGLSurface { return create_pbuffer(*display, config, attributes); });
}

EGLBoolean destroy_surface(EGLDisplay handle, EGLSurface surface) noexcept {
    WindowSurface* ours = find_surface(handle, surface);
    if (!ours) {
        return destroy_shown_pbuffer(surface) ? succeed() : real().DestroySurface(handle, surface);
    }
    Display* display = Display::find(handle);
    if (!display) return fail(EGL_BAD_DISPLAY);
    const std::shared_ptr<WindowSurface> last = display->take(ours);
    if (!last) return fail(EGL_BAD_SURFACE);
    g_surfaces.erase(key_of(surface));
    if (ours == current_draw()) flush_pixmap();  // for the last time: the app may free it now
    last->destroy();
    return succeed();
}

void forget_surface(WindowSurface& surface) noexcept {
    g_surfaces.erase(key_of(surface.handle()));
}

EGLBoolean query_surface(EGLDisplay handle, EGLSurface surface, EGLint attribute,
                         EGLint* value) noexcept {
    WindowSurface* ours = find_surface(handle, surface);
    if (!ours) return real().QuerySurface(handle, surface, attribute, value);
    if (!value) return fail(EGL_BAD_PARAMETER);
    switch (attribute) {
        case EGL_WIDTH:
            *value = static_cast<EGLint>(ours->extent().width);
            return succeed();
        case EGL_HEIGHT:
            *value = static_cast<EGLint>(ours->extent().height);
            return succeed();
        case EGL_RENDER_BUFFER:
            *value = ours->is_pixmap() ? EGL_SINGLE_BUFFER : EGL_BACK_BUFFER;
            return succeed();
        case EGL_POST_SUB_BUFFER_SUPPORTED_NV:
            *value = ours->post_sub_buffer;
            return succeed();
        case EGL_GL_COLORSPACE:
            if (!ours->encodes_srgb()) break;
            *value = EGL_GL_COLORSPACE_SRGB;
            return succeed();
        case EGL_SWAP_BEHAVIOR:
            *value = ours->swap_behaviour;
            return succeed();
        case EGL_BUFFER_AGE_EXT:
            if (current_draw() != ours) return fail(EGL_BAD_SURFACE);
            *value = ours->buffer_age();
            return succeed();
        case EGL_HOST_WIDTH_VDMABUF:
            *value = static_cast<EGLint>(ours->host().wish().width);
            return succeed();
        case EGL_HOST_HEIGHT_VDMABUF:
            *value = static_cast<EGLint>(ours->host().wish().height);
            return succeed();
        case EGL_HOST_OCCLUDED_VDMABUF:
            *value = ours->host().occluded();
            return succeed();
        case EGL_CLOSE_REQUESTED_VDMABUF:
            *value = ours->host().close_requested();
            return succeed();
        case EGL_LARGEST_PBUFFER:
        case EGL_TEXTURE_FORMAT:
        case EGL_TEXTURE_TARGET:
        case EGL_MIPMAP_TEXTURE:
        case EGL_MIPMAP_LEVEL:
            return succeed();  // of pbuffers only: the value stays (EGL 1.5, 3.5.6)
        default:
            break;
    }
    return real().QuerySurface(handle, ours->below(), attribute, value);
}

EGLBoolean surface_attrib(EGLDisplay handle, EGLSurface surface, EGLint attribute,
                          EGLint value) noexcept {
    WindowSurface* ours = find_surface(handle, surface);
    if (!ours) return real().SurfaceAttrib(handle, surface, attribute, value);
    if (attribute == EGL_SWAP_BEHAVIOR) {
        if (value != EGL_BUFFER_PRESERVED && value != EGL_BUFFER_DESTROYED) {
            return fail(EGL_BAD_PARAMETER);
        }
        const Display* display = Display::find(handle);
        if (value == EGL_BUFFER_PRESERVED && display && !display->vendor().keeps_contents()) {
            return fail(EGL_BAD_MATCH);  // no configuration has the bit
        }
        ours->swap_behaviour = value;
        return succeed();
    }
    return real().SurfaceAttrib(handle, ours->below(), attribute, value);
}

EGLBoolean bind_tex_image(EGLDisplay display, EGLSurface surface, EGLint buffer) noexcept {
    if (find_surface(display, surface)) return fail(EGL_BAD_SURFACE);  // no pbuffer
    return real().BindTexImage(display, surface, buffer);
}

EGLBoolean release_tex_image(EGLDisplay display, EGLSurface surface, EGLint buffer) noexcept {
    if (find_surface(display, surface)) return fail(EGL_BAD_SURFACE);
    return real().ReleaseTexImage(display, surface, buffer);
}

}  // namespace vdmabuf::egl
