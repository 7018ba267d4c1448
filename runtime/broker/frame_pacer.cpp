// SPDX-License-Identifier: MIT
#include "runtime/broker/frame_pacer.hpp"

#include <algorithm>

namespace vdmabuf::broker {
namespace {

// Calls `visit` with the number of each bit that is set.
template <typename Visit>
void each_bit(std::uint64_t bits, Visit visit) {
    for (; bits; bits &= bits - 1) visit(static_cast<unsigned>(__builtin_ctzll(bits)));
}

constexpr std::uint64_t bit(unsigned number) {
    return std::uint64_t{1} << number;
}

}  // namespace

void FramePacer::present(const Arrival& arrival, std::uint64_t now_ns) {
    take_back(arrival.slot, now_ns);
    // A frame that is not FIFO replaces the one such frame that may be waiting.
    if (arrival.mode != stream::PresentMode::fifo) {
        for (std::uint32_t i = 0; i < waiting_count_; ++i) {
            const std::uint32_t index = waiting_at(i);
            if (slots_[index].mode == stream::PresentMode::fifo) continue;
            remove_waiting(index);
            end(index, true, now_ns);
            break;
        }
    }
    Slot& slot = slots_[arrival.slot];
    slot = Slot{};
    slot.serial = arrival.serial;
    slot.target_ns = arrival.target_ns;
    slot.mode = arrival.mode;
    slot.state = State::waiting;
    newest_serial_ = arrival.serial;
    waiting_[(first_ + waiting_count_) % stream::kMaxSlots] =
        static_cast<std::uint8_t>(arrival.slot);
    ++waiting_count_;
    settle(now_ns);
}

void FramePacer::withdraw(std::uint32_t slot, std::uint64_t now_ns) {
    take_back(slot, now_ns);
    settle(now_ns);
}

void FramePacer::attach(unsigned consumer, std::uint64_t now_ns) {
    attached_ |= bit(consumer);
    ready_ |= bit(consumer);
    last_serial_[consumer] = 0;
    awaited_[consumer] = {};
    settle(now_ns);
}

void FramePacer::detach(unsigned consumer, std::uint64_t now_ns) {
    if (!attached(consumer)) return;
    attached_ &= ~bit(consumer);
    ready_ &= ~bit(consumer);
    awaited_[consumer] = {};
    each_bit(sent_slots_, [&](unsigned index) {
        Slot& slot = slots_[index];
        slot.holders &= ~bit(consumer);
        if (slot.state == State::held && slot.holders == 0) end(index, true, now_ns);
    });
    if (attached_ == 0 && current_ != kNone) report(slots_[current_], false, now_ns, kRefreshNs);
    settle(now_ns);
}

FramePacer::Answer FramePacer::release(unsigned consumer, std::uint64_t serial) {
    if (serial == 0 || serial > newest_serial_) return Answer::unknown;
    for (std::uint64_t bits = sent_slots_; bits; bits &= bits - 1) {
        const auto index = static_cast<std::uint32_t>(__builtin_ctzll(bits));
        Slot& slot = slots_[index];
        if (slot.serial != serial || !(slot.holders & bit(consumer))) continue;
        slot.holders &= ~bit(consumer);
        if (slot.state == State::held && slot.holders == 0) end(index, true, slot.replaced_ns);
        return Answer::ok;
    }
    return Answer::late;
}

FramePacer::Answer FramePacer::presented(unsigned consumer, std::uint64_t serial, bool shown,
                                         std::uint64_t time_ns, std::uint64_t refresh_ns,
                                         std::uint64_t now_ns) {
    if (serial == 0 || serial > newest_serial_) return Answer::unknown;
    const Awaited awaited = awaited_[consumer];
    if (awaited.serial != serial) return Answer::late;
    awaited_[consumer] = {};
    ready_ |= bit(consumer);
    Slot& slot = slots_[awaited.slot];
    // The frame may be over by now: withdrawn, or taken back.
    if (slot.state != State::free && slot.serial == serial &&
        (shown || !awaited_by_another(consumer, serial))) {
        report(slot, shown, time_ns, refresh_ns);
    }
    settle(now_ns);
    return Answer::ok;
}

std::uint64_t FramePacer::deadline_ns() const {
    std::uint64_t deadline = 0;
    const auto sooner = [&](std::uint64_t at) {
        // 0 says "never": a frame that was due at the time 0 is due at 1.
        at = std::max(at, std::uint64_t{1});
        if (deadline == 0 || at < deadline) deadline = at;
    };
    if (waiting_count_ > 0) sooner(due_ns(slots_[waiting_at(0)]));
    each_bit(sent_slots_, [&](unsigned index) {
        if (slots_[index].state == State::held) sooner(slots_[index].replaced_ns + kHoldNs);
    });
    return deadline;
}

void FramePacer::tick(std::uint64_t now_ns) {
    each_bit(sent_slots_, [&](unsigned index) {
        const Slot& slot = slots_[index];
        if (slot.state == State::held && now_ns >= slot.replaced_ns + kHoldNs) {
            end(index, true, now_ns);
        }
    });
    settle(now_ns);
}

void FramePacer::take_back(std::uint32_t slot, std::uint64_t now_ns) {
    if (!busy(slot)) return;
    if (slots_[slot].state == State::waiting) remove_waiting(slot);
    if (current_ == slot) current_ = kNone;
    end(slot, false, now_ns);
}

void FramePacer::remove_waiting(std::uint32_t slot) {
    std::uint32_t kept = 0;
    for (std::uint32_t i = 0; i < waiting_count_; ++i) {
        const std::uint32_t index = waiting_at(i);
        if (index == slot) continue;
        waiting_[(first_ + kept) % stream::kMaxSlots] = static_cast<std::uint8_t>(index);
        ++kept;
    }
    waiting_count_ = kept;
}

// When the frame at the head of the queue may become current, as things stand.
std::uint64_t FramePacer::due_ns(const Slot& slot) const {
    std::uint64_t due = 0;
    if (attached_ != 0) {
        if (ready_ == 0 && advanced_ns_ != 0) due = advanced_ns_ + kStallNs;
    } else if (slot.mode == stream::PresentMode::fifo && advanced_ns_ != 0) {
        due = advanced_ns_ + kRefreshNs;
    }
    return std::max(due, slot.target_ns);
}

void FramePacer::settle(std::uint64_t now_ns) {
    deliver_current();
    while (waiting_count_ > 0 && due_ns(slots_[waiting_at(0)]) <= now_ns) advance(now_ns);
}

void FramePacer::advance(std::uint64_t now_ns) {
    const std::uint32_t next = waiting_at(0);
    const std::uint32_t old = current_;
    first_ = (first_ + 1) % stream::kMaxSlots;
    --waiting_count_;
    // Without a consumer, keep to the beat even if the timer was late: a late tick must not slow
    // the stream down.
    const std::uint64_t beat = advanced_ns_ + kRefreshNs;
    const bool on_beat = attached_ == 0 && beat <= now_ns && now_ns - beat < kRefreshNs;
    advanced_ns_ = on_beat ? beat : now_ns;

    current_ = next;
    slots_[next].state = State::current;
    sent_slots_ |= bit(next);
    deliver_current();
    if (attached_ == 0) report(slots_[next], false, now_ns, kRefreshNs);
    if (old == kNone) return;
    slots_[old].state = State::held;
    slots_[old].replaced_ns = now_ns;
    if (slots_[old].holders == 0) end(old, true, now_ns);
}

void FramePacer::deliver_current() {
    if (current_ == kNone) return;
    Slot& slot = slots_[current_];
    each_bit(ready_, [&](unsigned consumer) {
        if (last_serial_[consumer] >= slot.serial) return;
        last_serial_[consumer] = slot.serial;
        awaited_[consumer] = {slot.serial, current_};
        ready_ &= ~bit(consumer);
        slot.holders |= bit(consumer);
        slot.sent = true;
        sink_.on_frame(consumer, current_);
    });
}

void FramePacer::report(Slot& slot, bool shown, std::uint64_t time_ns, std::uint64_t refresh_ns) {
    if (slot.reported) return;
    slot.reported = true;
    if (shown) ++counters_.shown;
    sink_.on_presented(slot.serial, shown, time_ns, refresh_ns);
}

// The frame is over. With `release`, its slot goes back to the producer.
void FramePacer::end(std::uint32_t index, bool release, std::uint64_t now_ns) {
    Slot& slot = slots_[index];
    report(slot, false, now_ns, 0);
    if (!slot.sent) ++counters_.skipped;
    sent_slots_ &= ~bit(index);
    slot.state = State::free;
    slot.holders = 0;
    if (!release) return;
    ++counters_.released;
    sink_.on_release(index, slot.serial);
}

bool FramePacer::awaited_by_another(unsigned consumer, std::uint64_t serial) const {
    for (std::uint64_t bits = attached_ & ~bit(consumer); bits; bits &= bits - 1) {
        if (awaited_[static_cast<unsigned>(__builtin_ctzll(bits))].serial == serial) return true;
    }
    return false;
}

}  // namespace vdmabuf::broker
