// SPDX-License-Identifier: MIT
// Follows the size, the title and the end of X windows from a connection of our own to the
// server, so that presenting a frame needs no round trip.
#pragma once

#include <atomic>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "runtime/common/cursor_messages.hpp"
#include "runtime/common/input_messages.hpp"
#include "runtime/common/unique_fd.hpp"
#include "runtime/window/extent.hpp"
#include "runtime/window/thread.hpp"
#include "runtime/window/x11_clipboard.hpp"
#include "runtime/window/x11_input.hpp"
#include "runtime/window/x11_library.hpp"

namespace vdmabuf::window {

class X11Watcher;

// A window that is being watched.
class X11Window {
  public:
    struct Events {
        std::function<void()> lost;   // called once, from the watcher's thread
        std::function<void()> title;  // the title may have changed
        // While the window has the focus of the host: what the cursor looks like.
        std::function<void(const cursor::Image&)> cursor;
        // While, or just after, it has it: what was copied there.
        std::function<void(const std::string&)> clipboard;
    };
    // Null when the window does not exist.
    static std::unique_ptr<X11Window> watch(std::shared_ptr<X11Watcher> watcher, xcb_window_t id,
                                            Events events);
    // After it returns no event is called any more. Not from within an event.
    ~X11Window();
    X11Window(const X11Window&) = delete;
    X11Window& operator=(const X11Window&) = delete;

    Extent extent() const noexcept;
    bool lost() const noexcept { return lost_.load(std::memory_order_acquire); }
    // As a window manager does it when somebody clicks on the cross. Does not wait for the server.
    void ask_to_close() noexcept;
    // As a user who drags its border: a window manager may see to it, the program's hints about its
    // size hold. Does not wait for the server.
    void ask_to_resize(Extent extent) noexcept;
    // False: the server lets nobody inject input.
    bool takes_input() const noexcept;
    // False: the server does not tell of its clipboard.
    bool takes_clipboard() const noexcept;
    // What there is to paste on the host; plain. Does not wait for the server.
    void offer_clipboard(std::string text);
    // What the user did in a window of size `of`. Does not wait for the server.
    void take_input(std::span<const input::Event> events, Extent of) noexcept;

  private:
    friend class X11Watcher;
    X11Window(std::shared_ptr<X11Watcher> watcher, xcb_window_t id, Events events)
        : watcher_(std::move(watcher)),
          id_(id),
          events_(std::move(events)),
          input_(std::make_shared<X11Input>(*watcher_, id)) {}
    void note_lost();

    const std::shared_ptr<X11Watcher> watcher_;
    const xcb_window_t id_;
    const Events events_;
    std::uint32_t since_ = 0;               // the request as of which its events are this window's
    std::atomic<std::uint64_t> extent_{0};  // width in the high half; 0: not known yet
    std::atomic<bool> lost_{false};
    std::atomic<bool> close_asked_{false};
    std::atomic<std::uint64_t> size_asked_{0};  // as extent_; 0: nobody asks
    const std::shared_ptr<X11Input> input_;
};

// TrueColor visuals of the server's first screen; 0: it has none of the depth.
struct X11Visuals {
    xcb_visualid_t depth24 = 0;
    xcb_visualid_t depth30 = 0;
    xcb_visualid_t depth16 = 0;
};

class X11Watcher {
  public:
    static std::shared_ptr<X11Watcher> open(const std::string& display);
    ~X11Watcher();
    X11Watcher(const X11Watcher&) = delete;
    X11Watcher& operator=(const X11Watcher&) = delete;

    bool alive() const noexcept { return !broken_.load(std::memory_order_acquire); }
    // _NET_WM_NAME or WM_NAME of the window or of the nearest window around it that has one (Wine
    // presents to a child of the window that has the title).
    std::string title(xcb_window_t window);
    X11Visuals visuals() const;

  private:
    static constexpr int kMaxDepth = 16;  // windows around a window

    friend class X11Window;
    friend class X11Clipboard;
    friend class X11Input;
    friend class X11Pixmap;
    explicit X11Watcher(const Xcb& xcb, xcb_connection_t* connection)
        : xcb_(xcb), connection_(connection) {}

    bool add(X11Window* window);
    void remove(X11Window* window);
    void run();
    int timeout_ms() const;
    void handle(const xcb_generic_event_t& event);
    bool take_events();
    void close_windows();
    void resize_windows();
    void resize(xcb_window_t window, Extent extent);

    // ---- for X11Input
    void inject_input();
    xcb_window_t root() const;
    int last_keycode() const { return xcb_.get_setup(connection_)->max_keycode; }
    xcb_window_t top_of(xcb_window_t window);  // the root window's child around it, or itself
    bool has_manager();                        // a window manager that follows EWMH
    void ask_manager_for_focus(xcb_window_t window);
    void bring_into_view(xcb_window_t top);
    // The XTEST extension and its requests.
    void find_xtest();
    // The XFIXES extension: of the thread, but for the first one.
    void find_xfixes();
    void watch_cursor(bool wanted);
    std::optional<cursor::Image> cursor_image();
    void tell_cursor();
    int cursor_timeout_ms() const;  // -1: none
    // ---- for X11Clipboard
    xcb_window_t focused_window();  // of those that have the focus of the host; none: none has
    // The window's own, if it is there.
    void tell_clipboard(const std::string& text, xcb_window_t window);
    // Events of a window, which may be one of an app's that is watched.
    void follow(xcb_window_t window, bool on);
    void fake_input(std::uint8_t type, std::uint8_t detail);
    void fake_motion(std::int32_t x, std::int32_t y, bool relative);

    // The nearest window around this one, or itself, that takes WM_DELETE_WINDOW: the one that a
    // user knows. None: no window does.
    xcb_window_t main_window(xcb_window_t window);
    bool takes_delete(xcb_window_t window);
    xcb_window_t parent_of(xcb_window_t window);  // none: the root window's child
    // Events that came while somebody waited for a reply lie in xcb's queue, and the thread sleeps
    // on a socket that has nothing more to read.
    void kick() noexcept;
    std::string text_property(xcb_window_t window, xcb_atom_t name);
    xcb_atom_t atom(const char* name);

    const Xcb& xcb_;
    xcb_connection_t* const connection_;
    xcb_atom_t net_wm_name_ = XCB_ATOM_NONE;
    xcb_atom_t wm_protocols_ = XCB_ATOM_NONE;
    xcb_atom_t wm_delete_window_ = XCB_ATOM_NONE;
    xcb_atom_t manager_check_ = XCB_ATOM_NONE;  // of the thread
    xcb_atom_t active_window_ = XCB_ATOM_NONE;  // likewise
    std::uint8_t xfixes_ = 0;                   // as xtest_
    std::uint8_t xfixes_event_ = 0;             // number of its first event
    bool cursor_changed_ = false;               // of the thread
    std::uint64_t cursor_told_ns_ = 0;          // likewise
    X11Clipboard clipboard_{*this};
    std::uint8_t xtest_ = 0;  // its requests' number; 0: the server does not have it
    UniqueFd wake_;
    std::atomic<bool> stop_{false};
    std::atomic<bool> broken_{false};
    std::mutex mutex_;  // of windows_, and held while events are told
    std::vector<X11Window*> windows_;
    Thread thread_;
};

}  // namespace vdmabuf::window
