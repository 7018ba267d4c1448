// SPDX-License-Identifier: MIT
#include "layer/timing_queue.hpp"

#include <algorithm>
#include <chrono>

#include "layer/present_log.hpp"
#include "runtime/common/clock.hpp"

namespace vdmabuf::layer {

VkResult TimingQueue::resize(std::uint32_t size) {
    std::vector<Entry> room;
    if (size > room.max_size()) return VK_ERROR_OUT_OF_HOST_MEMORY;
    room.reserve(size);
    const std::lock_guard lock(mutex_);
    if (size < entries_.size()) return VK_NOT_READY;
    room.assign(entries_.begin(), entries_.end());
    entries_.swap(room);
    room_ = size;
    return VK_SUCCESS;
}

std::uint64_t TimingQueue::reserve(const PresentTiming& what) noexcept {
    const std::lock_guard lock(mutex_);
    if (entries_.size() >= room_) return 0;
    Entry entry;
    entry.result.what = what;
    entry.ticket = ++last_ticket_;
    entries_.push_back(entry);  // into what resize() has reserved
    return entry.ticket;
}

void TimingQueue::withdraw(std::uint64_t ticket) noexcept {
    const std::lock_guard lock(mutex_);
    std::erase_if(entries_, [&](const Entry& entry) { return entry.ticket == ticket; });
}

void TimingQueue::handed_over(std::uint64_t ticket, std::uint64_t serial, std::uint32_t slot,
                              std::uint64_t not_before_ns) noexcept {
    const std::lock_guard lock(mutex_);
    last_serial_ = serial;
    last_give_up_ns_ = std::max(now_ns(), not_before_ns) + PresentLog::kGiveUpNs;
    last_settled_ = false;
    Entry* entry = by_ticket(ticket);
    if (entry) {
        entry->serial = serial;
        entry->slot = slot;
        entry->give_up_ns = last_give_up_ns_;
    }
    // Others than this one can be of no use later: serials are handed over in their order.
    while (early_.count() > 0) {
        const Report report = early_.pop();
        if (report.serial != serial) continue;
        last_settled_ = true;
        if (entry) settle(*entry, report.shown_ns);
    }
}

void TimingQueue::gpu_done(std::uint64_t ticket, std::uint64_t time_ns) noexcept {
    const std::lock_guard lock(mutex_);
    if (Entry* entry = by_ticket(ticket)) {
        entry->result.gpu_done_ns = time_ns;
        complete(*entry);
    }
}

void TimingQueue::finished(std::uint64_t ticket) noexcept {
    const std::lock_guard lock(mutex_);
    if (Entry* entry = by_ticket(ticket)) settle(*entry, 0);
}

std::uint32_t TimingQueue::slot_without_gpu_time(std::uint64_t serial) noexcept {
    const std::lock_guard lock(mutex_);
    const Entry* entry = by_serial(serial);
    const bool wanted =
        entry && (entry->result.what.stages & kStageGpuDone) && entry->result.gpu_done_ns == 0;
    return wanted ? entry->slot : kNoSlot;
}

void TimingQueue::gpu_done_of(std::uint64_t serial, std::uint64_t time_ns) noexcept {
    const std::lock_guard lock(mutex_);
    if (Entry* entry = by_serial(serial)) entry->result.gpu_done_ns = time_ns;
}

void TimingQueue::reported(std::uint64_t serial, std::uint64_t shown_ns,
                           std::uint64_t refresh_ns) noexcept {
    const std::lock_guard lock(mutex_);
    note_refresh(refresh_ns);
    shown_ns_ = std::max(shown_ns_, shown_ns);
    if (serial > last_serial_) {
        if (early_.count() == early_.size()) (void)early_.pop();
        early_.push({serial, shown_ns});
        return;
    }
    if (serial == last_serial_) last_settled_ = true;
    if (Entry* entry = by_serial(serial)) settle(*entry, shown_ns);
    changed_.notify_all();
}

std::uint32_t TimingQueue::available(const Wanted& wanted) noexcept {
    const std::lock_guard lock(mutex_);
    std::uint32_t count = 0;
    for_each_available(wanted, [&](const Entry&) { ++count; });
    return count;
}

bool TimingQueue::last_shown(std::uint64_t timeout_ns, std::uint64_t& shown_ns) noexcept {
    std::unique_lock lock(mutex_);
    (void)changed_.wait_for(lock, std::chrono::nanoseconds(timeout_ns),
                            [this] { return last_settled_; });
    if (!last_settled_ && now_ns() < last_give_up_ns_) return false;
    shown_ns = shown_ns_;
    return true;
}

void TimingQueue::set_refresh(std::uint64_t ns) noexcept {
    const std::lock_guard lock(mutex_);
    note_refresh(ns);
}

void TimingQueue::note_refresh(std::uint64_t ns) noexcept {
    if (ns == 0 || ns == refresh_ns_) return;
    refresh_ns_ = ns;
    ++refresh_counter_;
}

std::uint64_t TimingQueue::refresh_ns(std::uint64_t* counter) const noexcept {
    const std::lock_guard lock(mutex_);
    if (counter) *counter = refresh_counter_;
    return refresh_ns_;
}

TimingQueue::Entry* TimingQueue::by_ticket(std::uint64_t ticket) noexcept {
    if (ticket == 0) return nullptr;
    const auto found = std::find_if(entries_.begin(), entries_.end(),
                                    [&](const Entry& entry) { return entry.ticket == ticket; });
    return found == entries_.end() ? nullptr : &*found;
}

TimingQueue::Entry* TimingQueue::by_serial(std::uint64_t serial) noexcept {
    const auto found = std::find_if(entries_.begin(), entries_.end(),
                                    [&](const Entry& entry) { return entry.serial == serial; });
    return serial == 0 || found == entries_.end() ? nullptr : &*found;
}

void TimingQueue::settle(Entry& entry, std::uint64_t shown_ns) noexcept {
    if (entry.settled) return;
    entry.settled = true;
    entry.result.shown_ns = shown_ns;
    complete(entry);
}

// An app may want to know of the GPU alone: it need not wait for the display.
void TimingQueue::complete(Entry& entry) noexcept {
    const std::uint32_t stages = entry.result.what.stages;
    entry.result.complete =
        entry.settled || (stages == kStageGpuDone && entry.result.gpu_done_ns != 0);
}

// A host that has said nothing for so long will not: the places must not stay taken.
void TimingQueue::give_up_old() noexcept {
    const std::uint64_t now = now_ns();
    for (Entry& entry : entries_) {
        if (!entry.settled && now >= entry.give_up_ns) settle(entry, 0);
    }
}

}  // namespace vdmabuf::layer
