// SPDX-License-Identifier: MIT
// see_wayland --path NAME: a Wayland compositor that shows nothing: it looks at three pixels of
// each buffer that is committed, and gives it back at once. The least that a peer can be given to
// talk to. Ends when it has measured; prints a JSON object.
#include <wayland-server.h>

#include <cstdio>

#include "tests/bench/flip/figures.hpp"
#include "tests/bench/flip/options.hpp"
#include "xdg-shell-server-protocol.h"

namespace {

using namespace vdmabuf::flip;

struct Surface {
    wl_resource* buffer = nullptr;
    std::vector<wl_resource*> callbacks;
};

Figures* figures = nullptr;
wl_display* display = nullptr;

void destroy(wl_client*, wl_resource* resource) {
    wl_resource_destroy(resource);
}
void no_region(wl_client*, wl_resource*, wl_resource*) {}
void no_number(wl_client*, wl_resource*, std::int32_t) {}
void no_rectangle(wl_client*, wl_resource*, std::int32_t, std::int32_t, std::int32_t,
                  std::int32_t) {}

void attach(wl_client*, wl_resource* resource, wl_resource* buffer, std::int32_t, std::int32_t) {
    static_cast<Surface*>(wl_resource_get_user_data(resource))->buffer = buffer;
}
void frame(wl_client* client, wl_resource* resource, std::uint32_t id) {
    static_cast<Surface*>(wl_resource_get_user_data(resource))
        ->callbacks.push_back(wl_resource_create(client, &wl_callback_interface, 1, id));
}
void commit(wl_client*, wl_resource* resource) {
    auto& surface = *static_cast<Surface*>(wl_resource_get_user_data(resource));
    if (wl_resource* const buffer = surface.buffer) {
        surface.buffer = nullptr;
        wl_shm_buffer* const pages = wl_shm_buffer_get(buffer);
        if (!pages) fail("a buffer that is not in shared memory");
        wl_shm_buffer_begin_access(pages);
        figures->see(static_cast<const std::uint32_t*>(wl_shm_buffer_get_data(pages)));
        wl_shm_buffer_end_access(pages);
        wl_buffer_send_release(buffer);
    }
    for (wl_resource* const callback : surface.callbacks) {
        wl_callback_send_done(callback, static_cast<std::uint32_t>(now_us() / 1000));
        wl_resource_destroy(callback);
    }
    surface.callbacks.clear();
    if (figures->done()) wl_display_terminate(display);
}
const struct wl_surface_interface kSurface = {
    .destroy = destroy,
    .attach = attach,
    .damage = no_rectangle,
    .frame = frame,
    .set_opaque_region = no_region,
    .set_input_region = no_region,
    .commit = commit,
    .set_buffer_transform = no_number,
    .set_buffer_scale = no_number,
    .damage_buffer = no_rectangle,
    .offset = {},
};

const struct wl_region_interface kRegion = {destroy, no_rectangle, no_rectangle};

const struct wl_compositor_interface kCompositor = {
    [](wl_client* client, wl_resource* parent, std::uint32_t id) {
        wl_resource* const made =
            wl_resource_create(client, &wl_surface_interface, wl_resource_get_version(parent), id);
        wl_resource_set_implementation(made, &kSurface, new Surface, [](wl_resource* resource) {
            delete static_cast<Surface*>(wl_resource_get_user_data(resource));
        });
    },
    [](wl_client* client, wl_resource*, std::uint32_t id) {
        wl_resource_set_implementation(wl_resource_create(client, &wl_region_interface, 1, id),
                                       &kRegion, nullptr, nullptr);
    }};

using Text = const char*;
void no_text(wl_client*, wl_resource*, Text) {}
void no_size(wl_client*, wl_resource*, std::int32_t, std::int32_t) {}
void nothing(wl_client*, wl_resource*) {}
const struct xdg_toplevel_interface kToplevel = {
    .destroy = destroy,
    .set_parent = no_region,
    .set_title = no_text,
    .set_app_id = no_text,
    .show_window_menu = [](wl_client*, wl_resource*, wl_resource*, std::uint32_t, std::int32_t,
                           std::int32_t) {},
    .move = [](wl_client*, wl_resource*, wl_resource*, std::uint32_t) {},
    .resize = [](wl_client*, wl_resource*, wl_resource*, std::uint32_t, std::uint32_t) {},
    .set_max_size = no_size,
    .set_min_size = no_size,
    .set_maximized = nothing,
    .unset_maximized = nothing,
    .set_fullscreen = no_region,
    .unset_fullscreen = nothing,
    .set_minimized = nothing,
};
const struct xdg_surface_interface kShellSurface = {
    .destroy = destroy,
    .get_toplevel =
        [](wl_client* client, wl_resource* surface, std::uint32_t id) {
            wl_resource* const made = wl_resource_create(client, &xdg_toplevel_interface, 1, id);
            wl_resource_set_implementation(made, &kToplevel, nullptr, nullptr);
            wl_array states;
            wl_array_init(&states);
            xdg_toplevel_send_configure(made, 0, 0, &states);
            xdg_surface_send_configure(surface, 1);
        },
    .get_popup = [](wl_client*, wl_resource*, std::uint32_t, wl_resource*, wl_resource*) {},
    .set_window_geometry = no_rectangle,
    .ack_configure = [](wl_client*, wl_resource*, std::uint32_t) {},
};
const struct xdg_wm_base_interface kShell = {
    .destroy = destroy,
    .create_positioner = [](wl_client*, wl_resource*, std::uint32_t) {},
    .get_xdg_surface =
        [](wl_client* client, wl_resource*, std::uint32_t id, wl_resource*) {
            wl_resource_set_implementation(
                wl_resource_create(client, &xdg_surface_interface, 1, id), &kShellSurface, nullptr,
                nullptr);
        },
    .pong = [](wl_client*, wl_resource*, std::uint32_t) {},
};

int watch(void* timer) {
    if (figures->done() || figures->stalled()) wl_display_terminate(display);
    wl_event_source_timer_update(*static_cast<wl_event_source**>(timer), 100);
    return 0;
}

}  // namespace

int main(int argc, char** argv) {
    const Options options = parse(argc, argv);
    Figures seen(options);
    figures = &seen;
    display = wl_display_create();
    if (!display || wl_display_add_socket(display, options.path.c_str()) != 0) fail("no socket");
    wl_display_init_shm(display);
    wl_global_create(
        display, &wl_compositor_interface, 4, nullptr,
        [](wl_client* client, void*, std::uint32_t version, std::uint32_t id) {
            wl_resource_set_implementation(
                wl_resource_create(client, &wl_compositor_interface, static_cast<int>(version), id),
                &kCompositor, nullptr, nullptr);
        });
    wl_global_create(display, &xdg_wm_base_interface, 1, nullptr,
                     [](wl_client* client, void*, std::uint32_t, std::uint32_t id) {
                         wl_resource_set_implementation(
                             wl_resource_create(client, &xdg_wm_base_interface, 1, id), &kShell,
                             nullptr, nullptr);
                     });
    wl_event_source* timer = nullptr;
    timer = wl_event_loop_add_timer(wl_display_get_event_loop(display), watch, &timer);
    wl_event_source_timer_update(timer, 100);
    wl_display_run(display);
    seen.print();
    return 0;
}
