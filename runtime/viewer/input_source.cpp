// SPDX-License-Identifier: MIT
#include "runtime/viewer/input_source.hpp"

#include <SDL.h>
#include <linux/input-event-codes.h>

#include <algorithm>
#include <bit>
#include <cmath>

namespace vdmabuf::viewer {

using input::Event;
using input::Kind;
using input::make_event;

namespace {

// Of a pixel its middle, so that a picture that is scaled is hit where it looks like it.
std::int32_t middle(std::int32_t pixel) {
    constexpr std::int32_t kFar = 1 << 20;
    return std::clamp(pixel, -kFar, kFar) * input::kFraction + input::kFraction / 2;
}

std::uint16_t evdev_button(std::uint8_t button) {
    switch (button) {
        case SDL_BUTTON_LEFT:
            return BTN_LEFT;
        case SDL_BUTTON_MIDDLE:
            return BTN_MIDDLE;
        case SDL_BUTTON_RIGHT:
            return BTN_RIGHT;
        case SDL_BUTTON_X1:
            return BTN_SIDE;
        case SDL_BUTTON_X2:
            return BTN_EXTRA;
        default:
            return 0;
    }
}

std::int32_t bounded(double value, double most) {
    return static_cast<std::int32_t>(std::lround(std::clamp(value, -most, most)));
}

}  // namespace

std::optional<InputSource::Input> InputSource::take(const SDL_Event& event) {
    const auto of = [](std::uint32_t window, std::optional<Event> made) -> std::optional<Input> {
        if (!made) return std::nullopt;
        return Input{window, *made};
    };
    switch (event.type) {
        case SDL_KEYDOWN:
        case SDL_KEYUP:
            return of(event.key.windowID, take_key(event));
        case SDL_MOUSEMOTION:
            if (grabbed_) {
                constexpr double kMost = 1000.0 * input::kFraction;
                return of(event.motion.windowID,
                          make_event(Kind::relative, 0, 0,
                                     bounded(event.motion.xrel * input::kFraction, kMost),
                                     bounded(event.motion.yrel * input::kFraction, kMost)));
            }
            return of(event.motion.windowID, make_event(Kind::motion, 0, 0, middle(event.motion.x),
                                                        middle(event.motion.y)));
        case SDL_MOUSEBUTTONDOWN:
        case SDL_MOUSEBUTTONUP: {
            const std::uint16_t code = evdev_button(event.button.button);
            if (code == 0) return std::nullopt;
            return of(event.button.windowID,
                      make_event(Kind::button, code, event.type == SDL_MOUSEBUTTONDOWN));
        }
        case SDL_MOUSEWHEEL: {
            constexpr double kMost = 100.0 * input::kWheelStep;
            const Event turned = make_event(
                Kind::wheel, 0, 0, bounded(event.wheel.preciseX * input::kWheelStep, kMost),
                bounded(event.wheel.preciseY * input::kWheelStep, kMost));
            if (turned.x == 0 && turned.y == 0) return std::nullopt;
            return of(event.wheel.windowID, turned);
        }
        case SDL_FINGERDOWN:
        case SDL_FINGERMOTION:
        case SDL_FINGERUP:
            return of(event.tfinger.windowID, take_finger(event));
        case SDL_WINDOWEVENT:
            if (event.window.event == SDL_WINDOWEVENT_FOCUS_GAINED) {
                return of(event.window.windowID, make_event(Kind::focus, 0, 1));
            }
            if (event.window.event == SDL_WINDOWEVENT_FOCUS_LOST) {
                end_grab();
                kept_.clear();
                return of(event.window.windowID, make_event(Kind::focus));
            }
            return std::nullopt;
        default:
            return std::nullopt;
    }
}

std::optional<Event> InputSource::take_key(const SDL_Event& event) {
    const std::int32_t scancode = event.key.keysym.scancode;
    const bool down = event.type == SDL_KEYDOWN;
    // What a key that stays down repeats, the guest does by itself.
    if (down && event.key.repeat != 0) return std::nullopt;
    if (!down && kept_.erase(scancode) > 0) return std::nullopt;
    const std::uint16_t code = evdev_key(scancode);
    if (code == 0) return std::nullopt;
    return make_event(Kind::key, code, down);
}

std::optional<std::uint16_t> InputSource::finger_number(std::int64_t id, bool down) {
    for (std::uint16_t i = 0; i < input::kMaxTouches; ++i) {
        if (touching_ >> i & 1 && fingers_[i] == id) return i;
    }
    const auto free = static_cast<std::uint16_t>(std::countr_one(touching_));
    if (!down || free >= input::kMaxTouches) return std::nullopt;
    touching_ |= 1u << free;
    fingers_[free] = id;
    return free;
}

std::optional<Event> InputSource::take_finger(const SDL_Event& event) {
    SDL_Window* window = SDL_GetWindowFromID(event.tfinger.windowID);
    const auto number = finger_number(event.tfinger.fingerId, event.type == SDL_FINGERDOWN);
    if (!window || !number) return std::nullopt;
    if (event.type == SDL_FINGERUP) {
        touching_ &= ~(1u << *number);
        return make_event(Kind::touch_up, *number);
    }
    int width = 0;
    int height = 0;
    SDL_GetWindowSize(window, &width, &height);
    const auto at = [](float part, int pixels) {
        return bounded(double{part} * pixels * input::kFraction, 1e8);
    };
    return make_event(event.type == SDL_FINGERDOWN ? Kind::touch_down : Kind::touch_motion, *number,
                      0, at(event.tfinger.x, width), at(event.tfinger.y, height));
}

void InputSource::toggle_grab(SDL_Window* window) {
    if (grabbed_) return end_grab();
    if (SDL_SetRelativeMouseMode(SDL_TRUE) != 0) return;
    SDL_SetWindowKeyboardGrab(window, SDL_TRUE);
    grabbed_ = window;
}

void InputSource::end_grab() {
    if (!grabbed_) return;
    SDL_SetRelativeMouseMode(SDL_FALSE);
    SDL_SetWindowKeyboardGrab(grabbed_, SDL_FALSE);
    grabbed_ = nullptr;
}

}  // namespace vdmabuf::viewer
