// SPDX-License-Identifier: MIT
#pragma once

#include <linux/input.h>
#include <linux/virtio_input.h>

#include <array>
#include <bitset>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "runtime/common/input_messages.hpp"
#include "runtime/device/input_config.hpp"

namespace vdmabuf::device {

using EvdevEvent = virtio_input_event;

inline EvdevEvent make_evdev(std::uint16_t type, std::uint16_t code, std::int32_t value) {
    EvdevEvent event{};
    event.type = type;
    event.code = code;
    event.value = static_cast<std::uint32_t>(value);
    return event;
}

// What an evdev device is in: keys and buttons that are down, fingers that touch, where the pointer
// is. What only passes by (relative motion, the wheel) is no part of it.
class EvdevState {
  public:
    static constexpr std::int32_t kNoFinger = -1;
    struct Finger {
        std::int32_t id = kNoFinger;  // ABS_MT_TRACKING_ID
        std::int32_t x = 0;
        std::int32_t y = 0;
    };

    // All that this kind of device can have down is.
    void press_all(InputRole role);
    void release_all();  // the pointer stays where it is
    void apply(const EvdevEvent& event);

    bool down(std::uint16_t code) const { return code < KEY_CNT && keys_[code]; }
    const Finger& finger(std::size_t slot) const { return fingers_[slot]; }
    std::size_t fingers() const;  // that touch

    // The events that bring a device from `from` here, without the SYN_REPORT; nothing when it is
    // here. A finger that is another one now goes up first, and down with the next call.
    void difference(const EvdevState& from, std::vector<EvdevEvent>& events) const;

  private:
    std::bitset<KEY_CNT> keys_;
    std::array<Finger, input::kMaxTouches> fingers_{};
    std::size_t slot_ = 0;  // of the fingers, that events are about
    std::int32_t x_ = 0;
    std::int32_t y_ = 0;
};

}  // namespace vdmabuf::device
