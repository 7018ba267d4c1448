// SPDX-License-Identifier: MIT
// A window of the guest's window system, as far as its picture on the host follows it.
#pragma once

#include <functional>
#include <optional>
#include <span>
#include <string>

#include "runtime/common/cursor_messages.hpp"
#include "runtime/common/input_messages.hpp"
#include "runtime/window/extent.hpp"

namespace vdmabuf::egl {

class NativeWindow {
  public:
    struct Events {
        std::function<void()> title;    // may have changed; from another thread
        std::function<void()> resized;  // by the app, on its thread
        // From another thread, as these; what was copied in the window that has the focus.
        std::function<void(const cursor::Image&)> cursor = {};
        std::function<void(const std::string&)> clipboard = {};
    };
    virtual ~NativeWindow() = default;
    virtual void watch(Events events) = 0;
    // After it returns no event is called any more.
    virtual void unwatch() noexcept = 0;
    // As far as is known, without asking anybody: called for each frame. Not 0.
    virtual window::Extent extent() noexcept = 0;
    virtual bool lost() const noexcept = 0;
    virtual std::string title() { return {}; }
    // Of two surfaces for one window the second one is refused (EGL 1.5, 3.5.1).
    virtual const void* identity() const noexcept = 0;
    // A frame was handed to the host: called on the app's thread.
    virtual void presented(window::Extent) noexcept {}
    virtual void close() noexcept {}
    virtual void resize(window::Extent) noexcept {}  // a wish of the host's user
    // The app gives it another size, on any thread. False: this library cannot.
    virtual bool set_extent(window::Extent) noexcept { return false; }
    // What the user does on the host, in a window of size `of`.
    virtual bool takes_input() const noexcept { return false; }
    virtual void take_input(std::span<const input::Event>, window::Extent /*of*/) noexcept {}
    // What there is to paste on the host.
    virtual bool takes_clipboard() const noexcept { return false; }
    // NOLINTNEXTLINE(performance-unnecessary-value-param): who takes it keeps it
    virtual void offer_clipboard(std::string /*text*/) {}
};

}  // namespace vdmabuf::egl
