// SPDX-License-Identifier: MIT
// libwayland-client as far as this project uses it, opened when an app makes a surface of its own:
// the layer and the EGL vendor library must load into programs that do not have it.
#pragma once

#include <wayland-client-core.h>

namespace vdmabuf::window {

// Those that every version of the last ten years has.
#define VDMABUF_WAYLAND_FUNCTIONS(X)             \
    X(display_cancel_read)                       \
    X(display_create_queue)                      \
    X(display_dispatch_queue_pending)            \
    X(display_flush)                             \
    X(display_get_fd)                            \
    X(display_prepare_read_queue)                \
    X(display_read_events)                       \
    X(event_queue_destroy)                       \
    X(proxy_add_listener)                        \
    X(proxy_create_wrapper)                      \
    X(proxy_destroy)                             \
    X(proxy_marshal_array)                       \
    X(proxy_marshal_array_constructor)           \
    X(proxy_marshal_array_constructor_versioned) \
    X(proxy_set_queue)                           \
    X(proxy_wrapper_destroy)

#define VDMABUF_WAYLAND_INTERFACES(X) \
    X(buffer)                         \
    X(callback)                       \
    X(registry)                       \
    X(shm)                            \
    X(shm_pool)

struct Wayland {
#define X(name) decltype(&::wl_##name) name = nullptr;
    VDMABUF_WAYLAND_FUNCTIONS(X)
#undef X
#define X(name) const wl_interface* name##_interface = nullptr;
    VDMABUF_WAYLAND_INTERFACES(X)
#undef X
    // Null when the library is not there.
    static const Wayland* get();
};

}  // namespace vdmabuf::window
