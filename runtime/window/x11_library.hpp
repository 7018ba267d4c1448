// SPDX-License-Identifier: MIT
// libxcb and libX11 as far as this project uses them, opened when an app makes a surface of theirs:
// the layer and the EGL vendor library must load into programs that have neither.
#pragma once

#include <xcb/xcb.h>
#include <xcb/xcbext.h>

#include <string>

struct _XDisplay;  // NOLINT(bugprone-reserved-identifier): Display of Xlib

namespace vdmabuf::window {

#define VDMABUF_XCB_FUNCTIONS(X)        \
    X(connect)                          \
    X(connection_has_error)             \
    X(disconnect)                       \
    X(get_file_descriptor)              \
    X(flush)                            \
    X(poll_for_event)                   \
    X(create_window)                    \
    X(change_window_attributes)         \
    X(change_window_attributes_checked) \
    X(change_property)                  \
    X(delete_property)                  \
    X(convert_selection)                \
    X(set_selection_owner)              \
    X(get_selection_owner)              \
    X(get_selection_owner_reply)        \
    X(configure_window)                 \
    X(request_check)                    \
    X(get_geometry)                     \
    X(get_geometry_reply)               \
    X(get_property)                     \
    X(get_property_reply)               \
    X(get_property_value)               \
    X(get_property_value_length)        \
    X(intern_atom)                      \
    X(intern_atom_reply)                \
    X(query_tree)                       \
    X(query_tree_reply)                 \
    X(send_event)                       \
    X(set_input_focus)                  \
    X(get_input_focus)                  \
    X(get_input_focus_reply)            \
    X(query_pointer)                    \
    X(query_pointer_reply)              \
    X(query_keymap)                     \
    X(query_keymap_reply)               \
    X(translate_coordinates)            \
    X(translate_coordinates_reply)      \
    X(generate_id)                      \
    X(create_gc)                        \
    X(free_gc)                          \
    X(put_image_checked)                \
    X(get_maximum_request_length)       \
    X(setup_pixmap_formats_iterator)    \
    X(format_next)                      \
    X(query_extension)                  \
    X(query_extension_reply)            \
    X(wait_for_reply)                   \
    X(send_request)                     \
    X(get_setup)                        \
    X(setup_roots_iterator)             \
    X(screen_allowed_depths_iterator)   \
    X(depth_next)                       \
    X(depth_visuals)                    \
    X(depth_visuals_length)

struct Xcb {
#define X(name) decltype(&::xcb_##name) name = nullptr;
    VDMABUF_XCB_FUNCTIONS(X)
#undef X
    // Null when the library is not there.
    static const Xcb* get();
};

struct Xlib {
    xcb_connection_t* (*get_xcb_connection)(_XDisplay*) = nullptr;  // XGetXCBConnection
    char* (*display_string)(_XDisplay*) = nullptr;                  // XDisplayString
    static const Xlib* get();
};

// The server that a connection leads to, as in DISPLAY; empty when it cannot be told.
std::string display_of(const Xcb& xcb, xcb_connection_t* connection);

}  // namespace vdmabuf::window
