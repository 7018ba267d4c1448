// SPDX-License-Identifier: MIT
// A host that answers oddly.
#include "tests/guest/dmabufs.hpp"
#include "tests/guest/fault/tests.hpp"

namespace guest_test {
namespace {

void test_statuses() {
    const Fd channel = open_channel();
    const Fd buffer = alloc_buffer(channel, 4096);
    const struct {
        int status, error;
    } cases[] = {
        {VIRTIO_VDMABUF_ERR_INVALID, EPROTO},
        {VIRTIO_VDMABUF_ERR_UNSUPPORTED, EOPNOTSUPP},
        {VIRTIO_VDMABUF_ERR_QUOTA, EDQUOT},
        {VIRTIO_VDMABUF_ERR_ADDRESS, EOPNOTSUPP},
        {VIRTIO_VDMABUF_ERR_NO_MEMORY, ENOMEM},
        {VIRTIO_VDMABUF_PENDING, EPROTO},
        {77, EPROTO},
    };
    const auto refuse = [&](int command, int status) {
        order(channel, "status " + std::to_string(command) + " " + std::to_string(status) + " 1");
    };
    Id id{};
    for (const auto& [status, error] : cases) {
        refuse(VIRTIO_VDMABUF_CMD_BUFFER_CREATE, status);
        EXPECT_ERRNO(try_share(channel, buffer, id), error);
        refuse(VIRTIO_VDMABUF_CMD_CHANNEL_OPEN, status);
        EXPECT_ERRNO(::open(g_device.c_str(), O_RDWR), error);
    }
    refuse(VIRTIO_VDMABUF_CMD_BUFFER_CREATE, VIRTIO_VDMABUF_ERR_EXISTS);
    EXPECT_ERRNO(try_share(channel, buffer, id), EPROTO);
    EXPECT_ERRNO(try_share(channel, buffer, id), 0);
    refuse(VIRTIO_VDMABUF_CMD_BUFFER_DESTROY, VIRTIO_VDMABUF_ERR_INVALID);
    EXPECT_ERRNO(try_unshare(channel, id), 0);
}

// The exporter gets its buffer back at once when the host does not want it.
void test_refused_foreign_buffer() {
    const auto exporter = any_exporter();
    const Fd buffer = exporter->buffer(65536);
    const Fd channel = open_channel();
    EXPECT(eventually([] { return attachments() <= 0; }));
    Id id{};
    for (int i = 0; i < 5; ++i) {
        order(channel, "status 3 8 1");
        EXPECT_ERRNO(try_share(channel, buffer, id), EOPNOTSUPP);
    }
    EXPECT(eventually([] { return attachments() <= 0; }));
    EXPECT_ERRNO(try_share(channel, buffer, id), 0);
}

void test_closed() {
    for (const std::uint32_t reason : {1u, 2u, 3u, 4u}) {
        const Fd channel = open_channel();
        order(channel, "flood 3 32");
        order(channel, "close " + std::to_string(reason));
        for (int i = 0; i < 3; ++i) answer(channel);
        EXPECT(expect_closed(channel) == reason);
    }
}

void test_unread_events() {
    const Fd other = open_channel();
    const Count before = count(other);
    {
        const Fd channel = open_channel();
        share_buffer(channel, alloc_buffer(channel, 4096));
        order(channel, "flood 300 32");
        EXPECT(eventually([&] { return hung_up(channel); }));
        for (int i = 0; i < 256; ++i) EXPECT(std::atoi(answer(channel).c_str()) == i);
        EXPECT(expect_closed(channel) == VIRTIO_VDMABUF_CLOSE_PROTOCOL);
    }
    EXPECT(eventually([&] { return count(other) == before; }));
    const Fd channel = open_channel();
    order(channel, "flood 250 4096");
    for (int i = 0; i < 250; ++i) EXPECT(answer(channel).size() == 4096);
    order(channel, "flood 256 32");
    for (int i = 0; i < 256; ++i) answer(channel);
}

void test_odd_events() {
    const Fd channel = open_channel();
    const std::uint32_t number = info_of(channel).channel;
    const std::string zeros(16, '\0');
    // Of a type that comes with a later version.
    order(channel, raw_event(99, 16, number));
    // About channels that there are none of.
    order(channel, raw_event(VIRTIO_VDMABUF_EVT_BUFFER_RELEASED, 32, 0x7fffffff, zeros));
    order(channel, raw_event(VIRTIO_VDMABUF_EVT_CHANNEL_CLOSED, 24, 0x7fffffff, zeros.substr(8)));
    // Released, though nobody has destroyed it.
    const Fd buffer = alloc_buffer(channel, 4096);
    const Id id = share_buffer(channel, buffer);
    order(channel,
          raw_event(VIRTIO_VDMABUF_EVT_BUFFER_RELEASED, 32, number, {id.begin(), id.end()}));
    peek(channel, id, 0, 4);
    EXPECT_ERRNO(try_unshare(channel, id), 0);
}

const Test kTests[] = {
    {"statuses", test_statuses},     {"refused foreign buffer", test_refused_foreign_buffer},
    {"closed", test_closed},         {"unread events", test_unread_events},
    {"odd events", test_odd_events},
};

}  // namespace

std::span<const Test> answer_tests() {
    return kTests;
}

}  // namespace guest_test
