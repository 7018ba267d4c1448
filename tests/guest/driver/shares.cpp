// SPDX-License-Identifier: MIT
// SHARE and UNSHARE of the driver's own buffers.
#include "tests/guest/driver/tests.hpp"

namespace guest_test {
namespace {

void test_share() {
    const Fd channel = open_channel();
    const Fd other = open_channel();
    std::set<Id> ids;
    std::vector<Fd> buffers;
    for (const std::size_t size : {4096u, 12288u, 1u << 20, 9u << 20}) {
        buffers.push_back(alloc_buffer(channel, size));
        Id id{};
        unsigned runs = 0;
        EXPECT_ERRNO(try_share(channel, buffers.back(), id, &runs), 0);
        EXPECT(id != Id{} && ids.insert(id).second);
        EXPECT(runs >= 1 && runs <= size / 4096);
    }
    Id id{};
    EXPECT_ERRNO(try_share(channel, buffers[0], id), EEXIST);
    EXPECT_ERRNO(try_share(other, buffers[0], id), 0);
    EXPECT(ids.insert(id).second);
    // An id means something on its own channel only.
    EXPECT_ERRNO(try_unshare(channel, id), ENOENT);
    EXPECT_ERRNO(try_unshare(other, id), 0);
    EXPECT_ERRNO(try_unshare(other, id), ENOENT);
    EXPECT_ERRNO(try_share(other, buffers[0], id), 0);
    EXPECT(ids.insert(id).second);
}

void test_share_arguments() {
    const Fd channel = open_channel();
    const Fd buffer = alloc_buffer(channel, 4096);
    vdmabuf_share share{};
    share.fd = buffer;
    share.flags = 1;
    EXPECT_ERRNO(::ioctl(channel, VDMABUF_IOCTL_SHARE, &share), EINVAL);
    share.flags = 0;
    share.reserved = 1;
    EXPECT_ERRNO(::ioctl(channel, VDMABUF_IOCTL_SHARE, &share), EINVAL);
    Id id{};
    EXPECT_ERRNO(try_share(channel, -1, id), EBADF);
    EXPECT_ERRNO(try_share(channel, 9999, id), EBADF);
    EXPECT_ERRNO(try_share(channel, channel, id), EBADF);
    const Fd null(::open("/dev/null", O_RDWR | O_CLOEXEC));
    EXPECT_ERRNO(try_share(channel, null, id), EBADF);

    vdmabuf_unshare unshare{};
    EXPECT_ERRNO(::ioctl(channel, VDMABUF_IOCTL_UNSHARE, &unshare), ENOENT);
    unshare.flags = 1;
    EXPECT_ERRNO(::ioctl(channel, VDMABUF_IOCTL_UNSHARE, &unshare), EINVAL);
    unshare.flags = 0;
    unshare.reserved = 1;
    EXPECT_ERRNO(::ioctl(channel, VDMABUF_IOCTL_UNSHARE, &unshare), EINVAL);
}

void test_shared_outlives_descriptors() {
    Fd channel = open_channel();
    Fd buffer = alloc_buffer(channel, 1u << 20);
    const Id id = share_buffer(channel, buffer);
    const Map map(buffer, 1u << 20);
    std::memset(map.at, 0x5a, map.size);
    buffer.reset();
    EXPECT_ERRNO(try_unshare(channel, id), 0);
    EXPECT(map.bytes()[map.size - 1] == 0x5a);
    channel.reset();
    EXPECT(map.bytes()[0] == 0x5a);
    map.bytes()[0] = 1;
}

void test_close_with_shares() {
    for (int round = 0; round < 20; ++round) {
        const Fd channel = open_channel();
        std::vector<Fd> buffers;
        for (int i = 0; i < 4; ++i) {
            buffers.push_back(alloc_buffer(channel, 256u << 10));
            share_buffer(channel, buffers.back());
        }
        if (round % 2 == 0) buffers.clear();
    }
}

const Test kTests[] = {
    {"SHARE", test_share},
    {"SHARE and UNSHARE arguments", test_share_arguments},
    {"shared memory outlives its descriptors", test_shared_outlives_descriptors},
    {"close with shared buffers", test_close_with_shares},
};

}  // namespace

std::span<const Test> share_tests() {
    return kTests;
}

}  // namespace guest_test
