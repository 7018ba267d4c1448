// SPDX-License-Identifier: MIT
#include "runtime/viewer/wayland/sdl_window.hpp"

#include <SDL.h>

#include <optional>

// Brings the macros of X11 with it.
#include <SDL_syswm.h>

namespace vdmabuf::viewer::wayland {
namespace {

std::optional<SDL_SysWMinfo> ask(SDL_Window* window) {
    SDL_SysWMinfo info;
    SDL_VERSION(&info.version);
    if (!SDL_GetWindowWMInfo(window, &info) || info.subsystem != SDL_SYSWM_WAYLAND) return {};
    return info;
}

}  // namespace

wl_display* display_of(SDL_Window* window) {
    const auto info = ask(window);
    return info ? info->info.wl.display : nullptr;
}

wl_surface* surface_of(SDL_Window* window) {
    const auto info = ask(window);
    return info ? info->info.wl.surface : nullptr;
}

}  // namespace vdmabuf::viewer::wayland
