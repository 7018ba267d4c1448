// SPDX-License-Identifier: MIT
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <span>

#include "runtime/common/event_loop.hpp"
#include "runtime/common/input_messages.hpp"
#include "runtime/common/result.hpp"

namespace vdmabuf::viewer {

// Keyboards, pointers and touch screens of this machine, without a display server: libinput's
// seat0, whose devices are opened directly. (A program that has the screen by opening the card
// itself, as ours, would gain nothing by libseat for its keyboard alone.) On the loop's thread.
class Seat {
  public:
    struct Handlers {
        // A key, for those who want to keep it from the app: then true.
        std::function<bool(std::uint16_t code, bool down)> key;
        // Whether there is a keyboard, when that changes; from within open() as well.
        std::function<void(bool there)> keyboard;
        // What happened together, in 1/256 pixels of the screen.
        std::function<void(std::span<const input::Event> events)> input;
    };

    // An error: no input at all, and why. ENOTSUP where the viewer was built without libinput.
    static Result<std::unique_ptr<Seat>> open(EventLoop& loop, std::uint32_t width,
                                              std::uint32_t height, Handlers handlers);
    virtual ~Seat() = default;

    // Whether the pointer only moves (`relative`), instead of being somewhere.
    virtual void set_grabbed(bool grabbed) = 0;
    // While another terminal is seen, the devices are its own.
    virtual void suspend() = 0;
    virtual void resume() = 0;
    // Where the pointer is, as an event.
    virtual input::Event pointer() const = 0;
};

}  // namespace vdmabuf::viewer
