// SPDX-License-Identifier: MIT
#include "tests/runtime/host_chain/fake_app.hpp"

#include <poll.h>

#include <algorithm>
#include <cstring>

namespace vdmabuf::test {
namespace {

constexpr std::uint32_t kChannel = 1;

}  // namespace

bool FakeApp::start() {
    if (!front_.start(guest_)) return false;
    guest_.post_event_buffers(FakeGuest::kRingSize);
    if (command(channel_open(kChannel, "fake-app")) != VIRTIO_VDMABUF_OK) return false;
    auto hello = stream::make<stream::Hello>();
    stream::put_text(hello.app, "fake-app");
    return send(hello);
}

bool FakeApp::show(std::uint64_t size, stream::StreamImage image) {
    pages_.clear();
    foreign_.clear();
    // The last run of the buffer comes first in memory.
    const std::uint64_t count = size / kPage;
    const std::uint64_t run_count = (count + kRunPages - 1) / kRunPages;
    std::vector<device::GuestRun> runs;
    for (std::uint64_t run = 0; run < run_count; ++run) {
        const std::uint64_t first = (run_count - 1 - run) * (kRunPages + 1);
        const std::uint64_t length = std::min(kRunPages, count - run * kRunPages);
        const std::uint64_t gpa = FakeGuest::kPages + first * kPage;
        runs.push_back({gpa, length * kPage});
        for (std::uint64_t i = 0; i < length; ++i) pages_.push_back(gpa + i * kPage);
        for (std::uint64_t i = length; i <= kRunPages; ++i) foreign_.push_back(gpa + i * kPage);
    }
    if (pages_.size() + foreign_.size() >
        (FakeGuest::kGpa + FakeGuest::kSize - FakeGuest::kPages) / kPage) {
        return false;
    }
    for (const std::uint64_t gpa : foreign_) {
        std::memset(guest_.at(gpa), static_cast<int>(kForeign), kPage);
    }
    const stream::BufferId id = make_id(++buffer_);
    if (command(buffer_create(kChannel, id, runs)) != VIRTIO_VDMABUF_OK) return false;
    auto create = stream::make<stream::StreamCreate>();
    create.stream = ++stream_;
    create.width = image.width;
    create.height = image.height;
    stream::put_text(create.title, "host chain");
    image.header = stream::make<stream::StreamImage>().header;
    image.stream = stream_;
    image.slot = 0;
    image.buffer = id;
    return send(create) && send(image);
}

bool FakeApp::present() {
    auto present = stream::make<stream::Present>();
    present.stream = stream_;
    present.serial = ++serial_;
    present.mode = static_cast<std::uint32_t>(stream::PresentMode::mailbox);
    return send(present);
}

std::uint32_t FakeApp::withdraw() {
    auto destroy = stream::make<stream::StreamDestroy>();
    destroy.stream = stream_;
    send(destroy);
    return command(buffer_destroy(kChannel, make_id(buffer_)));
}

bool FakeApp::released(int limit_ms) {
    for (int waited = 0; waited < limit_ms; ++waited) {
        while (const auto event = guest_.take_event()) {
            guest_.post_event_buffers(1);
            const auto type = peek<std::uint32_t>(*event);
            if (type == VIRTIO_VDMABUF_EVT_BUFFER_RELEASED &&
                peek<std::uint8_t>(*event, sizeof(virtio_vdmabuf_event)) == buffer_) {
                return true;
            }
        }
        ::poll(nullptr, 0, 1);
    }
    return false;
}

void FakeApp::write(std::uint64_t at, const void* bytes, std::size_t count) {
    const auto* from = static_cast<const std::byte*>(bytes);
    while (count > 0) {
        const std::uint64_t inside = at % kPage;
        const std::size_t step = std::min<std::size_t>(count, kPage - inside);
        std::memcpy(guest_.at(pages_.at(at / kPage) + inside), from, step);
        at += step;
        from += step;
        count -= step;
    }
}

bool FakeApp::foreign_untouched() const {
    return std::all_of(foreign_.begin(), foreign_.end(), [&](std::uint64_t gpa) {
        const std::byte* bytes = guest_.at(gpa);
        return std::all_of(bytes, bytes + kPage, [](std::byte b) { return b == kForeign; });
    });
}

std::uint32_t FakeApp::command(std::span<const std::byte> bytes) {
    guest_.submit(bytes);
    for (int i = 0; i < 10000; ++i) {
        if (const auto status = guest_.response()) return *status;
        ::poll(nullptr, 0, 1);
    }
    return ~0U;
}

template <typename Message>
bool FakeApp::send(const Message& message) {
    return command(test::message(kChannel, stream::bytes_of(message))) == VIRTIO_VDMABUF_OK;
}

}  // namespace vdmabuf::test
