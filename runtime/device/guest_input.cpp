// SPDX-License-Identifier: MIT
#include "runtime/device/guest_input.hpp"

#include <linux/input.h>

#include <algorithm>

namespace vdmabuf::device {
namespace {

using input::Kind;

// From 1/256 of a pixel in `pixels` to the device's steps. Rounded up, so that who rounds down on
// the way back to pixels comes to the same pixel.
std::int32_t to_steps(std::int32_t at, std::uint32_t pixels) {
    const std::int64_t whole = std::int64_t{pixels} * input::kFraction;
    const std::int64_t steps = (std::int64_t{at} * kInputRange + whole - 1) / whole;
    return static_cast<std::int32_t>(std::clamp<std::int64_t>(steps, 0, kInputRange - 1));
}

std::int64_t moved(std::int64_t at, std::int32_t by, std::uint32_t pixels) {
    const std::int64_t steps = std::int64_t{by} * kInputRange / pixels;
    return std::clamp<std::int64_t>(at + steps, 0,
                                    std::int64_t{kInputRange} * input::kFraction - 1);
}

}  // namespace

std::int32_t GuestInput::Steps::add(std::int32_t parts) {
    if (parts == 0) return 0;
    // Who turns back starts from where they are.
    if ((parts > 0) != (rest_ > 0)) rest_ = 0;
    rest_ += parts;
    const std::int32_t whole = rest_ / size_;
    rest_ %= size_;
    return whole;
}

GuestInput::GuestInput(EventLoop& loop, const std::string& vm) {
    for (std::size_t i = 0; i < devices_.size(); ++i) {
        devices_[i] = std::make_unique<InputDevice>(loop, vm, static_cast<InputRole>(i + 1));
    }
}

Status GuestInput::apply(std::uint32_t number, const VmState& state) {
    if (number == 0 || number > devices_.size()) return Error{ENOENT, "no such input device"};
    return devices_[number - 1]->apply(state);
}

InputDevice& GuestInput::clicking() {
    const bool mouse = moves_relatively_ && device(InputRole::mouse).running();
    return device(mouse ? InputRole::mouse : InputRole::pointer);
}

void GuestInput::event(const input::Event& event, std::uint32_t width, std::uint32_t height) {
    switch (input::kind_of(event)) {
        case Kind::key:
            return key(event.code, event.value != 0);
        case Kind::button:
            return button(event.code, event.value != 0);
        case Kind::motion:
            return motion(event.x, event.y, width, height);
        case Kind::relative:
            return relative(event.x, event.y, width, height);
        case Kind::wheel:
            return wheel(event.x, event.y);
        case Kind::touch_down:
        case Kind::touch_motion:
        case Kind::touch_up:
        case Kind::touch_cancel:
            if (device(InputRole::touch).running()) return touch(event, width, height);
            return touch_by_pointer(event, width, height);
        case Kind::focus:
        case Kind::release_all:
            break;
    }
}

void GuestInput::release_all() {
    for (const auto& device : devices_) device->release_all();
    first_finger_ = kNoFinger;
    for (Steps* each : {&move_x_, &move_y_, &wheel_x_, &wheel_y_}) each->clear();
}

void GuestInput::key(std::uint16_t code, bool down) {
    const std::array packet{make_evdev(EV_KEY, code, down)};
    device(InputRole::pointer).send(packet);
}

void GuestInput::button(std::uint16_t code, bool down) {
    const std::array packet{make_evdev(EV_KEY, code, down)};
    if (down) return clicking().send(packet);
    // It may have been pressed on the other one.
    for (const InputRole role : {InputRole::pointer, InputRole::mouse}) device(role).send(packet);
}

void GuestInput::motion(std::int32_t x, std::int32_t y, std::uint32_t width, std::uint32_t height) {
    moves_relatively_ = false;
    at_x_ = std::int64_t{to_steps(x, width)} * input::kFraction;
    at_y_ = std::int64_t{to_steps(y, height)} * input::kFraction;
    const std::array packet{make_evdev(EV_ABS, ABS_X, to_steps(x, width)),
                            make_evdev(EV_ABS, ABS_Y, to_steps(y, height))};
    device(InputRole::pointer).send(packet);
}

void GuestInput::relative(std::int32_t x, std::int32_t y, std::uint32_t width,
                          std::uint32_t height) {
    if (!device(InputRole::mouse).running()) {
        // As far as the screen goes.
        at_x_ = moved(at_x_, x, width);
        at_y_ = moved(at_y_, y, height);
        const std::array packet{
            make_evdev(EV_ABS, ABS_X, static_cast<std::int32_t>(at_x_ / input::kFraction)),
            make_evdev(EV_ABS, ABS_Y, static_cast<std::int32_t>(at_y_ / input::kFraction))};
        return device(InputRole::pointer).send(packet);
    }
    moves_relatively_ = true;
    std::array<EvdevEvent, 2> packet{};
    std::size_t count = 0;
    if (const std::int32_t by = move_x_.add(x)) packet[count++] = make_evdev(EV_REL, REL_X, by);
    if (const std::int32_t by = move_y_.add(y)) packet[count++] = make_evdev(EV_REL, REL_Y, by);
    device(InputRole::mouse).send(std::span(packet).first(count));
}

void GuestInput::wheel(std::int32_t x, std::int32_t y) {
    // Both ways of saying it, as drivers of such mice do: readers know one or the other.
    std::array<EvdevEvent, 4> packet{};
    std::size_t count = 0;
    if (y != 0) packet[count++] = make_evdev(EV_REL, REL_WHEEL_HI_RES, y);
    if (const std::int32_t by = wheel_y_.add(y))
        packet[count++] = make_evdev(EV_REL, REL_WHEEL, by);
    if (x != 0) packet[count++] = make_evdev(EV_REL, REL_HWHEEL_HI_RES, x);
    if (const std::int32_t by = wheel_x_.add(x)) {
        packet[count++] = make_evdev(EV_REL, REL_HWHEEL, by);
    }
    clicking().send(std::span(packet).first(count));
}

void GuestInput::touch(const input::Event& event, std::uint32_t width, std::uint32_t height) {
    const Kind kind = input::kind_of(event);
    if (kind == Kind::touch_cancel) return lift_all();
    if (kind == Kind::touch_up) return lift(event.code);
    InputDevice& screen = device(InputRole::touch);
    const bool there = screen.wanted().finger(event.code).id != EvdevState::kNoFinger;
    if (kind == Kind::touch_motion && !there) return;  // it was down before the focus came
    const std::int32_t x = to_steps(event.x, width);
    const std::int32_t y = to_steps(event.y, height);
    std::array<EvdevEvent, 7> packet{};
    std::size_t count = 0;
    packet[count++] = make_evdev(EV_ABS, ABS_MT_SLOT, event.code);
    if (!there) {
        packet[count++] = make_evdev(EV_ABS, ABS_MT_TRACKING_ID, next_finger_id_);
        next_finger_id_ = (next_finger_id_ + 1) % (UINT16_MAX + 1);
        if (first_finger_ == kNoFinger) first_finger_ = event.code;
    }
    packet[count++] = make_evdev(EV_ABS, ABS_MT_POSITION_X, x);
    packet[count++] = make_evdev(EV_ABS, ABS_MT_POSITION_Y, y);
    if (!there) packet[count++] = make_evdev(EV_KEY, BTN_TOUCH, 1);
    if (event.code == first_finger_) {  // for who knows one finger only
        packet[count++] = make_evdev(EV_ABS, ABS_X, x);
        packet[count++] = make_evdev(EV_ABS, ABS_Y, y);
    }
    screen.send(std::span(packet).first(count));
}

void GuestInput::lift(std::uint16_t finger) {
    InputDevice& screen = device(InputRole::touch);
    if (screen.wanted().finger(finger).id == EvdevState::kNoFinger) return;
    const bool last = screen.wanted().fingers() == 1;
    const std::array packet{make_evdev(EV_ABS, ABS_MT_SLOT, finger),
                            make_evdev(EV_ABS, ABS_MT_TRACKING_ID, EvdevState::kNoFinger),
                            make_evdev(EV_KEY, BTN_TOUCH, 0)};
    screen.send(std::span(packet).first(last ? 3 : 2));
    if (finger == first_finger_ || last) first_finger_ = kNoFinger;
}

void GuestInput::lift_all() {
    device(InputRole::touch).release_all();
    first_finger_ = kNoFinger;
}

void GuestInput::touch_by_pointer(const input::Event& event, std::uint32_t width,
                                  std::uint32_t height) {
    const Kind kind = input::kind_of(event);
    if (kind == Kind::touch_down && first_finger_ == kNoFinger) {
        first_finger_ = event.code;
        motion(event.x, event.y, width, height);
        return button(BTN_LEFT, true);
    }
    if (event.code != first_finger_ && kind != Kind::touch_cancel) return;
    if (kind == Kind::touch_motion) return motion(event.x, event.y, width, height);
    if (kind == Kind::touch_down || first_finger_ == kNoFinger) return;
    first_finger_ = kNoFinger;
    button(BTN_LEFT, false);
}

}  // namespace vdmabuf::device
