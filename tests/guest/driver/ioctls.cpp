// SPDX-License-Identifier: MIT
// INFO, and what is wrong with an ioctl whatever it is.
#include "tests/guest/driver/tests.hpp"

namespace guest_test {
namespace {

void test_info() {
    const Fd channel = open_channel();
    const vdmabuf_info info = info_of(channel);
    EXPECT(info.abi_version == VIRTIO_VDMABUF_ABI_VERSION);
    EXPECT(info.channel != 0);
    EXPECT(info.max_message >= 1 && info.max_message <= VIRTIO_VDMABUF_MAX_MESSAGE);
    EXPECT(info.max_buffers >= 1);
    EXPECT(info.max_buffer_bytes >= 4096 && info.max_total_bytes >= info.max_buffer_bytes);
    const Fd other = open_channel();
    EXPECT(info_of(other).channel != info.channel);
}

template <std::size_t Size>
struct Sized {
    unsigned char bytes[Size];
};

void test_ioctl_numbers() {
    const Fd channel = open_channel();
    std::array<unsigned char, 256> raw{};
    EXPECT_ERRNO(::ioctl(channel, _IOWR(VDMABUF_IOCTL_MAGIC, 0x7f, Sized<16>), raw.data()), ENOTTY);
    EXPECT_ERRNO(::ioctl(channel, _IOWR('x', 0x01, vdmabuf_alloc), raw.data()), ENOTTY);
    EXPECT_ERRNO(::ioctl(channel, VDMABUF_IOCTL_ALLOC, nullptr), EFAULT);
    EXPECT_ERRNO(::ioctl(channel, VDMABUF_IOCTL_INFO, nullptr), EFAULT);
    EXPECT_ERRNO(::ioctl(channel, VDMABUF_IOCTL_SHARE, nullptr), EFAULT);
    EXPECT_ERRNO(::ioctl(channel, VDMABUF_IOCTL_UNSHARE, nullptr), EFAULT);
    EXPECT_ERRNO(::ioctl(channel, VDMABUF_IOCTL_SEND, nullptr), EFAULT);
}

void test_ioctl_sizes() {
    const Fd channel = open_channel();
    // Shorter than the first version.
    std::array<unsigned char, 256> raw{};
    EXPECT_ERRNO(::ioctl(channel, _IOR(VDMABUF_IOCTL_MAGIC, 0, Sized<8>), raw.data()), EINVAL);
    EXPECT_ERRNO(::ioctl(channel, _IOWR(VDMABUF_IOCTL_MAGIC, 1, Sized<8>), raw.data()), EINVAL);
    EXPECT_ERRNO(::ioctl(channel, _IOW(VDMABUF_IOCTL_MAGIC, 4, Sized<0>), raw.data()), EINVAL);
    // Longer: from a program that is newer than the driver.
    struct Longer {
        vdmabuf_alloc alloc;
        std::uint64_t more;
    } longer{};
    longer.alloc.size = 4096;
    EXPECT_ERRNO(::ioctl(channel, _IOWR(VDMABUF_IOCTL_MAGIC, 1, Longer), &longer), 0);
    ::close(longer.alloc.fd);
    longer = {};
    longer.alloc.size = 4096;
    longer.more = 1;
    EXPECT_ERRNO(::ioctl(channel, _IOWR(VDMABUF_IOCTL_MAGIC, 1, Longer), &longer), E2BIG);
    struct LongerInfo {
        vdmabuf_info info;
        std::uint64_t more;
    } info{};
    info.more = 7;
    EXPECT_ERRNO(::ioctl(channel, _IOR(VDMABUF_IOCTL_MAGIC, 0, LongerInfo), &info), 0);
    EXPECT(info.info.abi_version == VIRTIO_VDMABUF_ABI_VERSION && info.more == 0);
}

const Test kTests[] = {
    {"info", test_info},
    {"ioctl numbers", test_ioctl_numbers},
    {"ioctl sizes", test_ioctl_sizes},
};

}  // namespace

std::span<const Test> ioctl_tests() {
    return kTests;
}

}  // namespace guest_test
