// SPDX-License-Identifier: MIT
#include "egl/swap.hpp"

#include <algorithm>
#include <array>
#include <span>

#include "egl/configs.hpp"
#include "egl/current.hpp"
#include "egl/errors.hpp"
#include "egl/real_vendor.hpp"
#include "egl/shown_pbuffers.hpp"
#include "egl/surface.hpp"
#include "egl/surface_entry.hpp"

namespace vdmabuf::egl {
namespace {

// The calling thread's draw surface, without a look into the table; else what the table says.
WindowSurface* ours(EGLDisplay display, EGLSurface surface) noexcept {
    WindowSurface* draw = current_draw();
    return draw && draw->handle() == surface ? draw : find_surface(display, surface);
}

// The same for who swaps it, which shows some surfaces of the vendor.
WindowSurface* swapped(EGLDisplay display, EGLSurface surface) noexcept {
    WindowSurface* window = ours(display, surface);
    return window ? window : show_pbuffer(display, surface);
}

EGLBoolean show(WindowSurface& surface, std::span<const stream::Rect> damage, int fence,
                std::uint64_t& serial) noexcept {
    // EGL 1.5, 3.10.1: it must be bound as the draw surface of the calling thread.
    if (current_draw() != &surface) return fail(EGL_BAD_SURFACE);
    const EGLint error = surface.swap(damage, fence, serial);
    return error == EGL_SUCCESS ? succeed() : fail(error);
}

EGLBoolean show(WindowSurface& surface, std::span<const stream::Rect> damage) noexcept {
    std::uint64_t serial = 0;
    return show(surface, damage, -1, serial);
}

// Rows of our images begin at the lower left corner too. Empty: it is all outside.
stream::Rect clipped(const EGLint* rect, window::Extent extent) {
    const auto bounds = [](EGLint start, EGLint length, std::uint32_t limit) {
        const std::int64_t from = std::clamp<std::int64_t>(start, 0, limit);
        const std::int64_t to = std::clamp<std::int64_t>(std::int64_t{start} + length, from, limit);
        return std::pair(static_cast<std::uint32_t>(from), static_cast<std::uint32_t>(to - from));
    };
    const auto [x, width] = bounds(rect[0], rect[2], extent.width);
    const auto [y, height] = bounds(rect[1], rect[3], extent.height);
    return {x, y, width, height};
}

}  // namespace

EGLBoolean show_damaged(WindowSurface& window, const EGLint* rects, EGLint count, int fence,
                        std::uint64_t& serial) noexcept {
    if (count < 0 || (count > 0 && !rects)) return fail(EGL_BAD_PARAMETER);
    std::array<stream::Rect, stream::kMaxDamage> damage;
    std::size_t used = 0;
    if (static_cast<std::size_t>(count) > damage.size()) return show(window, {}, fence, serial);
    for (EGLint i = 0; i < count; ++i) {
        const stream::Rect rect =
            clipped(rects + std::size_t{4} * static_cast<std::size_t>(i), window.extent());
        if (rect.width && rect.height) damage[used++] = rect;
    }
    return show(window, std::span(damage).first(used), fence, serial);
}

EGLBoolean swap_buffers(EGLDisplay display, EGLSurface surface) noexcept {
    WindowSurface* window = swapped(display, surface);
    return window ? show(*window, {}) : real().SwapBuffers(display, surface);
}

EGLBoolean swap_buffers_with_damage(EGLDisplay display, EGLSurface surface, const EGLint* rects,
                                    EGLint count) noexcept {
    WindowSurface* window = swapped(display, surface);
    if (!window) {
        const auto down =
            real().function<PFNEGLSWAPBUFFERSWITHDAMAGEKHRPROC>("eglSwapBuffersWithDamageKHR");
        return down ? down(display, surface, rects, count) : real().SwapBuffers(display, surface);
    }
    std::uint64_t serial = 0;
    return show_damaged(*window, rects, count, -1, serial);
}

EGLBoolean set_damage_region(EGLDisplay display, EGLSurface surface, EGLint* rects,
                             EGLint count) noexcept {
    WindowSurface* window = ours(display, surface);
    if (!window) {
        const auto down = real().function<PFNEGLSETDAMAGEREGIONKHRPROC>("eglSetDamageRegionKHR");
        return down ? down(display, surface, rects, count) : fail(EGL_BAD_SURFACE);
    }
    // A hint about what will be drawn: the pbuffer is whole either way.
    if (current_draw() != window) return fail(EGL_BAD_MATCH);
    if (count < 0 || (count > 0 && !rects)) return fail(EGL_BAD_PARAMETER);
    const EGLint error = window->set_damage_region();
    return error == EGL_SUCCESS ? succeed() : fail(error);
}

EGLBoolean post_sub_buffer(EGLDisplay display, EGLSurface surface, EGLint x, EGLint y, EGLint width,
                           EGLint height) noexcept {
    WindowSurface* window = ours(display, surface);
    if (!window) {
        const auto down = real().function<PFNEGLPOSTSUBBUFFERNVPROC>("eglPostSubBufferNV");
        return down ? down(display, surface, x, y, width, height) : fail(EGL_BAD_SURFACE);
    }
    if (x < 0 || y < 0 || width < 0 || height < 0) return fail(EGL_BAD_PARAMETER);
    const EGLint rect[] = {x, y, width, height};
    const stream::Rect damage = clipped(rect, window->extent());
    return show(*window, std::span(&damage, damage.width && damage.height ? 1 : 0));
}

EGLBoolean swap_interval(EGLDisplay display, EGLint interval) noexcept {
    WindowSurface* window = current_draw();
    const EGLint told = std::clamp(interval, 0, kMaxSwapInterval);
    if (!window) {
        remember_interval(told);
        return real().SwapInterval(display, interval);
    }
    window->set_interval(told);
    return succeed();
}

}  // namespace vdmabuf::egl
