// SPDX-License-Identifier: MIT
// What reading and giving of a selection have in common (ICCCM 2).
#pragma once

#include <array>
#include <cstdint>

#include "runtime/window/x11_library.hpp"

namespace vdmabuf::window {

struct SelectionAtoms {
    xcb_atom_t clipboard = XCB_ATOM_NONE;
    xcb_atom_t targets = XCB_ATOM_NONE;
    xcb_atom_t timestamp = XCB_ATOM_NONE;
    xcb_atom_t utf8 = XCB_ATOM_NONE;       // UTF8_STRING
    xcb_atom_t text_utf8 = XCB_ATOM_NONE;  // text/plain;charset=utf-8
    xcb_atom_t incr = XCB_ATOM_NONE;
    // A target of ours alone: what it is offered with has come from the host.
    xcb_atom_t from_host = XCB_ATOM_NONE;
    // Where others put what is read, in turn: what comes late for one that was given up must not be
    // taken for a part of the next.
    std::array<xcb_atom_t, 4> places{};
};

struct Selection {
    const Xcb& xcb;
    xcb_connection_t* connection;
    xcb_window_t window;  // ours: owns it, and asks for it
    SelectionAtoms atoms;
};

}  // namespace vdmabuf::window
