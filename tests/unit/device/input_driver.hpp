// SPDX-License-Identifier: MIT
// The driver's side of a virtio-input device in a FakeGuest.
#pragma once

#include <linux/input.h>
#include <linux/virtio_input.h>

#include <array>
#include <cstring>
#include <vector>

#include "tests/unit/device/fake_guest.hpp"

namespace vdmabuf::test {

// type, code, value
using Told = std::array<std::int32_t, 3>;
constexpr Told kSync{EV_SYN, SYN_REPORT, 0};
inline Told told_key(std::int32_t code, bool down) {
    return {EV_KEY, code, down ? 1 : 0};
}

class InputDriver {
  public:
    static constexpr std::size_t kEvents = 0;
    static constexpr std::size_t kStatus = 1;

    explicit InputDriver(FakeGuest& guest) : guest_(guest) {}

    // Buffers for `count` events, and a kick.
    void post(std::size_t count, std::uint32_t size = sizeof(virtio_input_event)) {
        for (std::size_t i = 0; i < count; ++i, ++posted_) {
            const auto slot = static_cast<std::uint16_t>(posted_ % FakeGuest::kRingSize);
            guest_.set_descriptor(kEvents, slot, {address(slot), size, 2, 0});
            guest_.make_available(kEvents, slot);
        }
        guest_.kick(kEvents);
    }
    // What has come since the last call.
    std::vector<Told> take() {
        std::vector<Told> events;
        while (guest_.used_index(kEvents) != taken_) {
            const auto [head, length] = guest_.used_entry(kEvents, taken_++);
            virtio_input_event event{};
            if (length != sizeof event) events.push_back({-1, -1, -1});
            std::memcpy(&event, guest_.at(address(head)), sizeof event);
            events.push_back({event.type, event.code, static_cast<std::int32_t>(event.value)});
        }
        return events;
    }
    // A light of the keyboard.
    void say_status() {
        const auto slot = static_cast<std::uint16_t>(lights_++ % FakeGuest::kRingSize);
        guest_.set_descriptor(kStatus, slot, {FakeGuest::kScratch, 8, 0, 0});
        guest_.make_available(kStatus, slot);
        guest_.kick(kStatus);
    }

  private:
    static std::uint64_t address(std::uint32_t slot) {
        return FakeGuest::kEventBuffers + slot * 0x10ULL;
    }

    FakeGuest& guest_;
    std::uint16_t posted_ = 0;
    std::uint16_t taken_ = 0;
    std::uint16_t lights_ = 0;
};

}  // namespace vdmabuf::test
