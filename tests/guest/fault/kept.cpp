// SPDX-License-Identifier: MIT
// A host that keeps buffers.
#include "tests/guest/dmabufs.hpp"
#include "tests/guest/fault/tests.hpp"

namespace guest_test {
namespace {

void test_kept_buffer() {
    const Fd channel = open_channel();
    const Count before = count(channel);
    const unsigned limit = info_of(channel).max_buffers;
    {
        const Fd buffer = alloc_buffer(channel, 1u << 20);
        const Id id = share_buffer(channel, buffer);
        order(channel, "hold 1");
        EXPECT_ERRNO(try_unshare(channel, id), 0);
        EXPECT(count(channel).pending == before.pending + 1);
        EXPECT_ERRNO(try_unshare(channel, id), ENOENT);
    }
    // It counts until the host lets go of it.
    std::vector<Fd> buffers;
    int fd = -1;
    while ((fd = try_alloc(channel, 4096)) >= 0) buffers.emplace_back(fd);
    EXPECT(errno == EDQUOT && buffers.size() == limit - 1);
    order(channel, "release");
    EXPECT(eventually([&] { return Fd(try_alloc(channel, 4096)) >= 0; }));
    EXPECT(count(channel) == before);
}

void test_kept_foreign_buffer() {
    const auto exporter = any_exporter();
    const Fd channel = open_channel();
    const Count before = count(channel);
    EXPECT(eventually([] { return attachments() <= 0; }));
    const Id id = share_buffer(channel, exporter->buffer(65536));
    order(channel, "hold 1");
    EXPECT_ERRNO(try_unshare(channel, id), 0);
    EXPECT(count(channel).pending == before.pending + 1);
    std::this_thread::sleep_for(50ms);
    if (attachments() >= 0) EXPECT(attachments() == 1);
    order(channel, "release");
    EXPECT(eventually([] { return attachments() <= 0; }));
    EXPECT(count(channel) == before);
}

void test_kept_beyond_close() {
    const Fd other = open_channel();
    const Count before = count(other);
    order(other, "hold 2");
    {
        const Fd channel = open_channel();
        for (int i = 0; i < 3; ++i) share_buffer(channel, alloc_buffer(channel, 65536));
    }
    const Count kept{before.channels, before.buffers, before.pending + 2};
    EXPECT(eventually([&] { return count(other) == kept; }));
    order(other, "release");
    EXPECT(count(other) == before);
}

const Test kTests[] = {
    {"a buffer that the host keeps", test_kept_buffer},
    {"a foreign buffer that the host keeps", test_kept_foreign_buffer},
    {"buffers that the host keeps beyond close", test_kept_beyond_close},
};

}  // namespace

std::span<const Test> kept_tests() {
    return kTests;
}

}  // namespace guest_test
