// SPDX-License-Identifier: MIT
#include "runtime/device/evdev_state.hpp"

#include <algorithm>

namespace vdmabuf::device {

void EvdevState::press_all(InputRole role) {
    if (role == InputRole::touch) {
        keys_.set(BTN_TOUCH);
        for (Finger& finger : fingers_) finger.id = 0;
        return;
    }
    for (std::size_t code = input::kButtonFirst; code <= input::kButtonLast; ++code) {
        keys_.set(code);
    }
    if (role != InputRole::pointer) return;
    for (std::size_t code = 1; code <= input::kKeyMax; ++code) keys_.set(code);
}

void EvdevState::release_all() {
    keys_.reset();
    for (Finger& finger : fingers_) finger.id = kNoFinger;
}

std::size_t EvdevState::fingers() const {
    return static_cast<std::size_t>(
        std::count_if(fingers_.begin(), fingers_.end(),
                      [](const Finger& finger) { return finger.id != kNoFinger; }));
}

void EvdevState::apply(const EvdevEvent& event) {
    const auto value = static_cast<std::int32_t>(event.value);
    if (event.type == EV_KEY) {
        if (event.code < KEY_CNT) keys_[event.code] = value != 0;
        return;
    }
    if (event.type != EV_ABS) return;
    switch (event.code) {
        case ABS_X:
            x_ = value;
            break;
        case ABS_Y:
            y_ = value;
            break;
        case ABS_MT_SLOT:
            slot_ = std::min<std::size_t>(event.value, fingers_.size() - 1);
            break;
        case ABS_MT_TRACKING_ID:
            fingers_[slot_].id = value;
            break;
        case ABS_MT_POSITION_X:
            fingers_[slot_].x = value;
            break;
        case ABS_MT_POSITION_Y:
            fingers_[slot_].y = value;
            break;
        default:
            break;
    }
}

void EvdevState::difference(const EvdevState& from, std::vector<EvdevEvent>& events) const {
    for (std::size_t i = 0; i < fingers_.size(); ++i) {
        const Finger& wanted = fingers_[i];
        const Finger& there = from.fingers_[i];
        const bool same = wanted.id == there.id;
        const bool moved = wanted.x != there.x || wanted.y != there.y;
        if (same && (wanted.id == kNoFinger || !moved)) continue;
        events.push_back(make_evdev(EV_ABS, ABS_MT_SLOT, static_cast<std::int32_t>(i)));
        if (!same && there.id != kNoFinger) {
            events.push_back(make_evdev(EV_ABS, ABS_MT_TRACKING_ID, kNoFinger));
            continue;
        }
        if (!same) events.push_back(make_evdev(EV_ABS, ABS_MT_TRACKING_ID, wanted.id));
        events.push_back(make_evdev(EV_ABS, ABS_MT_POSITION_X, wanted.x));
        events.push_back(make_evdev(EV_ABS, ABS_MT_POSITION_Y, wanted.y));
    }
    const auto changed = keys_ ^ from.keys_;
    for (std::size_t code = 0; changed.any() && code < changed.size(); ++code) {
        if (changed[code]) {
            events.push_back(
                make_evdev(EV_KEY, static_cast<std::uint16_t>(code), keys_[code] ? 1 : 0));
        }
    }
    if (x_ != from.x_) events.push_back(make_evdev(EV_ABS, ABS_X, x_));
    if (y_ != from.y_) events.push_back(make_evdev(EV_ABS, ABS_Y, y_));
}

}  // namespace vdmabuf::device
