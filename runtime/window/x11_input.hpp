// SPDX-License-Identifier: MIT
// What the user does in a window on the host becomes input of the app's X11 window: by the XTEST
// extension, on the watcher's connection and thread.
#pragma once

#include <atomic>
#include <bitset>
#include <cstdint>
#include <mutex>
#include <span>
#include <vector>

#include "runtime/common/input_messages.hpp"
#include "runtime/window/extent.hpp"
#include "runtime/window/x11_library.hpp"

namespace vdmabuf::window {

class X11Watcher;

// The input of one window. X11 knows one keyboard and one pointer for all windows of a server, so
// everything is checked before it is sent: a key only while the keyboard's focus is the app's, a
// button only where the pointer is above the app.
class X11Input {
  public:
    static constexpr std::size_t kMaxWaiting = 256;  // events

    X11Input(X11Watcher& server, xcb_window_t window) : server_(server), window_(window) {
        waiting_.reserve(kMaxWaiting);
        handled_.reserve(kMaxWaiting);
    }
    X11Input(const X11Input&) = delete;
    X11Input& operator=(const X11Input&) = delete;

    // Any thread; does not wait for the server. What is too much is forgotten, with all that is
    // pressed let go.
    void add(std::span<const input::Event> events, Extent of) noexcept;
    // The watcher's thread. `extent`: the window's.
    void inject(Extent extent);
    // The window ends: lets go of everything.
    void end();
    bool focused() const noexcept { return focused_.load(std::memory_order_relaxed); }

  private:
    struct Waiting {
        input::Event event{};
        Extent of{};
    };
    struct Place {
        std::int32_t x = 0;
        std::int32_t y = 0;
    };

    void handle(const input::Event& event, Extent of, Extent extent);
    void take_focus();
    void give_focus();
    void release_all();
    void key(std::uint8_t code, bool pressed);
    void button(std::uint8_t number, bool pressed);
    void move_to(const input::Event& event, Extent of, Extent extent);
    void move_by(const input::Event& event);
    void wheel(const input::Event& event);
    void turn(std::int32_t& rest, std::int32_t by, std::uint8_t less, std::uint8_t more);
    void touch(const input::Event& event, Extent of, Extent extent);
    void raise();
    bool may_type();   // the keyboard's focus is the app's
    bool may_click();  // the pointer is above the app's window
    bool of_app(xcb_window_t window) const;

    X11Watcher& server_;
    const xcb_window_t window_;

    std::mutex waiting_mutex_;
    bool focus_told_ = false;  // the last event of this kind that came in
    std::vector<Waiting> waiting_;

    std::vector<Waiting> handled_;  // of the thread; likewise of this size from the start
    std::mutex mutex_;              // of what follows; held while the server is asked
    bool ended_ = false;
    std::atomic<bool> focused_{false};
    bool typing_ = false;                  // may_type(), for the events that are handled together
    xcb_window_t main_ = XCB_WINDOW_NONE;  // what the user knows as the app's window
    xcb_window_t top_ = XCB_WINDOW_NONE;   // around it: the root window's child
    std::bitset<256> keys_;                // pressed, by keycode
    std::bitset<16> buttons_;              // likewise, by number
    std::int32_t wheel_x_ = 0;             // parts of clicks
    std::int32_t wheel_y_ = 0;
    Place rest_{};     // parts of pixels
    int finger_ = -1;  // the one that is the pointer
};

}  // namespace vdmabuf::window
