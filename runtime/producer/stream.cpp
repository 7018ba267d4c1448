// SPDX-License-Identifier: MIT
#include <algorithm>
#include <cerrno>
#include <new>
#include <utility>

#include "runtime/common/log.hpp"
#include "runtime/common/sync_file.hpp"
#include "runtime/producer/core.hpp"
#include "runtime/producer/patience.hpp"

namespace vdmabuf::producer {
namespace {

constexpr std::uint64_t kPollSlackNs = 10 * kNsPerMs;

stream::Rect united(std::span<const stream::Rect> rects) {
    std::uint64_t x0 = UINT32_MAX, y0 = UINT32_MAX, x1 = 0, y1 = 0;
    for (const stream::Rect& rect : rects) {
        x0 = std::min<std::uint64_t>(x0, rect.x);
        y0 = std::min<std::uint64_t>(y0, rect.y);
        x1 = std::max<std::uint64_t>(x1, std::uint64_t{rect.x} + rect.width);
        y1 = std::max<std::uint64_t>(y1, std::uint64_t{rect.y} + rect.height);
    }
    return {static_cast<std::uint32_t>(x0), static_cast<std::uint32_t>(y0),
            static_cast<std::uint32_t>(x1 - x0), static_cast<std::uint32_t>(y1 - y0)};
}

void fill_damage(stream::Present& message, std::span<const stream::Rect> damage) {
    message.damage_count = 0;
    if (damage.size() > stream::kMaxDamage) {
        message.damage[0] = united(damage);
        message.damage_count = 1;
        return;
    }
    std::copy(damage.begin(), damage.end(), message.damage);
    message.damage_count = static_cast<std::uint32_t>(damage.size());
}

}  // namespace

Stream::~Stream() {
    State& state = *state_;
    Connection::Core& core = *state.core;
    if (core.fork_guard.in_child()) {
        // Locks may be held by threads that did not come along: forget everything.
        new (std::nothrow) std::shared_ptr<State>(std::move(state_));
        return;
    }
    {
        const std::lock_guard lock(core.mutex);
        core.streams.erase(state.number);
    }
    // Unshared at the end of this function: after STREAM_DESTROY, and without a lock.
    std::array<std::shared_ptr<SharedBuffer>, stream::kMaxSlots> memories;
    const std::lock_guard dispatch(state.dispatch);
    const std::lock_guard lock(state.mutex);
    state.listener = nullptr;
    for (std::uint32_t i = 0; i < stream::kMaxSlots; ++i) {
        state.slots[i].listener = nullptr;
        memories[i] = std::move(state.slots[i].memory);
    }
    if (state.announced) {
        auto message = stream::make<stream::StreamDestroy>();
        message.stream = state.number;
        core.transport->send_waiting(stream::bytes_of(message));
        state.announced = false;
    }
}

Result<std::vector<std::uint32_t>> Stream::reserve_slots(std::uint32_t count) {
    if (state_->core->fork_guard.in_child()) return Error{ECHILD, "in a child of fork(2)"};
    std::vector<std::uint32_t> free;
    const std::lock_guard lock(state_->mutex);
    for (std::uint32_t i = 0; i < stream::kMaxSlots && free.size() < count; ++i) {
        if (!state_->slots[i].reserved) free.push_back(i);
    }
    if (free.size() < count) return Error{ENOSPC, "a window has at most 64 images at a time"};
    for (const std::uint32_t slot : free) state_->slots[slot].reserved = true;
    return free;
}

Status Stream::set_image(std::uint32_t slot_number, const ImageInfo& info,
                         const std::shared_ptr<Buffer>& buffer, StreamListener* listener) {
    State& state = *state_;
    Connection::Core& core = *state.core;
    if (core.fork_guard.in_child()) return Error{ECHILD, "in a child of fork(2)"};
    if (slot_number >= stream::kMaxSlots || !buffer) return Error{EINVAL, "set_image"};
    std::shared_ptr<SharedBuffer> memory = core.shared_buffer(buffer);
    const std::lock_guard lock(state.mutex);
    Slot& slot = state.slots[slot_number];
    if (!slot.reserved || slot.bound) return Error{EINVAL, "set_image: slot not free"};
    slot.bound = true;
    slot.info = info;
    slot.memory = memory;  // the other reference ends after the lock, if this fails
    slot.listener = listener;
    slot.held = false;
    // While the host is away: when it is back.
    if (!state.announced) return {};
    auto sent = core.send_image(state, slot_number);
    if (sent || sent.error().code == ESTALE) return {};
    slot = Slot{};
    slot.reserved = true;
    return sent.error();
}

void Stream::remove_image(std::uint32_t slot_number) {
    State& state = *state_;
    Connection::Core& core = *state.core;
    if (core.fork_guard.in_child() || slot_number >= stream::kMaxSlots) return;
    std::shared_ptr<SharedBuffer> memory;
    {
        const std::lock_guard dispatch(state.dispatch);  // no call of the listener is under way
        const std::lock_guard lock(state.mutex);
        Slot& slot = state.slots[slot_number];
        if (slot.told && state.announced) {
            auto message = stream::make<stream::StreamImageGone>();
            message.stream = state.number;
            message.slot = slot_number;
            core.transport->send_waiting(stream::bytes_of(message));
        }
        if (slot.held) --state.held_count;
        memory = std::move(slot.memory);
        slot = Slot{};
    }
    // `memory` ends here, with UNSHARE if this was its last image.
}

std::uint64_t Stream::present(const FrameInfo& frame, UniqueFd in_fence) noexcept {
    State& state = *state_;
    Connection::Core& core = *state.core;
    if (core.fork_guard.in_child() || frame.slot >= stream::kMaxSlots) return 0;
    std::uint64_t look_by_ns = UINT64_MAX;  // when the reader must look, if not before
    std::uint64_t serial = 0;
    {
        const std::lock_guard lock(state.mutex);
        Slot& slot = state.slots[frame.slot];
        if (!slot.bound) return 0;
        serial = state.next_serial++;
        stream::Present& message = slot.present;
        message.header.type = static_cast<std::uint32_t>(stream::Type::present);
        message.header.size = sizeof message;
        message.stream = state.number;
        message.slot = frame.slot;
        message.serial = serial;
        message.mode = static_cast<std::uint32_t>(frame.mode);
        message.target_ns = frame.target_ns;
        message.called_ns = frame.called_ns;
        message.gpu_done_ns = frame.gpu_done_ns;
        message.cpu_copied_bytes = frame.cpu_copied_bytes;
        fill_damage(message, frame.damage);
        message.sent_ns = now_ns();
        if (!slot.held) ++state.held_count;
        slot.held = true;
        slot.held_since_ns = message.sent_ns;
        slot.sent = false;
        slot.fence = std::move(in_fence);
        if (state.announced && slot.told) {
            slot.sent = core.transport->send(stream::bytes_of(message),
                                             fence_of_present(slot.fence.get())) == 0;
        }
        state.unsent |= state.announced && !slot.sent;
        state.presented_ns = message.sent_ns;
        if (!slot.sent) {
            look_by_ns = message.sent_ns + kTickNs;
        } else if (state.held_count > 1) {
            look_by_ns = message.sent_ns + kStalledNs;
        }
    }
    // The host is expected to release something: the reader must notice if it does not. Rare:
    // while frames flow, the reader never sleeps for longer than that (and what poll(2) adds).
    if (look_by_ns != UINT64_MAX &&
        core.reader_wakes_ns.load(std::memory_order_acquire) > look_by_ns + kPollSlackNs) {
        core.wake_reader();
    }
    return serial;
}

std::uint64_t Stream::fence_time_ns(std::uint32_t slot_number,
                                    std::uint64_t serial) const noexcept {
    State& state = *state_;
    if (state.core->fork_guard.in_child() || slot_number >= stream::kMaxSlots) return 0;
    const std::lock_guard lock(state.mutex);
    const Slot& slot = state.slots[slot_number];
    if (!slot.fence || slot.present.serial != serial) return 0;
    return signal_time_ns(slot.fence.get());
}

void Stream::set_hdr(const stream::HdrMetadata& metadata) {
    State& state = *state_;
    if (state.core->fork_guard.in_child()) return;
    const std::lock_guard lock(state.mutex);
    if (metadata == state.info.hdr) return;
    state.info.hdr = metadata;
    if (state.announced) state.core->send_hdr(state);
}

void Stream::set_extent(std::uint32_t width, std::uint32_t height) noexcept {
    State& state = *state_;
    if (state.core->fork_guard.in_child()) return;
    const std::lock_guard lock(state.mutex);
    if (width == state.info.width && height == state.info.height) return;
    state.info.width = width;
    state.info.height = height;
    if (!state.announced || !(state.core->features & stream::kFeatureExtent)) return;
    auto message = stream::make<stream::StreamExtent>();
    message.stream = state.number;
    message.width = width;
    message.height = height;
    state.core->transport->send_waiting(stream::bytes_of(message));
}

void Stream::set_title(const std::string& title) {
    State& state = *state_;
    if (state.core->fork_guard.in_child()) return;
    const std::lock_guard lock(state.mutex);
    state.info.title = title;
    if (!state.announced) return;
    auto message = stream::make<stream::StreamTitle>();
    message.stream = state.number;
    stream::put_text(message.title, title);
    state.core->transport->send_waiting(stream::bytes_of(message));
}

bool Stream::State::send_aside(std::span<const std::byte> message,
                               const std::function<bool(const State&)>& wanted) {
    return with_patience(core->transport->fd(), [&] {
               const std::lock_guard lock(mutex);
               return announced && wanted(*this) ? core->transport->send(message, {}) : ECANCELED;
           }) == 0;
}

void Stream::set_cursor(const cursor::Image& image) {
    State& state = *state_;
    if (state.core->fork_guard.in_child()) return;
    const bool hidden = image.hidden();
    const auto send = [&state](std::uint32_t feature, std::span<const std::byte> message) {
        return state.send_aside(message, [feature](const State& it) {
            return it.info.takes_input && (it.core->features & feature) != 0;
        });
    };
    auto message = input::make<input::CursorOfProducer>();
    message.stream = state.number;
    message.flags = hidden ? input::kCursorHidden : 0;
    if (!send(input::kFeatureInput, input::bytes_of(message)) || hidden || !image.sound()) return;
    auto part = cursor::make<cursor::PartOfProducer>();
    part.stream = state.number;
    part.shape = image.shape;
    const std::size_t size = image.pixels.size();
    for (std::size_t first = 0; first < size; first += cursor::kPartPixels) {
        const std::size_t count = std::min<std::size_t>(size - first, cursor::kPartPixels);
        part.first = static_cast<std::uint32_t>(first);
        part.count = static_cast<std::uint32_t>(count);
        std::copy_n(image.pixels.begin() + static_cast<std::ptrdiff_t>(first), count, part.pixels);
        if (!send(cursor::kFeatureCursor, cursor::bytes_of(part))) return;
    }
}

}  // namespace vdmabuf::producer
