// SPDX-License-Identifier: MIT
#include "runtime/device/vring.hpp"

#include <algorithm>
#include <atomic>
#include <bit>

namespace vdmabuf::device {
namespace {

constexpr std::uint32_t kMaxSize = 32768;  // virtio 1.2, 2.7: Queue Size

// Offsets in the rings: flags, idx, ring[]. virtio 1.2, 2.7.6 and 2.7.8.
constexpr std::size_t kFlags = 0;
constexpr std::size_t kIndex = 2;
constexpr std::size_t kEntries = 4;

// linux/virtio_ring.h has these too, but is not C++.
constexpr std::uint16_t kDescNext = 1;
constexpr std::uint16_t kDescWrite = 2;
constexpr std::uint16_t kDescIndirect = 4;
constexpr std::uint16_t kUsedNoNotify = 1;
constexpr std::uint16_t kAvailNoInterrupt = 1;

// The guest writes to this memory while we read it: each field is read exactly once, whole.
template <typename T>
T load(std::byte* at, std::memory_order order = std::memory_order_relaxed) {
    return std::atomic_ref<T>(*reinterpret_cast<T*>(at)).load(order);
}

template <typename T>
void store(std::byte* at, T value, std::memory_order order = std::memory_order_relaxed) {
    std::atomic_ref<T>(*reinterpret_cast<T*>(at)).store(value, order);
}

bool aligned(const std::byte* at, std::uintptr_t to) {
    return reinterpret_cast<std::uintptr_t>(at) % to == 0;
}

}  // namespace

Result<Vring> Vring::create(std::shared_ptr<const GuestMemory> memory, const RingState& state) {
    if (state.size == 0 || state.size > kMaxSize || !std::has_single_bit(state.size)) {
        return Error{EINVAL, "queue size " + std::to_string(state.size) +
                                 " is not a power of two up to " + std::to_string(kMaxSize)};
    }
    Vring ring;
    ring.size_ = static_cast<std::uint16_t>(state.size);
    ring.descriptors_ = memory->at_front(state.descriptors, 16ULL * state.size);
    ring.available_ = memory->at_front(state.available, kEntries + 2ULL * state.size);
    ring.used_ = memory->at_front(state.used, kEntries + 8ULL * state.size);
    if (!ring.descriptors_ || !ring.available_ || !ring.used_) {
        return Error{EFAULT, "a queue is outside of the memory that the VMM shares"};
    }
    if (!aligned(ring.descriptors_, 16) || !aligned(ring.available_, 2) ||
        !aligned(ring.used_, 4)) {  // virtio 1.2, 2.7
        return Error{EINVAL, "a queue is not aligned"};
    }
    ring.memory_ = std::move(memory);
    ring.used_index_ = load<std::uint16_t>(ring.used_ + kIndex);
    return ring;
}

Result<bool> Vring::next(Chain& chain) {
    chain.readable.clear();
    chain.writable.clear();
    chain.readable_bytes = chain.writable_bytes = 0;
    // Pairs with the driver's write barrier between the ring's entries and idx (2.7.13).
    const auto available = load<std::uint16_t>(available_ + kIndex, std::memory_order_acquire);
    const auto waiting = static_cast<std::uint16_t>(available - used_index_);
    if (waiting == 0) return false;
    if (waiting > size_) return Error{EBADMSG, "the available index runs ahead of the queue"};

    const std::size_t slot = used_index_ % size_;
    chain.head = load<std::uint16_t>(available_ + kEntries + 2 * slot);
    std::uint32_t index = chain.head;
    for (std::uint32_t count = 1;; ++count) {
        if (count > size_) return Error{EBADMSG, "a descriptor chain has a loop"};
        if (index >= size_) return Error{EBADMSG, "a descriptor's index is outside of the queue"};
        std::byte* at = descriptors_ + std::size_t{16} * index;
        const auto address = load<std::uint64_t>(at);
        const auto length = load<std::uint32_t>(at + 8);
        const auto flags = load<std::uint16_t>(at + 12);
        const auto following = load<std::uint16_t>(at + 14);
        if (flags & kDescIndirect) {
            return Error{EBADMSG, "an indirect descriptor, which was not negotiated"};
        }
        if (length == 0) return Error{EBADMSG, "a descriptor of length 0"};
        if (!memory_->covers(address, length)) {
            return Error{EFAULT, "a descriptor is outside of guest memory"};
        }
        if (flags & kDescWrite) {
            chain.writable.push_back({address, length});
            chain.writable_bytes += length;
        } else {
            if (!chain.writable.empty()) {
                return Error{EBADMSG, "a readable descriptor follows a writable one"};
            }
            chain.readable.push_back({address, length});
            chain.readable_bytes += length;
        }
        if (!(flags & kDescNext)) return true;
        index = following;
    }
}

void Vring::push(const Chain& chain, std::uint32_t written) {
    std::byte* entry = used_ + kEntries + std::size_t{8} * (used_index_ % size_);
    store<std::uint32_t>(entry, chain.head);
    store<std::uint32_t>(entry + 4, written);
    ++used_index_;
    // What was written to the buffers, and the entry, before the index (2.7.8.2).
    store<std::uint16_t>(used_ + kIndex, used_index_, std::memory_order_release);
}

bool Vring::interrupt_wanted() const {
    // The index must be visible before the flags are read (2.7.7.2): else both sides may miss.
    std::atomic_thread_fence(std::memory_order_seq_cst);
    return (load<std::uint16_t>(available_ + kFlags) & kAvailNoInterrupt) == 0;
}

void Vring::set_kicks(bool wanted) {
    store<std::uint16_t>(used_ + kFlags, static_cast<std::uint16_t>(wanted ? 0 : kUsedNoNotify));
    std::atomic_thread_fence(std::memory_order_seq_cst);
}

bool gather(const GuestMemory& memory, std::span<const GuestRun> pieces,
            std::span<std::byte> bytes) {
    for (const GuestRun& piece : pieces) {
        if (bytes.empty()) break;
        const std::size_t here = std::min<std::size_t>(bytes.size(), piece.length);
        if (!memory.read(piece.gpa, bytes.first(here))) return false;
        bytes = bytes.subspan(here);
    }
    return bytes.empty();
}

bool scatter(const GuestMemory& memory, std::span<const GuestRun> pieces,
             std::span<const std::byte> bytes) {
    for (const GuestRun& piece : pieces) {
        if (bytes.empty()) break;
        const std::size_t here = std::min<std::size_t>(bytes.size(), piece.length);
        if (!memory.write(piece.gpa, bytes.first(here))) return false;
        bytes = bytes.subspan(here);
    }
    return bytes.empty();
}

}  // namespace vdmabuf::device
