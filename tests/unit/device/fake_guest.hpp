// SPDX-License-Identifier: MIT
// A guest made of nothing but a memfd: its memory, and the driver's side of two split virtqueues in
// it, written byte by byte so that tests can also write them wrong.
#pragma once

#include <linux/virtio_vdmabuf.h>

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "runtime/common/mapping.hpp"
#include "runtime/common/stream_messages.hpp"
#include "runtime/device/guest_memory.hpp"
#include "runtime/device/vm_state.hpp"

namespace vdmabuf::test {

struct Descriptor {
    std::uint64_t address = 0;
    std::uint32_t length = 0;
    std::uint16_t flags = 0;  // 1 next, 2 writable, 4 indirect
    std::uint16_t next = 0;
};

device::SharedFd make_memory_file(std::uint64_t size);
device::SharedFd make_event();  // eventfd

class FakeGuest {
  public:
    static constexpr std::uint64_t kSize = 8ULL << 20;
    static constexpr std::uint64_t kGpa = 0xb015000;  // not 0, as with User Mode Linux
    static constexpr std::uint64_t kUva = 0x7f1234560000;
    static constexpr std::uint64_t kFileOffset = 0x3000;
    static constexpr std::uint32_t kRingSize = 64;
    // Guest-physical addresses.
    static constexpr std::uint64_t kRings = kGpa + 0x10000;    // 0x10000 apart
    static constexpr std::uint64_t kScratch = kGpa + 0x40000;  // requests and responses
    static constexpr std::uint64_t kEventBuffers = kGpa + 0x80000;
    static constexpr std::uint64_t kPages = kGpa + 0x200000;  // for shared buffers
    static constexpr std::uint32_t kEventBufferSize = 16 + VIRTIO_VDMABUF_MAX_MESSAGE;

    FakeGuest();

    device::RegionState region() const;
    device::RingState ring(std::size_t index) const;
    device::VmState state() const;

    std::byte* at(std::uint64_t gpa) const;

    // The driver's side of a queue.
    void set_descriptor(std::size_t queue, std::uint16_t index, const Descriptor& descriptor);
    void make_available(std::size_t queue, std::uint16_t head);
    void set_available_index(std::size_t queue, std::uint16_t index);
    std::uint16_t available_index(std::size_t queue) const;
    std::uint16_t used_index(std::size_t queue) const;
    void set_used_index(std::size_t queue, std::uint16_t index);
    std::uint16_t used_flags(std::size_t queue) const;
    void set_available_flags(std::size_t queue, std::uint16_t flags);
    std::pair<std::uint32_t, std::uint32_t> used_entry(std::size_t queue, std::uint16_t at) const;
    void kick(std::size_t queue) const;
    std::uint64_t interrupts(std::size_t queue) const;  // since the last look

    // Makes a command with a response available; one at a time. `pieces`: how many descriptors the
    // request is cut into.
    void submit(std::span<const std::byte> request, std::size_t pieces = 1);
    // The response to what submit() sent, when it is there.
    std::optional<std::uint32_t> response();

    void post_event_buffers(std::size_t count, std::uint32_t size = kEventBufferSize);
    std::optional<std::vector<std::byte>> take_event();

  private:
    device::SharedFd file_;
    Mapping mapping_;
    std::array<device::SharedFd, device::kRingCount> kicks_;
    std::array<device::SharedFd, device::kRingCount> calls_;
    std::uint16_t event_posted_ = 0;
    std::uint16_t event_taken_ = 0;
    std::uint16_t next_descriptor_ = 0;
    std::uint16_t awaited_ = 0;
    std::uint64_t response_address_ = 0;
};

// Bytes of the device's commands.
std::vector<std::byte> channel_open(std::uint32_t channel, const std::string& comm = "test");
std::vector<std::byte> channel_close(std::uint32_t channel);
std::vector<std::byte> buffer_create(std::uint32_t channel, const stream::BufferId& id,
                                     const std::vector<device::GuestRun>& runs);
std::vector<std::byte> buffer_destroy(std::uint32_t channel, const stream::BufferId& id);
std::vector<std::byte> message(std::uint32_t channel, std::span<const std::byte> data);
std::vector<std::byte> message(std::uint32_t channel, const std::string& text);

inline stream::BufferId make_id(std::uint8_t value) {
    stream::BufferId id{};
    id[0] = value;
    return id;
}

// Overwrites a field of a command or an event.
template <typename T>
void poke(std::vector<std::byte>& bytes, std::size_t offset, T value) {
    std::memcpy(bytes.data() + offset, &value, sizeof value);
}

template <typename T>
T peek(std::span<const std::byte> bytes, std::size_t offset = 0) {
    T value{};
    std::memcpy(&value, bytes.data() + offset, sizeof value);
    return value;
}

}  // namespace vdmabuf::test
