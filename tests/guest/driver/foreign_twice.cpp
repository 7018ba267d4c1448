// SPDX-License-Identifier: MIT
// One dmabuf of another driver on two channels.
#include "tests/guest/dmabufs.hpp"
#include "tests/guest/driver/tests.hpp"

namespace guest_test {
namespace {

void test_foreign_on_two_channels() {
    const auto exporter = any_exporter();
    const Fd buffer = exporter->buffer(16384);
    Fd channel = open_channel();
    const Fd other = open_channel();
    const Id id = share_buffer(channel, buffer);
    const Id second = share_buffer(other, buffer);
    EXPECT(id != second);
    EXPECT_ERRNO(try_unshare(other, id), ENOENT);
    expect_attachments(2);
    channel.reset();
    expect_attachments(1);
    EXPECT_ERRNO(try_unshare(other, second), 0);
    expect_attachments(0);
}

const Test kTests[] = {
    {"a foreign buffer on two channels", test_foreign_on_two_channels},
};

}  // namespace

std::span<const Test> foreign_twice_tests() {
    return kTests;
}

}  // namespace guest_test
