// SPDX-License-Identifier: MIT
#include "runtime/device/evdev_outbox.hpp"

namespace vdmabuf::device {
namespace {

// A difference: every key, or a finger's four events in every slot and the button; the pointer;
// SYN_REPORT.
constexpr std::size_t kLongest =
    input::kKeyMax + (input::kButtonLast - input::kButtonFirst + 1) + 4 * input::kMaxTouches + 4;
static_assert(kLongest <= 2 * EvdevOutbox::kMaxWaiting);

}  // namespace

EvdevOutbox::EvdevOutbox(InputRole role) : role_(role) {
    difference_.reserve(kLongest);
}

void EvdevOutbox::push(const EvdevEvent& event) {
    events_[(first_ + count_++) % events_.size()] = event;
}

void EvdevOutbox::add(std::span<const EvdevEvent> packet) {
    const bool room = count_ + packet.size() < kMaxWaiting;
    bool any = false;
    for (const EvdevEvent& event : packet) {
        if (event.type == EV_KEY && wanted_.down(event.code) == (event.value != 0)) continue;
        wanted_.apply(event);
        if (room) push(event);
        any = true;
    }
    if (any && room) push(make_evdev(EV_SYN, SYN_REPORT, 0));
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
    }
    return &events_[first_];
}

void EvdevOutbox::pop() {
    told_.apply(events_[first_]);
    first_ = (first_ + 1) % events_.size();
    --count_;
}

}  // namespace vdmabuf::device
