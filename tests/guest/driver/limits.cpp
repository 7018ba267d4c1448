// SPDX-License-Identifier: MIT
// Limits of a channel and of the device.
#include "tests/guest/driver/tests.hpp"

namespace guest_test {
namespace {

void test_limits() {
    const Fd other = open_channel();
    {
        const Fd channel = open_channel();
        const vdmabuf_info info = info_of(channel);
        std::vector<Fd> buffers;
        int fd = -1;
        while ((fd = try_alloc(channel, 4096)) >= 0) {
            buffers.emplace_back(fd);
            EXPECT(buffers.size() <= info.max_buffers);
        }
        EXPECT(errno == EDQUOT || errno == EMFILE);
        if (errno == EDQUOT) EXPECT(buffers.size() == info.max_buffers);
        // One back, one more.
        buffers.pop_back();
        EXPECT(eventually([&] { return (fd = try_alloc(channel, 4096)) >= 0; }));
        ::close(fd);
        buffers.clear();

        const std::uint64_t step = std::min<std::uint64_t>(16u << 20, info.max_buffer_bytes);
        std::uint64_t total = 0;
        while ((fd = try_alloc(channel, step)) >= 0) {
            buffers.emplace_back(fd);
            total += step;
            EXPECT(total <= info.max_total_bytes);
        }
        EXPECT(errno == EDQUOT || errno == ENOMEM);
    }
    // All was given back.
    EXPECT(eventually([&] {
        const Fd buffer(
            try_alloc(other, std::min<std::uint64_t>(16u << 20, info_of(other).max_buffer_bytes)));
        return buffer >= 0;
    }));
}

void test_channel_limit() {
    std::vector<Fd> channels;
    for (;;) {
        const int fd = ::open(g_device.c_str(), O_RDWR | O_CLOEXEC);
        if (fd < 0) break;
        channels.emplace_back(fd);
        if (channels.size() == 900) break;  // there are limits on files, too
    }
    if (channels.size() < 900) EXPECT(errno == EDQUOT || errno == EMFILE);
    EXPECT(channels.size() >= 2);
    channels.clear();
    open_channel();
}

const Test kTests[] = {
    {"limits", test_limits},
    {"limit of channels", test_channel_limit},
};

}  // namespace

std::span<const Test> limit_tests() {
    return kTests;
}

}  // namespace guest_test
