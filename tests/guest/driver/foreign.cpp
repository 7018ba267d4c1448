// SPDX-License-Identifier: MIT
// SHARE of dmabufs that other drivers have made.
#include "tests/guest/dmabufs.hpp"
#include "tests/guest/driver/tests.hpp"

namespace guest_test {
namespace {

void expect_hello(int channel) {
    EXPECT_ERRNO(try_send(channel, hello().data(), hello().size()), 0);
    expect_welcome(channel);
}

void share_foreign(const std::string& name) {
    auto exporter = new_exporter(name);
    expect_attachments(0);
    constexpr std::size_t size = 1u << 20;
    Fd buffer = exporter->buffer(size);
    const Fd channel = open_channel();
    const Fd other = open_channel();
    std::set<Id> ids;
    Id id{};
    unsigned runs = 0;
    EXPECT_ERRNO(try_share(channel, buffer, id, &runs), 0);
    EXPECT(id != Id{} && ids.insert(id).second);
    EXPECT(runs >= 1 && runs <= size / 4096);
    Id again{};
    EXPECT_ERRNO(try_share(channel, buffer, again), EEXIST);
    expect_attachments(1);
    EXPECT_ERRNO(try_unshare(other, id), ENOENT);
    EXPECT_ERRNO(try_unshare(channel, id), 0);
    EXPECT_ERRNO(try_unshare(channel, id), ENOENT);
    expect_attachments(0);
    EXPECT_ERRNO(try_share(other, buffer, id), 0);
    EXPECT(ids.insert(id).second);
    for (const std::size_t bytes : {4096u, 12288u, 9u << 20}) {
        const Fd more = exporter->buffer(bytes);
        EXPECT_ERRNO(try_share(channel, more, id), 0);
        EXPECT_ERRNO(try_unshare(channel, id), 0);
    }
    // The host has accepted all of it.
    expect_hello(channel);
    expect_hello(other);

    // Whoever made it goes first.
    {
        const Fd lonely = exporter->buffer(65536);
        EXPECT_ERRNO(try_share(channel, lonely, id), 0);
    }
    buffer.reset();
    exporter.reset();
    expect_attachments(2);
    EXPECT_ERRNO(try_unshare(channel, id), 0);
    expect_attachments(1);
}

void test_share_udmabuf() {
    share_foreign("udmabuf");
}

void test_share_system_heap() {
    share_foreign("system heap");
}

void test_share_vgem() {
    share_foreign("vgem");
}

void test_share_virtio_gpu() {
    share_foreign("virtio_gpu");
}

// A fence that the buffer has for reading and writing is not waited for.
void test_foreign_busy() {
    const Fd card = open_card("vgem");
    const auto [buffer, handle] = dumb_buffer(card, 4096);
    struct {
        std::uint32_t handle, flags, fence, pad;
    } attach{handle, 1, 0, 0};
    EXPECT_ERRNO(::ioctl(card, _IOWR('d', 0x41, decltype(attach)), &attach), 0);
    const Fd channel = open_channel();
    const auto start = Clock::now();
    share_buffer(channel, buffer);
    EXPECT(Clock::now() - start < 3s);
}

// Nothing of the last tests is left, though their channels were just closed.
void test_foreign_is_given_back() {
    const auto exporter = any_exporter();
    expect_attachments(0);
    {
        const Fd channel = open_channel();
        for (int i = 0; i < 8; ++i) share_buffer(channel, exporter->buffer(65536));
        expect_attachments(8);
    }
    expect_attachments(0);
}

// Buffers of others count like those of the driver.
void test_foreign_limits() {
    const auto exporter = any_exporter();
    const Fd first = exporter->buffer(4096);
    const Fd second = exporter->buffer(4096);
    const Fd channel = open_channel();
    const Id id = share_buffer(channel, first);
    std::vector<Fd> buffers;
    int fd = -1;
    while ((fd = try_alloc(channel, 4096)) >= 0) buffers.emplace_back(fd);
    EXPECT(errno == EDQUOT);
    EXPECT(buffers.size() < info_of(channel).max_buffers);
    Id refused{};
    EXPECT_ERRNO(try_share(channel, second, refused), EDQUOT);
    EXPECT_ERRNO(try_unshare(channel, id), 0);
    EXPECT(eventually([&] { return try_share(channel, second, refused) == 0; }));
}

const Test kTests[] = {
    {"SHARE of a udmabuf", test_share_udmabuf},
    {"SHARE of the system heap's", test_share_system_heap},
    {"SHARE of vgem's", test_share_vgem},
    {"SHARE of virtio-gpu's", test_share_virtio_gpu},
    {"SHARE of a busy buffer", test_foreign_busy},
    {"foreign buffers are given back", test_foreign_is_given_back},
    {"foreign buffers count", test_foreign_limits},
};

}  // namespace

std::span<const Test> foreign_tests() {
    return kTests;
}

}  // namespace guest_test
