// SPDX-License-Identifier: MIT
// Requests of the X Fixes Extension, version 5.0: few, so that no guest needs libxcb-xfixes.
#pragma once

#include <sys/uio.h>

#include <array>
#include <cstddef>
#include <cstdint>

#include "runtime/window/x11_library.hpp"

namespace vdmabuf::window::xfixes {

enum Minor : std::uint8_t {
    kQueryVersion = 0,
    kSelectSelectionInput = 2,
    kSelectCursorInput = 3,
    kGetCursorImage = 4,
};
// Offsets from the extension's first event.
enum Event : std::uint8_t { kSelectionNotify = 0, kCursorNotify = 1 };

struct Request {
    std::uint8_t major = 0;
    std::uint8_t minor = 0;
    std::uint16_t length = 0;  // xcb's matter
    std::uint32_t words[3] = {};
};

// Sends the first `words` of them.
inline unsigned send(const Xcb& xcb, xcb_connection_t* connection, Request request,
                     std::size_t words, std::uint8_t major, bool has_reply) {
    // The two before the first part are xcb's own.
    std::array<iovec, 4> parts{};
    parts[2] = {&request, 4 + words * 4};
    const xcb_protocol_request_t kind{1, nullptr, major,
                                      has_reply ? std::uint8_t{0} : std::uint8_t{1}};
    return xcb.send_request(connection, 0, parts.data() + 2, &kind);
}

}  // namespace vdmabuf::window::xfixes
