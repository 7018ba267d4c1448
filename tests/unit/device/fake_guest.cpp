// SPDX-License-Identifier: MIT
#include "tests/unit/device/fake_guest.hpp"

#include <fcntl.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <unistd.h>

#include <atomic>
#include <cstdlib>

namespace vdmabuf::test {
namespace {

constexpr std::uint64_t kAvailable = 0x4000;  // from a ring's start
constexpr std::uint64_t kUsed = 0x8000;

std::uint64_t ring_start(std::size_t queue) {
    return FakeGuest::kRings + queue * 0x10000;
}

std::uint16_t load16(std::byte* at) {
    return std::atomic_ref<std::uint16_t>(*reinterpret_cast<std::uint16_t*>(at))
        .load(std::memory_order_acquire);
}

void store16(std::byte* at, std::uint16_t value) {
    std::atomic_ref<std::uint16_t>(*reinterpret_cast<std::uint16_t*>(at))
        .store(value, std::memory_order_release);
}

template <typename Wire>
std::vector<std::byte> command(Wire wire, std::uint32_t type, std::uint32_t channel,
                               std::span<const std::byte> tail = {}) {
    std::vector<std::byte> bytes(sizeof wire + tail.size());
    wire.hdr.type = type;
    wire.hdr.size = static_cast<std::uint32_t>(bytes.size());
    wire.hdr.channel = channel;
    std::memcpy(bytes.data(), &wire, sizeof wire);
    if (!tail.empty()) std::memcpy(bytes.data() + sizeof wire, tail.data(), tail.size());
    return bytes;
}

}  // namespace

device::SharedFd make_memory_file(std::uint64_t size) {
    UniqueFd fd(::memfd_create("guest", MFD_CLOEXEC | MFD_ALLOW_SEALING));
    if (!fd || ::ftruncate(fd.get(), static_cast<off_t>(size)) != 0) std::abort();
    // As QEMU seals its memory.
    constexpr int kSeals = F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL;
    if (::fcntl(fd.get(), F_ADD_SEALS, kSeals) != 0) std::abort();
    return device::share_fd(std::move(fd));
}

device::SharedFd make_event() {
    return device::share_fd(UniqueFd(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)));
}

FakeGuest::FakeGuest() : file_(make_memory_file(kFileOffset + kSize)) {
    void* address = ::mmap(nullptr, kSize, PROT_READ | PROT_WRITE, MAP_SHARED, file_->get(),
                           static_cast<off_t>(kFileOffset));
    if (address == MAP_FAILED) std::abort();
    mapping_ = Mapping(address, kSize);
    for (auto& kick : kicks_) kick = make_event();
    for (auto& call : calls_) call = make_event();
}

device::RegionState FakeGuest::region() const {
    return {kGpa, kSize, kUva, kFileOffset, file_};
}

device::RingState FakeGuest::ring(std::size_t index) const {
    const std::uint64_t start = ring_start(index) - kGpa + kUva;
    device::RingState ring;
    ring.size = kRingSize;
    ring.descriptors = start;
    ring.available = start + kAvailable;
    ring.used = start + kUsed;
    ring.addressed = ring.enabled = true;
    ring.kick = kicks_[index];
    ring.call = calls_[index];
    return ring;
}

device::VmState FakeGuest::state() const {
    device::VmState state;
    state.features = 1ULL << 32;
    state.regions = {region()};
    for (std::size_t i = 0; i < device::kRingCount; ++i) state.rings[i] = ring(i);
    return state;
}

std::byte* FakeGuest::at(std::uint64_t gpa) const {
    return mapping_.bytes() + (gpa - kGpa);
}

void FakeGuest::set_descriptor(std::size_t queue, std::uint16_t index,
                               const Descriptor& descriptor) {
    std::memcpy(at(ring_start(queue)) + std::size_t{16} * index, &descriptor, 16);
}

void FakeGuest::make_available(std::size_t queue, std::uint16_t head) {
    const std::uint16_t index = available_index(queue);
    store16(at(ring_start(queue) + kAvailable) + 4 + std::size_t{2} * (index % kRingSize), head);
    set_available_index(queue, static_cast<std::uint16_t>(index + 1));
}

void FakeGuest::set_available_index(std::size_t queue, std::uint16_t index) {
    store16(at(ring_start(queue) + kAvailable) + 2, index);
}

std::uint16_t FakeGuest::available_index(std::size_t queue) const {
    return load16(at(ring_start(queue) + kAvailable) + 2);
}

std::uint16_t FakeGuest::used_index(std::size_t queue) const {
    return load16(at(ring_start(queue) + kUsed) + 2);
}

void FakeGuest::set_used_index(std::size_t queue, std::uint16_t index) {
    store16(at(ring_start(queue) + kUsed) + 2, index);
}

std::uint16_t FakeGuest::used_flags(std::size_t queue) const {
    return load16(at(ring_start(queue) + kUsed));
}

void FakeGuest::set_available_flags(std::size_t queue, std::uint16_t flags) {
    store16(at(ring_start(queue) + kAvailable), flags);
}

std::pair<std::uint32_t, std::uint32_t> FakeGuest::used_entry(std::size_t queue,
                                                              std::uint16_t index) const {
    std::uint32_t entry[2];
    std::memcpy(entry, at(ring_start(queue) + kUsed) + 4 + std::size_t{8} * (index % kRingSize),
                sizeof entry);
    return {entry[0], entry[1]};
}

