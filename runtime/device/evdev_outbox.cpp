// SPDX-License-Identifier: MIT
#include "runtime/device/evdev_outbox.hpp"

#include <cstdlib>
#include <optional>

namespace vdmabuf::device {
namespace {

// A difference: every key, or a finger's four events in every slot and the button; the pointer;
// SYN_REPORT.
constexpr std::size_t kLongest =
    input::kKeyMax + (input::kButtonLast - input::kButtonFirst + 1) + 4 * input::kMaxTouches + 4;
static_assert(kLongest <= 2 * EvdevOutbox::kMaxWaiting);

constexpr std::int32_t kFarthest = 1 << 24;  // of motions that are put together

// What the two together say; nothing where that is more than one event.
std::optional<std::int32_t> sum(const EvdevEvent& waiting, const EvdevEvent& next) {
    if (waiting.type != next.type || waiting.code != next.code) return std::nullopt;
    const auto before = static_cast<std::int32_t>(waiting.value);
    const auto value = static_cast<std::int32_t>(next.value);
    if (next.type == EV_REL) {
        if (std::abs(before) > kFarthest || std::abs(value) > kFarthest) return std::nullopt;
        return before + value;
    }
    const bool other =
        next.code == ABS_MT_TRACKING_ID || (next.code == ABS_MT_SLOT && before != value);
    if (next.type != EV_ABS || other) return std::nullopt;
    return value;
}

}  // namespace

EvdevOutbox::EvdevOutbox(InputRole role) : role_(role) {
    difference_.reserve(kLongest);
}

void EvdevOutbox::push(const EvdevEvent& event) {
    events_[(first_ + count_++) % events_.size()] = event;
}

bool EvdevOutbox::merge(std::span<const EvdevEvent> packet) {
    // One that the guest has a part of is too short.
    if (packet.empty() || packet.size() != last_ || count_ < last_ + 1) return false;
    const auto waiting = [this](std::size_t i) -> EvdevEvent& {
        return events_[(first_ + count_ - 1 - last_ + i) % events_.size()];
    };
    for (std::size_t i = 0; i < last_; ++i) {
        if (!sum(waiting(i), packet[i])) return false;
    }
    for (std::size_t i = 0; i < last_; ++i) {
        waiting(i).value = static_cast<std::uint32_t>(*sum(waiting(i), packet[i]));
        wanted_.apply(packet[i]);
    }
    return true;
}

void EvdevOutbox::add(std::span<const EvdevEvent> packet) {
    if (merge(packet)) return;
    const bool room = count_ + packet.size() < kMaxWaiting;
    std::size_t pushed = 0;
    bool any = false;
    for (const EvdevEvent& event : packet) {
        if (event.type == EV_KEY && wanted_.down(event.code) == (event.value != 0)) continue;
        wanted_.apply(event);
        any = true;
        if (!room) continue;
        push(event);
        ++pushed;
    }
    if (!any || !room) return;
    push(make_evdev(EV_SYN, SYN_REPORT, 0));
    last_ = pushed;
}

void EvdevOutbox::restart(bool unknown) {
    count_ = 0;
    wanted_.release_all();
    if (unknown) told_.press_all(role_);
}

const EvdevEvent* EvdevOutbox::next() {
    if (count_ == 0) {
        difference_.clear();
        wanted_.difference(told_, difference_);
        if (difference_.empty()) return nullptr;
        for (const EvdevEvent& event : difference_) push(event);
        push(make_evdev(EV_SYN, SYN_REPORT, 0));
        last_ = 0;
    }
    return &events_[first_];
}

void EvdevOutbox::pop() {
    told_.apply(events_[first_]);
    first_ = (first_ + 1) % events_.size();
    --count_;
}

}  // namespace vdmabuf::device
