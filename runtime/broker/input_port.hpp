// SPDX-License-Identifier: MIT
// The seam between the broker and the input devices of a VM (runtime/device).
#pragma once

#include <cstdint>

#include "runtime/common/input_messages.hpp"

namespace vdmabuf::broker {

// Where input goes whose producer takes none itself. All calls happen on the thread of the broker's
// event loop.
class InputPort {
  public:
    virtual ~InputPort() = default;

    // A checked event of a window of this size, but for those of the focus.
    virtual void event(const input::Event& event, std::uint32_t width, std::uint32_t height) = 0;
    // Nothing is pressed any more, nothing touches.
    virtual void release_all() = 0;
};

}  // namespace vdmabuf::broker
