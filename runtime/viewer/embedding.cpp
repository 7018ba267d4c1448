// SPDX-License-Identifier: MIT
#include "runtime/viewer/embedding.hpp"

#include <SDL.h>
#include <xcb/xcb.h>

#include <cstdio>
#include <cstdlib>
#include <optional>
#include <string>

// These bring the macros of X11 with them.
#include <SDL_syswm.h>

namespace vdmabuf::viewer {
namespace {

Display* display_of(SDL_Window* window, ::Window& id) {
    SDL_SysWMinfo info;
    SDL_VERSION(&info.version);
    if (!SDL_GetWindowWMInfo(window, &info) || info.subsystem != SDL_SYSWM_X11) return nullptr;
    id = info.info.x11.window;
    return info.info.x11.display;
}

// Asked on a connection of its own: on Xlib's, a window that is not there is an error in the log.
std::optional<Embedding::Size> size_of(Display* display, std::uint64_t window) {
    xcb_connection_t* x = xcb_connect(DisplayString(display), nullptr);
    std::optional<Embedding::Size> size;
    if (xcb_connection_has_error(x) == 0) {
        auto* reply = xcb_get_geometry_reply(
            x, xcb_get_geometry(x, static_cast<xcb_drawable_t>(window)), nullptr);
        // A pixmap has a geometry as well, and no attributes.
        auto* attributes = xcb_get_window_attributes_reply(
            x, xcb_get_window_attributes(x, static_cast<xcb_window_t>(window)), nullptr);
        if (reply && attributes) size = {reply->width, reply->height};
        std::free(reply);
        std::free(attributes);
    }
    xcb_disconnect(x);
    return size;
}

// SDL waits for the event that its window is mapped, or not any more, without a limit. It never
// comes where the window has gone with the one that it lay in.
void let_go(Display* display, ::Window window, int type) {
    XEvent event{};
    event.type = type;
    event.xany.display = display;
    if (type == MapNotify) {
        event.xmap.event = event.xmap.window = window;
    } else {
        event.xunmap.event = event.xunmap.window = window;
    }
    XPutBackEvent(display, &event);
}

}  // namespace

Result<std::unique_ptr<Embedding>> Embedding::create(SDL_Window* any, std::uint64_t window) {
    ::Window own = 0;
    Display* display = display_of(any, own);
    if (!display) return Error{ENOTSUP, "--embed needs an X server, and this display is none"};
    char name[32];
    std::snprintf(name, sizeof(name), "0x%llx", static_cast<unsigned long long>(window));
    // First its events, then whether it is there: an end in between is not missed.
    if (size_of(display, window)) {
        XSelectInput(display, static_cast<::Window>(window), StructureNotifyMask);
        XSync(display, False);
    }
    const auto size = size_of(display, window);
    if (!size) {
        return Error{ENOENT, std::string("there is no window ") + name + " on this display"};
    }
    SDL_EventState(SDL_SYSWMEVENT, SDL_ENABLE);  // those of windows that are not SDL's, too
    return std::unique_ptr<Embedding>(new Embedding(any, window, *size));
}

Embedding::~Embedding() {
    ::Window own = 0;
    if (Display* display = display_of(any_, own)) XSync(display, False);
}

void Embedding::adopt(SDL_Window* window) const {
    ::Window own = 0;
    Display* display = display_of(window, own);
    if (!display) return;
    // The other program may want to be asked before something is mapped there, and never answer.
    XSetWindowAttributes attributes{};
    attributes.override_redirect = True;
    XChangeWindowAttributes(display, own, CWOverrideRedirect, &attributes);
    XReparentWindow(display, own, static_cast<::Window>(window_), 0, 0);
    fill(window);
    let_go(display, own, MapNotify);
}

void Embedding::before_end(SDL_Window* window) {
    ::Window own = 0;
    if (Display* display = display_of(window, own)) let_go(display, own, UnmapNotify);
}

void Embedding::fill(SDL_Window* window) const {
    ::Window own = 0;
    Display* display = display_of(window, own);
    if (!display || size_.width == 0 || size_.height == 0) return;
    // Not SDL_SetWindowSize(), which waits for a window manager. SDL hears of it by the event.
    XMoveResizeWindow(display, own, 0, 0, size_.width, size_.height);
    XFlush(display);
}

Embedding::Event Embedding::take(const SDL_Event& event) {
    if (event.type != SDL_SYSWMEVENT || !event.syswm.msg ||
        event.syswm.msg->subsystem != SDL_SYSWM_X11) {
        return Event::none;
    }
    const XEvent& x = event.syswm.msg->msg.x11.event;
    if (x.type == DestroyNotify && x.xdestroywindow.window == window_) return Event::gone;
    if (x.type != ConfigureNotify || x.xconfigure.window != window_) return Event::none;
    const Size size{static_cast<std::uint32_t>(x.xconfigure.width),
                    static_cast<std::uint32_t>(x.xconfigure.height)};
    if (size.width == size_.width && size.height == size_.height) return Event::none;
    size_ = size;
    return Event::resized;
}

}  // namespace vdmabuf::viewer
