// SPDX-License-Identifier: MIT
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "runtime/common/result.hpp"
#include "runtime/device/guest_memory.hpp"
#include "runtime/device/vm_state.hpp"

namespace vdmabuf::device {

// A chain of descriptors, copied out of the guest's reach. Every piece is guest memory.
struct Chain {
    std::uint16_t head = 0;
    std::vector<GuestRun> readable;  // by the device; these come first (virtio 1.2, 2.7.4.2)
    std::vector<GuestRun> writable;
    std::uint64_t readable_bytes = 0;
    std::uint64_t writable_bytes = 0;
};

// The device's side of a split virtqueue (virtio 1.2, 2.7), without indirect descriptors and
// without EVENT_IDX, which are not offered. Chains are completed strictly in order: the next one
// to serve is always that at the used index, so that another process can go on from guest memory
// alone. An error means that the driver broke the rules; the queue is not to be used any more.
class Vring {
  public:
    // EINVAL: size not a power of two or too large, or not in guest memory, or not aligned.
    static Result<Vring> create(std::shared_ptr<const GuestMemory> memory, const RingState& state);

    // Looks at the next chain. False: there is none. It stays the next one until push().
    Result<bool> next(Chain& chain);

    // Gives the next chain back to the driver, with `written` bytes in its writable part.
    void push(const Chain& chain, std::uint32_t written);

    // Whether the driver wants an interrupt for what was pushed (VIRTQ_AVAIL_F_NO_INTERRUPT).
    bool interrupt_wanted() const;

    // Asks the driver to kick, or not to (VIRTQ_USED_F_NO_NOTIFY), when it makes buffers available.
    // After asking for kicks, look at next() once more: the driver may have looked before.
    void set_kicks(bool wanted);

    // Chains pushed since the ring was set up, modulo 2^16, as the driver sees it.
    std::uint16_t used_index() const { return used_index_; }

  private:
    Vring() = default;

    std::shared_ptr<const GuestMemory> memory_;
    std::uint16_t size_ = 0;
    std::byte* descriptors_ = nullptr;
    std::byte* available_ = nullptr;
    std::byte* used_ = nullptr;
    std::uint16_t used_index_ = 0;
};

// Copies `bytes.size()` bytes out of, or into, the pieces. False: they are shorter.
bool gather(const GuestMemory& memory, std::span<const GuestRun> pieces,
            std::span<std::byte> bytes);
bool scatter(const GuestMemory& memory, std::span<const GuestRun> pieces,
             std::span<const std::byte> bytes);

}  // namespace vdmabuf::device
