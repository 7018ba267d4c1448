// SPDX-License-Identifier: MIT
#include "tests/unit/keeper/fake_front.hpp"

#include <poll.h>
#include <sys/socket.h>

#include <array>

namespace vdmabuf::test {

std::vector<std::byte> to_bytes(const void* data, std::size_t size) {
    const auto* start = static_cast<const std::byte*>(data);
    return {start, start + size};
}

std::vector<std::byte> encode(Request request, std::span<const std::byte> payload,
                              bool need_reply) {
    keeper::MessageHeader header;
    header.request = static_cast<std::uint32_t>(request);
    header.flags = keeper::kFlagVersion | (need_reply ? keeper::kFlagNeedReply : 0);
    header.size = static_cast<std::uint32_t>(payload.size());
    std::vector<std::byte> bytes(sizeof header + payload.size());
    std::memcpy(bytes.data(), &header, sizeof header);
    if (!payload.empty()) std::memcpy(bytes.data() + sizeof header, payload.data(), payload.size());
    return bytes;
}

std::vector<std::byte> memory_table(const std::vector<device::RegionState>& regions) {
    keeper::MemoryTablePayload table;
    table.count = static_cast<std::uint32_t>(regions.size());
    constexpr std::size_t kRegion = sizeof(keeper::MemoryRegionPayload);
    std::vector<std::byte> bytes(sizeof table + regions.size() * kRegion);
    std::memcpy(bytes.data(), &table, sizeof table);
    for (std::size_t i = 0; i < regions.size(); ++i) {
        const keeper::MemoryRegionPayload region{regions[i].gpa, regions[i].size, regions[i].uva,
                                                 regions[i].offset};
        std::memcpy(bytes.data() + sizeof table + i * kRegion, &region, kRegion);
    }
    return bytes;
}

std::vector<std::byte> single_region(const device::RegionState& region) {
    return to_bytes(
        keeper::SingleRegionPayload{0, {region.gpa, region.size, region.uva, region.offset}});
}

std::vector<std::byte> ring_addresses(std::uint32_t index, const device::RingState& ring) {
    return to_bytes(
        keeper::VringAddressPayload{index, 0, ring.descriptors, ring.used, ring.available, 0});
}

std::vector<std::byte> ring_state(std::uint32_t index, std::uint32_t number) {
    return to_bytes(keeper::VringStatePayload{index, number});
}

bool FakeFront::send(std::span<const std::byte> bytes, const std::vector<int>& fds) {
    iovec iov{const_cast<std::byte*>(bytes.data()), bytes.size()};
    alignas(cmsghdr) std::array<char, CMSG_SPACE(sizeof(int) * 16)> control{};
    msghdr msg{};
    msg.msg_iov = &iov;
    msg.msg_iovlen = 1;
    if (!fds.empty()) {
        const std::size_t size = fds.size() * sizeof(int);
        msg.msg_control = control.data();
        msg.msg_controllen = CMSG_SPACE(size);
        cmsghdr* header = CMSG_FIRSTHDR(&msg);
        header->cmsg_level = SOL_SOCKET;
        header->cmsg_type = SCM_RIGHTS;
        header->cmsg_len = CMSG_LEN(size);
        std::memcpy(CMSG_DATA(header), fds.data(), size);
    }
    return ::sendmsg(socket_.get(), &msg, MSG_NOSIGNAL) == static_cast<ssize_t>(bytes.size());
}

std::optional<std::vector<std::byte>> FakeFront::receive() {
    const auto read_all = [this](void* to, std::size_t size) {
        auto* at = static_cast<char*>(to);
        while (size > 0) {
            pollfd poll_fd{socket_.get(), POLLIN, 0};
            if (::poll(&poll_fd, 1, 5000) != 1) return false;
            const ssize_t got = ::recv(socket_.get(), at, size, MSG_DONTWAIT);
            if (got <= 0) return false;
            at += got;
            size -= static_cast<std::size_t>(got);
        }
        return true;
    };
    keeper::MessageHeader header;
    if (!read_all(&header, sizeof header) || header.size > keeper::kMaxPayload ||
        header.flags != (keeper::kFlagVersion | keeper::kFlagReply)) {
        return std::nullopt;
    }
    std::vector<std::byte> payload(header.size);
    if (!read_all(payload.data(), payload.size())) return std::nullopt;
    return payload;
}

std::optional<std::vector<std::byte>> FakeFront::ask(Request request,
                                                     std::span<const std::byte> payload,
                                                     const std::vector<int>& fds) {
    if (!send(encode(request, payload, true), fds)) return std::nullopt;
    return receive();
}

bool FakeFront::tell(Request request, std::span<const std::byte> payload,
                     const std::vector<int>& fds) {
    const auto reply = ask(request, payload, fds);
    return reply && reply->size() == 8 && peek<std::uint64_t>(*reply) == 0;
}

bool FakeFront::start(const FakeGuest& guest, bool like_uml) {
    const auto features = ask(Request::get_features);
    const auto protocol = ask(Request::get_protocol_features);
    if (!features || !protocol || features->size() != 8 || protocol->size() != 8) return false;
    // User Mode Linux knows REPLY_ACK, BACKEND_REQ, CONFIG and INBAND_NOTIFICATIONS.
    auto wanted = peek<std::uint64_t>(*protocol);
    if (like_uml) wanted &= 0x4228;
    bool ok = send(encode(Request::set_protocol_features, to_bytes(wanted)));
    const device::VmState state = guest.state();
    ok = ok && tell(Request::set_owner) && tell(Request::set_features, *features);
    if (like_uml) {
        ok = ok && tell(Request::set_mem_table, memory_table(state.regions),
                        {state.regions[0].file->get()});
    } else {
        for (const device::RegionState& region : state.regions) {
            ok = ok && tell(Request::add_mem_reg, single_region(region), {region.file->get()});
        }
    }
    for (std::uint32_t i = 0; i < device::kRingCount; ++i) {
        const device::RingState& ring = state.rings[i];
        ok = ok && tell(Request::set_vring_num, ring_state(i, ring.size)) &&
             tell(Request::set_vring_base, ring_state(i, guest.used_index(i))) &&
             tell(Request::set_vring_addr, ring_addresses(i, ring)) &&
             tell(Request::set_vring_kick, to_bytes(std::uint64_t{i}), {ring.kick->get()}) &&
             tell(Request::set_vring_call, to_bytes(std::uint64_t{i}), {ring.call->get()});
    }
    for (std::uint32_t i = 0; i < device::kRingCount; ++i) {
        ok = ok && tell(Request::set_vring_enable, ring_state(i, 1));
    }
    return ok;
}

std::optional<std::uint32_t> FakeFront::stop(std::uint32_t queue) {
    const auto reply = ask(Request::get_vring_base, ring_state(queue, 0));
    if (!reply || reply->size() != 8 || peek<std::uint32_t>(*reply) != queue) return std::nullopt;
    return peek<std::uint32_t>(*reply, 4);
}

bool FakeFront::closed() const {
    pollfd poll_fd{socket_.get(), POLLRDHUP, 0};
    return ::poll(&poll_fd, 1, 3000) == 1;
}

}  // namespace vdmabuf::test
