// SPDX-License-Identifier: MIT
#pragma once

struct SDL_Window;
struct wl_display;
struct wl_surface;

namespace vdmabuf::viewer::wayland {

// What SDL's window is for Wayland; null on other displays. The main thread.
wl_display* display_of(SDL_Window* window);
wl_surface* surface_of(SDL_Window* window);

}  // namespace vdmabuf::viewer::wayland
