// SPDX-License-Identifier: MIT
#include "runtime/keeper/handover.hpp"

#include <poll.h>

#include <cstring>

#include "runtime/common/clock.hpp"

namespace vdmabuf::keeper::handover {
namespace {

template <typename Message>
bool decode(std::span<const std::byte> bytes, Message& message) {
    if (bytes.size() != sizeof message) return false;
    std::memcpy(&message, bytes.data(), sizeof message);
    return true;
}

}  // namespace

int send_within(int socket, std::span<const std::byte> message, std::span<const int> fds,
                std::uint64_t deadline_ns) {
    for (;;) {
        const int error = send_message(socket, message, fds);
        if (error != EAGAIN && error != ENOBUFS) return error;
        const std::uint64_t now = now_ns();
        if (now >= deadline_ns) return ETIMEDOUT;
        pollfd poll_fd{socket, POLLOUT, 0};
        const std::uint64_t left_ms = (deadline_ns - now) / kNsPerMs + 1;
        ::poll(&poll_fd, 1, static_cast<int>(left_ms));
    }
}

int send_state(int socket, const device::DeviceName& device, const device::VmState& state,
               std::uint64_t sequence, std::uint64_t deadline_ns) {
    const std::string& vm = device.vm;
    auto snapshot = make<Snapshot>(sequence, vm);
    snapshot.features = state.features;
    snapshot.resumed = state.resumed ? 1 : 0;
    snapshot.device = device.number;
    if (int error = send_within(socket, snapshot, {}, deadline_ns)) return error;
    for (const device::RegionState& from : state.regions) {
        auto region = make<Region>(sequence, vm);
        region.gpa = from.gpa;
        region.size = from.size;
        region.uva = from.uva;
        region.offset = from.offset;
        const std::array fds{from.file->get()};
        if (int error = send_within(socket, region, fds, deadline_ns)) return error;
    }
    for (std::size_t i = 0; i < state.rings.size(); ++i) {
        const device::RingState& from = state.rings[i];
        auto ring = make<Ring>(sequence, vm);
        ring.index = static_cast<std::uint32_t>(i);
        ring.size = from.size;
        ring.descriptors = from.descriptors;
        ring.available = from.available;
        ring.used = from.used;
        std::array<int, 2> fds{};
        std::size_t count = 0;
        if (from.addressed) ring.flags |= kRingAddressed;
        if (from.enabled) ring.flags |= kRingEnabled;
        if (from.kick) {
            ring.flags |= kRingKick;
            fds[count++] = from.kick->get();
        }
        if (from.call) {
            ring.flags |= kRingCall;
            fds[count++] = from.call->get();
        }
        if (int error =
                send_within(socket, ring, std::span<const int>(fds).first(count), deadline_ns)) {
            return error;
        }
    }
    return send_within(socket, make<Commit>(sequence, vm), {}, deadline_ns);
}

Status Receiver::take(std::span<const std::byte> bytes, std::vector<UniqueFd> fds) {
    Header header;
    if (bytes.size() < sizeof header) return Error{EBADMSG, "handover: a message is too short"};
    std::memcpy(&header, bytes.data(), sizeof header);
    if (header.version != kVersion) {
        return Error{EPROTONOSUPPORT, "handover: the keeper is of another version"};
    }
    header.vm[kNameSize - 1] = 0;
    const Error malformed{EBADMSG, "handover: a malformed message"};
    if (header.size != bytes.size()) return malformed;
    const std::string vm = header.vm;
    switch (static_cast<Type>(header.type)) {
        case Type::snapshot: {
            Snapshot snapshot;
            if (!decode(bytes, snapshot) || !fds.empty()) return malformed;
            device_ = {vm, snapshot.device};
            state_ = device::VmState{};
            state_.features = snapshot.features;
            state_.resumed = snapshot.resumed != 0;
            return {};
        }
        case Type::region: {
            Region region;
            if (!decode(bytes, region) || fds.size() != 1 || vm != device_.vm ||
                state_.regions.size() >= device::kMaxRegions) {
                return malformed;
            }
            state_.regions.push_back(device::RegionState{region.gpa, region.size, region.uva,
                                                         region.offset,
                                                         device::share_fd(std::move(fds[0]))});
            return {};
        }
        case Type::ring: {
            Ring ring;
            if (!decode(bytes, ring) || vm != device_.vm || ring.index >= state_.rings.size()) {
                return malformed;
            }
            const bool kick = (ring.flags & kRingKick) != 0;
            const bool call = (ring.flags & kRingCall) != 0;
            if (fds.size() != std::size_t{kick} + std::size_t{call}) return malformed;
            device::RingState& to = state_.rings[ring.index];
            to = device::RingState{};
            to.size = ring.size;
            to.descriptors = ring.descriptors;
            to.available = ring.available;
            to.used = ring.used;
            to.addressed = (ring.flags & kRingAddressed) != 0;
            to.enabled = (ring.flags & kRingEnabled) != 0;
            if (kick) to.kick = device::share_fd(std::move(fds.front()));
            if (call) to.call = device::share_fd(std::move(fds.back()));
            return {};
        }
        case Type::commit: {
            if (vm != device_.vm || !fds.empty()) return malformed;
            const device::VmState state = std::exchange(state_, device::VmState{});
            on_state(std::exchange(device_, {}), state, header.sequence);
            return {};
        }
        case Type::shut_down:
            on_shut_down(header.sequence);
            return {};
        case Type::ack:
        case Type::load:
            break;
    }
    return malformed;
}

}  // namespace vdmabuf::keeper::handover
