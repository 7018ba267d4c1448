// SPDX-License-Identifier: MIT
#include "egl/current.hpp"

#include "egl/errors.hpp"
#include "egl/pixmap_entry.hpp"
#include "egl/real_vendor.hpp"
#include "egl/shown_pbuffers.hpp"
#include "egl/surface.hpp"
#include "egl/surface_entry.hpp"

namespace vdmabuf::egl {
namespace {

// Trivially destructible: threads end after libraries were closed. What is current in a thread that
// ends so stays, as with a driver.
struct Current {
    EGLDisplay display;
    EGLSurface draw;  // the app's handles
    EGLSurface read;
    EGLContext context;
    WindowSurface* our_draw;
    WindowSurface* our_read;
    EGLint interval = 1;  // of a draw surface that is the vendor's
};
constinit thread_local Current t_current{};

void change(const Current& next) noexcept {
    const Current before = t_current;
    if (next.our_draw) next.our_draw->bound();
    if (next.our_read) next.our_read->bound();
    t_current = next;
    if (before.our_draw) before.our_draw->unbound();
    if (before.our_read) before.our_read->unbound();
}

WindowSurface* find(EGLDisplay display, EGLSurface surface) noexcept {
    WindowSurface* known = find_surface(display, surface);
    return known ? known : find_shown_pbuffer(surface);
}

EGLSurface below(WindowSurface* ours, EGLSurface surface) noexcept {
    return ours ? ours->below() : surface;
}

}  // namespace

WindowSurface* current_draw() noexcept {
    return t_current.our_draw;
}

EGLSurface current_draw_handle() noexcept {
    return t_current.draw;
}

EGLContext current_context() noexcept {
    return t_current.context;
}

bool is_current(const WindowSurface& surface) noexcept {
    return t_current.our_draw == &surface || t_current.our_read == &surface;
}

EGLSurface below(EGLDisplay display, EGLSurface surface) noexcept {
    return below(find_surface(display, surface), surface);
}

bool draws_into(EGLDisplay display, EGLSurface surface) noexcept {
    return surface != EGL_NO_SURFACE && t_current.draw == surface && t_current.display == display;
}

void take_over_current(WindowSurface& draw) noexcept {
    Current next = t_current;
    next.our_draw = &draw;
    if (next.read == next.draw) next.our_read = &draw;
    draw.set_interval(next.interval);
    change(next);
}

void remember_interval(EGLint interval) noexcept {
    t_current.interval = interval;
}

void make_current_again() noexcept {
    const Current& now = t_current;
    if (now.context == EGL_NO_CONTEXT) return;
    (void)real().MakeCurrent(now.display, below(now.our_draw, now.draw),
                             below(now.our_read, now.read), now.context);
}

ReadFromDraw::ReadFromDraw(EGLSurface draw) noexcept {
    if (t_current.draw == t_current.read) return;
    changed_ = real().MakeCurrent(t_current.display, draw, draw, t_current.context);
}

ReadFromDraw::~ReadFromDraw() {
    if (changed_) make_current_again();
}

EGLBoolean make_current(EGLDisplay display, EGLSurface draw, EGLSurface read,
                        EGLContext context) noexcept {
    Current next{display, draw, read, context, find(display, draw), find(display, read)};
    if (next.draw == t_current.draw) next.interval = t_current.interval;
    if (next.our_draw && t_current.our_draw != next.our_draw) next.our_draw->follow_window(false);
    flush_pixmap();  // what is current no longer has been flushed (EGL 1.5, 3.7.3)
    if (!real().MakeCurrent(display, below(next.our_draw, draw), below(next.our_read, read),
                            context)) {
        return EGL_FALSE;
    }
    if (context == EGL_NO_CONTEXT) next = {};
    change(next);
    return succeed();
}

EGLBoolean release_thread() noexcept {
    flush_pixmap();
    const EGLBoolean released = real().ReleaseThread();
    if (released) change({});
    return released;
}

}  // namespace vdmabuf::egl