void FakeGuest::kick(std::size_t queue) const {
    const std::uint64_t one = 1;
    if (::write(kicks_[queue]->get(), &one, sizeof one) != sizeof one) std::abort();
}

std::uint64_t FakeGuest::interrupts(std::size_t queue) const {
    std::uint64_t count = 0;
    return ::read(calls_[queue]->get(), &count, sizeof count) == sizeof count ? count : 0;
}

void FakeGuest::submit(std::span<const std::byte> request, std::size_t pieces) {
    constexpr std::size_t kQueue = VIRTIO_VDMABUF_VQ_COMMAND;
    std::memcpy(at(kScratch), request.data(), request.size());
    // Behind the request, so that nothing overlaps.
    response_address_ = kScratch + 0x30000;
    std::memset(at(response_address_), 0xff, sizeof(virtio_vdmabuf_response));
    const auto index = [this](std::size_t i) {
        return static_cast<std::uint16_t>((next_descriptor_ + i) % kRingSize);
    };
    const std::size_t step = (request.size() + pieces - 1) / pieces;
    std::size_t count = 0;
    for (std::size_t done = 0; done < request.size(); done += step, ++count) {
        Descriptor descriptor;
        descriptor.address = kScratch + done;
        descriptor.length = static_cast<std::uint32_t>(std::min(step, request.size() - done));
        descriptor.flags = 1;
        descriptor.next = index(count + 1);
        set_descriptor(kQueue, index(count), descriptor);
    }
    set_descriptor(kQueue, index(count),
                   {response_address_, sizeof(virtio_vdmabuf_response), 2, 0});
    const std::uint16_t head = next_descriptor_;
    next_descriptor_ = index(count + 1);
    make_available(kQueue, head);
    awaited_ = available_index(kQueue);
    kick(kQueue);
}

std::optional<std::uint32_t> FakeGuest::response() {
    if (used_index(VIRTIO_VDMABUF_VQ_COMMAND) != awaited_) return std::nullopt;
    virtio_vdmabuf_response response{};
    std::memcpy(&response, at(response_address_), sizeof response);
    return response.status;
}

void FakeGuest::post_event_buffers(std::size_t count, std::uint32_t size) {
    for (std::size_t i = 0; i < count; ++i, ++event_posted_) {
        const auto slot = static_cast<std::uint16_t>(event_posted_ % kRingSize);
        set_descriptor(VIRTIO_VDMABUF_VQ_EVENT, slot,
                       {kEventBuffers + slot * 0x2000ULL, size, 2, 0});
        make_available(VIRTIO_VDMABUF_VQ_EVENT, slot);
    }
    kick(VIRTIO_VDMABUF_VQ_EVENT);
}

std::optional<std::vector<std::byte>> FakeGuest::take_event() {
    if (used_index(VIRTIO_VDMABUF_VQ_EVENT) == event_taken_) return std::nullopt;
    const auto [head, length] = used_entry(VIRTIO_VDMABUF_VQ_EVENT, event_taken_++);
    std::vector<std::byte> event(length);
    std::memcpy(event.data(), at(kEventBuffers + head * 0x2000ULL), length);
    return event;
}

std::vector<std::byte> channel_open(std::uint32_t channel, const std::string& comm) {
    virtio_vdmabuf_channel_open wire{};
    wire.pid = 42;
    wire.uid = 1000;
    comm.copy(reinterpret_cast<char*>(wire.comm), sizeof wire.comm - 1);
    return command(wire, VIRTIO_VDMABUF_CMD_CHANNEL_OPEN, channel);
}

std::vector<std::byte> channel_close(std::uint32_t channel) {
    return command(virtio_vdmabuf_channel_close{}, VIRTIO_VDMABUF_CMD_CHANNEL_CLOSE, channel);
}

std::vector<std::byte> buffer_create(std::uint32_t channel, const stream::BufferId& id,
                                     const std::vector<device::GuestRun>& runs) {
    virtio_vdmabuf_buffer_create wire{};
    std::memcpy(wire.id, id.data(), id.size());
    wire.nr_runs = static_cast<std::uint32_t>(runs.size());
    for (const device::GuestRun& run : runs) wire.size += run.length;
    static_assert(sizeof(device::GuestRun) == sizeof(virtio_vdmabuf_run));
    return command(wire, VIRTIO_VDMABUF_CMD_BUFFER_CREATE, channel, std::as_bytes(std::span(runs)));
}

std::vector<std::byte> buffer_destroy(std::uint32_t channel, const stream::BufferId& id) {
    virtio_vdmabuf_buffer_destroy wire{};
    std::memcpy(wire.id, id.data(), id.size());
    return command(wire, VIRTIO_VDMABUF_CMD_BUFFER_DESTROY, channel);
}

std::vector<std::byte> message(std::uint32_t channel, std::span<const std::byte> data) {
    return command(virtio_vdmabuf_message{}, VIRTIO_VDMABUF_CMD_MESSAGE, channel, data);
}

std::vector<std::byte> message(std::uint32_t channel, const std::string& text) {
    return message(channel, std::as_bytes(std::span(text)));
}

}  // namespace vdmabuf::test
