// SPDX-License-Identifier: MIT
// A vhost-user front end as a VMM has one, for one FakeGuest.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "runtime/common/unique_fd.hpp"
#include "runtime/keeper/vhost_user_message.hpp"
#include "tests/unit/device/fake_guest.hpp"

namespace vdmabuf::test {

using keeper::Request;

std::vector<std::byte> to_bytes(const void* data, std::size_t size);
template <typename T>
std::vector<std::byte> to_bytes(const T& value) {
    return to_bytes(&value, sizeof value);
}

// The message's bytes, header included.
std::vector<std::byte> encode(Request request, std::span<const std::byte> payload,
                              bool need_reply = false);

// Payloads that fit a guest.
std::vector<std::byte> memory_table(const std::vector<device::RegionState>& regions);
std::vector<std::byte> single_region(const device::RegionState& region);
std::vector<std::byte> ring_addresses(std::uint32_t index, const device::RingState& ring);
std::vector<std::byte> ring_state(std::uint32_t index, std::uint32_t number);

class FakeFront {
  public:
    explicit FakeFront(UniqueFd socket) : socket_(std::move(socket)) {}

    // Raw bytes. False: the peer is gone.
    bool send(std::span<const std::byte> bytes, const std::vector<int>& fds = {});
    // The next reply's payload, nothing when the peer is gone or silent for 5 s.
    std::optional<std::vector<std::byte>> receive();

    // Sends, and waits for the reply that every message of this class asks for.
    std::optional<std::vector<std::byte>> ask(Request request,
                                              std::span<const std::byte> payload = {},
                                              const std::vector<int>& fds = {});
    // The same for messages whose reply is a status. True: 0.
    bool tell(Request request, std::span<const std::byte> payload = {},
              const std::vector<int>& fds = {});

    // All that a VMM says until a driver's device runs; the way QEMU or User Mode Linux says it.
    bool start(const FakeGuest& guest, bool like_uml = false);
    // GET_VRING_BASE of both queues.
    std::optional<std::uint32_t> stop(std::uint32_t queue);

    bool closed() const;  // by the peer
    int socket() const { return socket_.get(); }

  private:
    UniqueFd socket_;
};

}  // namespace vdmabuf::test
