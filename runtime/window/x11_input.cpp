// SPDX-License-Identifier: MIT
#include "runtime/window/x11_input.hpp"

#include <linux/input-event-codes.h>

#include <algorithm>
#include <cstdlib>

#include "runtime/common/log.hpp"
#include "runtime/window/x11_reply.hpp"
#include "runtime/window/x11_window.hpp"

namespace vdmabuf::window {
namespace {

using input::Event;
using input::Kind;

constexpr int kEvdevToX = 8;              // keycodes of X servers on Linux
constexpr std::int32_t kMostClicks = 32;  // of a wheel, at a time

// The number by which X11 knows a button: the wheel has 4 to 7.
std::uint8_t number_of(std::uint16_t code) {
    switch (code) {
        case BTN_LEFT:
            return 1;
        case BTN_MIDDLE:
            return 2;
        case BTN_RIGHT:
            return 3;
        default:
            return static_cast<std::uint8_t>(8 + code - BTN_SIDE);
    }
}

std::int32_t scaled(std::int32_t at, std::uint32_t from, std::uint32_t to) {
    const std::int64_t pixel = std::int64_t{at} * to / (std::int64_t{from} * input::kFraction);
    return static_cast<std::int32_t>(std::clamp<std::int64_t>(pixel, 0, std::max(to, 1U) - 1));
}

}  // namespace

void X11Input::add(std::span<const Event> events, Extent of) noexcept {
    const std::lock_guard lock(waiting_mutex_);
    for (const Event& event : events) {
        if (input::kind_of(event) == Kind::focus) focus_told_ = event.value == 1;
        if (waiting_.size() < kMaxWaiting) {
            waiting_.push_back({event, of});
            continue;
        }
        // The server stands still.
        waiting_.clear();
        waiting_.push_back({input::make_event(Kind::focus), of});
        if (focus_told_) waiting_.push_back({input::make_event(Kind::focus, 0, 1), of});
    }
}

void X11Input::inject(Extent extent) {
    handled_.clear();
    {
        const std::lock_guard lock(waiting_mutex_);
        handled_.swap(waiting_);
    }
    if (handled_.empty()) return;
    const std::lock_guard lock(mutex_);
    if (ended_) return;
    typing_ = false;
    for (const Waiting& each : handled_) handle(each.event, each.of, extent);
    (void)server_.xcb_.flush(server_.connection_);
}

void X11Input::end() {
    const std::lock_guard lock(mutex_);
    ended_ = true;
    release_all();
    (void)server_.xcb_.flush(server_.connection_);
}

void X11Input::handle(const Event& event, Extent of, Extent extent) {
    const Kind kind = input::kind_of(event);
    if (kind == Kind::focus) return event.value == 1 ? take_focus() : give_focus();
    if (!focused_) return;
    switch (kind) {
        case Kind::release_all:
            return release_all();
        case Kind::key:
            if (event.code + kEvdevToX > server_.last_keycode()) return;  // no X11 key
            return key(static_cast<std::uint8_t>(event.code + kEvdevToX), event.value == 1);
        case Kind::button:
            return button(number_of(event.code), event.value == 1);
        case Kind::motion:
            return move_to(event, of, extent);
        case Kind::relative:
            return move_by(event);
        case Kind::wheel:
            return wheel(event);
        case Kind::touch_down:
        case Kind::touch_motion:
        case Kind::touch_up:
        case Kind::touch_cancel:
            return touch(event, of, extent);
        default:
            return;
    }
}

// ---- the focus

void X11Input::take_focus() {
    focused_ = true;
    main_ = server_.main_window(window_);
    if (main_ == XCB_WINDOW_NONE) main_ = window_;
    top_ = server_.top_of(window_);
    // What somebody who died in between had pressed, or the window that had the focus before: its
    // thread may be later than this one, and a button that is held keeps the pointer for its
    // window.
    const Reply<xcb_query_keymap_reply_t> down(server_.xcb_.query_keymap_reply(
        server_.connection_, server_.xcb_.query_keymap(server_.connection_), nullptr));
    for (unsigned code = 0; down && code < 256; ++code) {
        if (down->keys[code / 8] >> (code % 8) & 1) {
            server_.fake_input(XCB_KEY_RELEASE, static_cast<std::uint8_t>(code));
        }
    }
    const Reply<xcb_query_pointer_reply_t> pointer(server_.xcb_.query_pointer_reply(
        server_.connection_, server_.xcb_.query_pointer(server_.connection_, server_.root()),
        nullptr));
    for (unsigned number = 1; pointer && number <= 5; ++number) {
        if (pointer->mask & (XCB_BUTTON_MASK_1 << (number - 1))) {
            server_.fake_input(XCB_BUTTON_RELEASE, static_cast<std::uint8_t>(number));
        }
    }
    raise();
    typing_ = false;
    server_.watch_cursor(true);
}

void X11Input::give_focus() {
    release_all();
    if (!focused_) return;
    focused_ = false;
    server_.watch_cursor(false);
    // Another window of ours may have it already.
    if (!server_.has_manager() && may_type()) {
        (void)server_.xcb_.set_input_focus(server_.connection_, XCB_INPUT_FOCUS_NONE,
                                           XCB_INPUT_FOCUS_NONE, XCB_CURRENT_TIME);
    }
}

// To where the user sees it on the host: above all others, with the keyboard.
void X11Input::raise() {
    if (server_.has_manager()) return server_.ask_manager_for_focus(main_);
    server_.bring_into_view(top_);
    const std::uint32_t above = XCB_STACK_MODE_ABOVE;
    (void)server_.xcb_.configure_window(server_.connection_, top_, XCB_CONFIG_WINDOW_STACK_MODE,
                                        &above);
    (void)server_.xcb_.set_input_focus(server_.connection_, XCB_INPUT_FOCUS_PARENT, main_,
                                       XCB_CURRENT_TIME);
}

// Dialogs and menus of the app are its own as well: the server numbers windows by client.
bool X11Input::of_app(xcb_window_t window) const {
    if (window == top_ || window == main_ || window == window_) return true;
    const std::uint32_t client = ~server_.xcb_.get_setup(server_.connection_)->resource_id_mask;
    return window > XCB_INPUT_FOCUS_POINTER_ROOT && (window & client) == (window_ & client);
}

bool X11Input::may_type() {
    const Reply<xcb_get_input_focus_reply_t> reply(server_.xcb_.get_input_focus_reply(
        server_.connection_, server_.xcb_.get_input_focus(server_.connection_), nullptr));
    return reply && of_app(reply->focus);
}

bool X11Input::may_click() {
    const Reply<xcb_query_pointer_reply_t> reply(server_.xcb_.query_pointer_reply(
        server_.connection_, server_.xcb_.query_pointer(server_.connection_, server_.root()),
        nullptr));
    return reply && of_app(reply->child);
}

// ---- keys and buttons

void X11Input::release_all() {
    for (unsigned code = 0; code < keys_.size(); ++code) {
        if (keys_[code]) server_.fake_input(XCB_KEY_RELEASE, static_cast<std::uint8_t>(code));
    }
    for (unsigned number = 0; number < buttons_.size(); ++number) {
        if (buttons_[number]) {
            server_.fake_input(XCB_BUTTON_RELEASE, static_cast<std::uint8_t>(number));
        }
    }
    keys_.reset();
    buttons_.reset();
    finger_ = -1;
    wheel_x_ = wheel_y_ = 0;
    rest_ = {};
}

void X11Input::key(std::uint8_t code, bool pressed) {
    if (pressed == keys_[code]) return;
    if (pressed && !typing_) {
        typing_ = may_type();
        if (!typing_) {
            raise();
            typing_ = may_type();
        }
        if (!typing_) return;  // not on the screen, or another program keeps the keyboard
    }
    keys_[code] = pressed;
    server_.fake_input(pressed ? XCB_KEY_PRESS : XCB_KEY_RELEASE, code);
}

void X11Input::button(std::uint8_t number, bool pressed) {
    if (pressed == buttons_[number]) return;
    // While one is held, the pointer is the window's where it was pressed, wherever it goes.
    if (pressed && buttons_.none() && !may_click()) {
        raise();
        if (!may_click()) return;
    }
    buttons_[number] = pressed;
    server_.fake_input(pressed ? XCB_BUTTON_PRESS : XCB_BUTTON_RELEASE, number);
}

// ---- the pointer

void X11Input::move_to(const Event& event, Extent of, Extent extent) {
    const auto ask =
        server_.xcb_.translate_coordinates(server_.connection_, window_, server_.root(), 0, 0);
    const Reply<xcb_translate_coordinates_reply_t> origin(
        server_.xcb_.translate_coordinates_reply(server_.connection_, ask, nullptr));
    if (!origin) return;
    server_.fake_motion(origin->dst_x + scaled(event.x, of.width, extent.width),
                        origin->dst_y + scaled(event.y, of.height, extent.height), false);
}

void X11Input::move_by(const Event& event) {
    rest_.x += event.x;
    rest_.y += event.y;
    const Place whole{rest_.x / input::kFraction, rest_.y / input::kFraction};
    rest_.x %= input::kFraction;
    rest_.y %= input::kFraction;
    if (whole.x != 0 || whole.y != 0) server_.fake_motion(whole.x, whole.y, true);
}

void X11Input::wheel(const Event& event) {
    if (buttons_.none() && !may_click()) return;
    turn(wheel_y_, event.y, 5, 4);
    turn(wheel_x_, event.x, 6, 7);
}

// The core protocol knows whole clicks only: parts of them wait for the rest.
void X11Input::turn(std::int32_t& rest, std::int32_t by, std::uint8_t less, std::uint8_t more) {
    rest += by;
    const std::int32_t clicks = rest / input::kWheelStep;
    rest %= input::kWheelStep;
    for (std::int32_t i = 0; i < std::min(std::abs(clicks), kMostClicks); ++i) {
        server_.fake_input(XCB_BUTTON_PRESS, clicks > 0 ? more : less);
        server_.fake_input(XCB_BUTTON_RELEASE, clicks > 0 ? more : less);
    }
}

// XTEST has no fingers: the first one is the pointer with its first button.
void X11Input::touch(const Event& event, Extent of, Extent extent) {
    const Kind kind = input::kind_of(event);
    if (kind == Kind::touch_down && finger_ < 0) {
        finger_ = event.code;
        move_to(event, of, extent);
        button(1, true);
        return;
    }
    if (finger_ < 0 || (event.code != finger_ && kind != Kind::touch_cancel)) return;
    if (kind == Kind::touch_motion) return move_to(event, of, extent);
    button(1, false);
    finger_ = -1;
}

}  // namespace vdmabuf::window
