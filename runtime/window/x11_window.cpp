// SPDX-License-Identifier: MIT
#include "runtime/window/x11_window.hpp"

#include <poll.h>
#include <sys/eventfd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "runtime/common/log.hpp"
#include "runtime/window/x11_reply.hpp"
#include "runtime/window/x11_xfixes.hpp"

namespace vdmabuf::window {
namespace {

constexpr std::uint32_t kWatchedEvents =
    XCB_EVENT_MASK_STRUCTURE_NOTIFY | XCB_EVENT_MASK_PROPERTY_CHANGE;
constexpr std::uint32_t kTitleWords = 64;  // 32-bit words of a title that are asked for

std::uint64_t pack(std::uint32_t width, std::uint32_t height) {
    return static_cast<std::uint64_t>(width) << 32 | height;
}

}  // namespace

std::unique_ptr<X11Window> X11Window::watch(std::shared_ptr<X11Watcher> watcher, xcb_window_t id,
                                            Events events) {
    X11Watcher& server = *watcher;
    std::unique_ptr<X11Window> window(new X11Window(std::move(watcher), id, std::move(events)));
    return server.add(window.get()) ? std::move(window) : nullptr;
}

X11Window::~X11Window() {
    watcher_->remove(this);
}

Extent X11Window::extent() const noexcept {
    const std::uint64_t packed = extent_.load(std::memory_order_acquire);
    return {static_cast<std::uint32_t>(packed >> 32), static_cast<std::uint32_t>(packed)};
}

void X11Window::note_lost() {
    if (!lost_.exchange(true, std::memory_order_acq_rel) && events_.lost) events_.lost();
}

void X11Window::ask_to_close() noexcept {
    close_asked_.store(true, std::memory_order_release);
    watcher_->kick();
}

void X11Window::ask_to_resize(Extent extent) noexcept {
    size_asked_.store(pack(extent.width, extent.height), std::memory_order_release);
    watcher_->kick();
}

bool X11Window::takes_input() const noexcept {
    return watcher_->xtest_ != 0;
}

bool X11Window::takes_clipboard() const noexcept {
    return watcher_->xfixes_ != 0;
}

void X11Window::offer_clipboard(std::string text) {
    watcher_->clipboard_.offer(std::move(text));
    watcher_->kick();
}

void X11Window::take_input(std::span<const input::Event> events, Extent of) noexcept {
    input_->add(events, of);
    watcher_->kick();
}

std::shared_ptr<X11Watcher> X11Watcher::open(const std::string& display) {
    const Xcb* xcb = Xcb::get();
    if (!xcb) return nullptr;
    xcb_connection_t* connection =
        xcb->connect(display.empty() ? nullptr : display.c_str(), nullptr);
    std::shared_ptr<X11Watcher> watcher(new X11Watcher(*xcb, connection));
    if (xcb->connection_has_error(connection)) {
        LOG_INFO("X server %s: no connection of our own", display.c_str());
        return nullptr;
    }
    watcher->wake_.reset(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
    if (!watcher->wake_) return nullptr;
    watcher->net_wm_name_ = watcher->atom("_NET_WM_NAME");
    watcher->wm_protocols_ = watcher->atom("WM_PROTOCOLS");
    watcher->wm_delete_window_ = watcher->atom("WM_DELETE_WINDOW");
    watcher->find_xtest();
    watcher->find_xfixes();
    watcher->thread_ = Thread("vdmabuf-x11", [self = watcher.get()] { self->run(); });
    return watcher;
}

X11Visuals X11Watcher::visuals() const {
    X11Visuals found;
    const auto screens = xcb_.setup_roots_iterator(xcb_.get_setup(connection_));
    if (screens.rem == 0) return found;
    for (auto depth = xcb_.screen_allowed_depths_iterator(screens.data); depth.rem > 0;
         xcb_.depth_next(&depth)) {
        const unsigned bits = depth.data->depth;
        xcb_visualid_t* place = bits == 24   ? &found.depth24
                                : bits == 30 ? &found.depth30
                                : bits == 16 ? &found.depth16
                                             : nullptr;
        const xcb_visualtype_t* visuals = xcb_.depth_visuals(depth.data);
        for (int i = 0; place && i < xcb_.depth_visuals_length(depth.data); ++i) {
            if (visuals[i]._class != XCB_VISUAL_CLASS_TRUE_COLOR) continue;
            // The root window's, where it fits: windows of it need no colour map of their own.
            if (*place == 0 || visuals[i].visual_id == screens.data->root_visual) {
                *place = visuals[i].visual_id;
            }
        }
    }
    return found;
}

X11Watcher::~X11Watcher() {
    stop_.store(true, std::memory_order_release);
    kick();
    thread_.join();
    xcb_.disconnect(connection_);
}

bool X11Watcher::add(X11Window* window) {
    xcb_void_cookie_t select{};
    {
        const std::lock_guard lock(mutex_);
        windows_.push_back(window);
        select = xcb_.change_window_attributes_checked(connection_, window->id_, XCB_CW_EVENT_MASK,
                                                       &kWatchedEvents);
        window->since_ = select.sequence;
    }
    const auto ask = xcb_.get_geometry(connection_, window->id_);
    const Reply<xcb_generic_error_t> error(xcb_.request_check(connection_, select));
    const Reply<xcb_get_geometry_reply_t> geometry(
        xcb_.get_geometry_reply(connection_, ask, nullptr));
    if (!error && geometry) {
        // An event that the thread has seen already is newer than this answer.
        std::uint64_t unknown = 0;
        window->extent_.compare_exchange_strong(unknown, pack(geometry->width, geometry->height));
    }
    kick();
    return !error && geometry;
}

void X11Watcher::remove(X11Window* window) {
    bool watched = false;
    {
        const std::lock_guard lock(mutex_);
        std::erase(windows_, window);
        watched = std::any_of(windows_.begin(), windows_.end(),
                              [&](const X11Window* other) { return other->id_ == window->id_; });
    }
    window->input_->end();
    if (watched || window->lost()) return;
    const std::uint32_t none = 0;
    const auto request =
        xcb_.change_window_attributes_checked(connection_, window->id_, XCB_CW_EVENT_MASK, &none);
    const Reply<xcb_generic_error_t> ignored(xcb_.request_check(connection_, request));
    kick();
}

void X11Watcher::kick() noexcept {
    (void)::eventfd_write(wake_.get(), 1);
}

void X11Watcher::run() {
    pollfd fds[] = {{xcb_.get_file_descriptor(connection_), POLLIN, 0}, {wake_.get(), POLLIN, 0}};
    while (!stop_.load(std::memory_order_acquire)) {
        close_windows();
        resize_windows();
        inject_input();
        if (!take_events()) return;
        tell_cursor();
        clipboard_.turn(focused_window());
        if (::poll(fds, 2, timeout_ms()) < 0 && errno != EINTR) return;
        eventfd_t count = 0;
        if (fds[1].revents) (void)::eventfd_read(wake_.get(), &count);
    }
}

int X11Watcher::timeout_ms() const {
    const int cursor = cursor_timeout_ms();
    const int clipboard = clipboard_.timeout_ms();
    return cursor < 0 || (clipboard >= 0 && clipboard < cursor) ? clipboard : cursor;
}

// False when the connection has ended, and every window with it.
bool X11Watcher::take_events() {
    while (const Reply<xcb_generic_event_t> event{xcb_.poll_for_event(connection_)}) {
        handle(*event);
    }
    if (!xcb_.connection_has_error(connection_)) return true;
    broken_.store(true, std::memory_order_release);
    const std::lock_guard lock(mutex_);
    for (X11Window* window : windows_) window->note_lost();
    return false;
}

void X11Watcher::handle(const xcb_generic_event_t& event) {
    if (xfixes_ != 0 && (event.response_type & 0x7f) == xfixes_event_ + xfixes::kCursorNotify) {
        cursor_changed_ = true;
        return;
    }
    if (clipboard_.handle(event)) return;
    const std::lock_guard lock(mutex_);
    // Windows of one number may follow each other: an app that connects anew gets its numbers
    // again.
    const auto is_of = [&](const X11Window& window, xcb_window_t id) {
        return window.id_ == id &&
               static_cast<std::int32_t>(event.full_sequence - window.since_) >= 0;
    };
    switch (event.response_type & 0x7f) {
        case XCB_CONFIGURE_NOTIFY: {
            const auto& configure = reinterpret_cast<const xcb_configure_notify_event_t&>(event);
            for (X11Window* window : windows_) {
                if (!is_of(*window, configure.window)) continue;
                window->extent_.store(pack(configure.width, configure.height),
                                      std::memory_order_release);
            }
            break;
        }
        case XCB_DESTROY_NOTIFY: {
            const auto& destroy = reinterpret_cast<const xcb_destroy_notify_event_t&>(event);
            for (X11Window* window : windows_) {
                if (is_of(*window, destroy.window)) window->note_lost();
            }
            break;
        }
        case XCB_PROPERTY_NOTIFY: {
            const auto& property = reinterpret_cast<const xcb_property_notify_event_t&>(event);
            if (property.atom != net_wm_name_ && property.atom != XCB_ATOM_WM_NAME) break;
            for (X11Window* window : windows_) {
                if (window->id_ == property.window && window->events_.title) {
                    window->events_.title();
                }
            }
            break;
        }
        default:
            break;
    }
}

xcb_window_t X11Watcher::focused_window() {
    const std::lock_guard lock(mutex_);
    for (const X11Window* window : windows_) {
        if (window->input_->focused()) return window->id_;
    }
    return XCB_WINDOW_NONE;
}

// With the lock, as the cursor: the window must not end meanwhile.
void X11Watcher::tell_clipboard(const std::string& text, xcb_window_t id) {
    const std::lock_guard lock(mutex_);
    for (X11Window* window : windows_) {
        if (window->id_ == id && window->events_.clipboard) window->events_.clipboard(text);
    }
}

void X11Watcher::follow(xcb_window_t id, bool on) {
    const std::lock_guard lock(mutex_);
    const bool watched = std::any_of(windows_.begin(), windows_.end(),
                                     [id](const X11Window* window) { return window->id_ == id; });
    if (watched) return;
    const std::uint32_t events = on ? XCB_EVENT_MASK_PROPERTY_CHANGE : XCB_EVENT_MASK_NO_EVENT;
    (void)xcb_.change_window_attributes(connection_, id, XCB_CW_EVENT_MASK, &events);
}

// ICCCM 4.2.8.1. To the nearest window around ours that wants to be told: what is presented to may
// be a child of the program's window.
void X11Watcher::close_windows() {
    std::vector<xcb_window_t> asked;
    {
        const std::lock_guard lock(mutex_);
        for (X11Window* window : windows_) {
            if (window->close_asked_.exchange(false, std::memory_order_acq_rel)) {
                asked.push_back(window->id_);
            }
        }
    }
    for (xcb_window_t window : asked) {
        window = main_window(window);
        if (window == XCB_WINDOW_NONE) {
            LOG_INFO("a window that shall close does not take WM_DELETE_WINDOW");
            continue;
        }
        xcb_client_message_event_t event{};
        event.response_type = XCB_CLIENT_MESSAGE;
        event.format = 32;
        event.window = window;
        event.type = wm_protocols_;
        event.data.data32[0] = wm_delete_window_;
        event.data.data32[1] = XCB_CURRENT_TIME;
        (void)xcb_.send_event(connection_, 0, window, XCB_EVENT_MASK_NO_EVENT,
                              reinterpret_cast<const char*>(&event));
        (void)xcb_.flush(connection_);
    }
}

xcb_window_t X11Watcher::main_window(xcb_window_t window) {
    for (int depth = 0; depth < kMaxDepth && window != XCB_WINDOW_NONE; ++depth) {
        if (takes_delete(window)) return window;
        window = parent_of(window);
    }
    return XCB_WINDOW_NONE;
}

bool X11Watcher::takes_delete(xcb_window_t window) {
    constexpr std::uint32_t kMost = 32;
    if (wm_protocols_ == XCB_ATOM_NONE || wm_delete_window_ == XCB_ATOM_NONE) return false;
    const auto ask =
        xcb_.get_property(connection_, 0, window, wm_protocols_, XCB_ATOM_ATOM, 0, kMost);
    const Reply<xcb_get_property_reply_t> reply(xcb_.get_property_reply(connection_, ask, nullptr));
    if (!reply || reply->format != 32) return false;
    const auto* atoms = static_cast<const xcb_atom_t*>(xcb_.get_property_value(reply.get()));
    const auto* end = atoms + xcb_.get_property_value_length(reply.get()) / 4;
    return std::find(atoms, end, wm_delete_window_) != end;
}

xcb_window_t X11Watcher::parent_of(xcb_window_t window) {
    const auto ask = xcb_.query_tree(connection_, window);
    const Reply<xcb_query_tree_reply_t> tree(xcb_.query_tree_reply(connection_, ask, nullptr));
    return tree && tree->parent != tree->root ? tree->parent
                                              : static_cast<xcb_window_t>(XCB_WINDOW_NONE);
}

xcb_atom_t X11Watcher::atom(const char* name) {
    const auto ask =
        xcb_.intern_atom(connection_, 0, static_cast<std::uint16_t>(std::strlen(name)), name);
    const Reply<xcb_intern_atom_reply_t> reply(xcb_.intern_atom_reply(connection_, ask, nullptr));
    return reply ? reply->atom : static_cast<xcb_atom_t>(XCB_ATOM_NONE);
}

std::string X11Watcher::text_property(xcb_window_t window, xcb_atom_t name) {
    if (name == XCB_ATOM_NONE) return {};
    const auto ask =
        xcb_.get_property(connection_, 0, window, name, XCB_GET_PROPERTY_TYPE_ANY, 0, kTitleWords);
    const Reply<xcb_get_property_reply_t> reply(xcb_.get_property_reply(connection_, ask, nullptr));
    if (!reply || reply->format != 8) return {};
    return {static_cast<const char*>(xcb_.get_property_value(reply.get())),
            static_cast<std::size_t>(xcb_.get_property_value_length(reply.get()))};
}

std::string X11Watcher::title(xcb_window_t window) {
    std::string found;
    for (int depth = 0; depth < kMaxDepth && window != XCB_WINDOW_NONE; ++depth) {
        found = text_property(window, net_wm_name_);
        if (found.empty()) found = text_property(window, XCB_ATOM_WM_NAME);
        if (!found.empty()) break;
        window = parent_of(window);
    }
    kick();
    return found;
}

}  // namespace vdmabuf::window
