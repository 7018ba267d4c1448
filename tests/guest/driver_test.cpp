// SPDX-License-Identifier: MIT
// Runs inside a guest and exercises the driver through its device node, with a real host behind it:
// every ioctl with right and wrong arguments, memory, events, fences, limits, closing, many
// threads, and the removal of the device while it is in use. Of the stream protocol it speaks only
// HELLO, and expects that the host answers it and closes a channel that speaks nonsense.
//
//   driver_test [--device /dev/vdmabuf0] [--seconds N] [--keep] [--restarts] [--only NAME]
//
// --seconds: how long the threads hammer (default 3). --keep: do not unbind the device. --restarts:
// the host is killed and restarted meanwhile.
#include "guest_test.hpp"

namespace {

using namespace guest_test;

bool g_keep = false;
bool g_restarts = false;
std::chrono::seconds g_hammer = 3s;

// ---- Tests ---------------------------------------------------------------------

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

void test_alloc_arguments() {
    const Fd channel = open_channel();
    const vdmabuf_info info = info_of(channel);
    for (const std::uint64_t size :
         std::initializer_list<std::uint64_t>{0, info.max_buffer_bytes + 1, 1ull << 62, ~0ull}) {
        EXPECT_ERRNO(try_alloc(channel, size), EINVAL);
    }
    vdmabuf_alloc alloc{};
    alloc.size = 4096;
    alloc.flags = 1;
    EXPECT_ERRNO(::ioctl(channel, VDMABUF_IOCTL_ALLOC, &alloc), EINVAL);
    alloc = {};
    alloc.size = 5000;
    EXPECT_ERRNO(::ioctl(channel, VDMABUF_IOCTL_ALLOC, &alloc), 0);
    const Fd buffer(alloc.fd);
    EXPECT(alloc.size == 8192);
    EXPECT(::lseek(buffer, 0, SEEK_END) == 8192);
    EXPECT((::fcntl(buffer, F_GETFD) & FD_CLOEXEC) != 0);
}

void test_alloc_zeroed() {
    const Fd channel = open_channel();
    constexpr std::size_t size = 5u << 20;
    for (int round = 0; round < 3; ++round) {
        const Fd buffer = alloc_buffer(channel, size);
        const Map map(buffer, size);
        EXPECT(std::all_of(map.bytes(), map.bytes() + size, [](auto byte) { return byte == 0; }));
        std::memset(map.at, 0xa5, size);
    }
}

void test_mmap() {
    const Fd channel = open_channel();
    constexpr std::size_t size = 3u << 20;
    const Fd buffer = alloc_buffer(channel, size);
    const Map first(buffer, size);
    const Map second(buffer, size);
    for (std::size_t i = 0; i < size; i += 4096)
        first.bytes()[i] = static_cast<unsigned char>(i / 4096);
    for (std::size_t i = 0; i < size; i += 4096) {
        EXPECT(second.bytes()[i] == static_cast<unsigned char>(i / 4096));
    }
    const Map part(buffer, 8192, 1 << 20);
    EXPECT(part.bytes()[4096] == static_cast<unsigned char>(257));
    EXPECT(::mmap(nullptr, 4096, PROT_READ, MAP_SHARED, buffer, size) == MAP_FAILED);
    EXPECT(::mmap(nullptr, size + 4096, PROT_READ, MAP_SHARED, buffer, 0) == MAP_FAILED);
    EXPECT(::mmap(nullptr, size, PROT_READ | PROT_WRITE, MAP_PRIVATE, buffer, 0) == MAP_FAILED);
    EXPECT(::mmap(nullptr, size, PROT_READ, MAP_SHARED, channel, 0) == MAP_FAILED);
    // Taken out of the page table, not out of the buffer.
    EXPECT_ERRNO(::madvise(first.at, size, MADV_DONTNEED), 0);
    EXPECT(first.bytes()[300 * 4096] == static_cast<unsigned char>(300));
    for (const int flags :
         {DMA_BUF_SYNC_START | DMA_BUF_SYNC_RW, DMA_BUF_SYNC_END | DMA_BUF_SYNC_RW}) {
        dma_buf_sync sync{static_cast<std::uint64_t>(flags)};
        EXPECT_ERRNO(::ioctl(buffer, DMA_BUF_IOCTL_SYNC, &sync), 0);
    }
}

// Drivers that import host pointers pin the pages.
void test_pages_can_be_pinned() {
    const Fd channel = open_channel();
    const Fd buffer = alloc_buffer(channel, 8192);
    const Map map(buffer, 8192);
    std::strcpy(static_cast<char*>(map.at), "pinned");
    // vmsplice() puts the pages themselves into the pipe.
    int ends[2];
    EXPECT_ERRNO(::pipe2(ends, O_CLOEXEC), 0);
    const Fd out(ends[0]);
    const Fd in(ends[1]);
    char copy[16] = {};
    const iovec pages{map.at, sizeof copy};
    EXPECT(::vmsplice(in, &pages, 1, 0) == sizeof copy);
    EXPECT(::read(out, copy, sizeof copy) == sizeof copy);
    EXPECT(std::string(copy) == "pinned");
}

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

void expect_hello(int channel) {
    EXPECT_ERRNO(try_send(channel, hello().data(), hello().size()), 0);
    expect_welcome(channel);
}

// The driver lets go of foreign buffers in a moment, not at once.
void expect_attachments(int count) {
    if (attachments() < 0) return;
    EXPECT(eventually([&] { return attachments() == count; }));
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

void test_send_arguments() {
    const Fd channel = open_channel();
    const vdmabuf_info info = info_of(channel);
    std::vector<unsigned char> data(info.max_message + 1);
    EXPECT_ERRNO(try_send(channel, data.data(), 0), EINVAL);
    EXPECT_ERRNO(try_send(channel, data.data(), data.size()), EMSGSIZE);
    EXPECT_ERRNO(try_send(channel, data.data(), ~std::uint32_t{0}), EMSGSIZE);
    EXPECT_ERRNO(try_send(channel, nullptr, 16), EFAULT);
    EXPECT_ERRNO(try_send(channel, nullptr, info.max_message), EFAULT);
    EXPECT_ERRNO(try_send(channel, data.data(), 16, channel), EBADF);
    EXPECT_ERRNO(try_send(channel, data.data(), 16, 9999), EBADF);
    vdmabuf_send send{};
    send.data = reinterpret_cast<std::uintptr_t>(data.data());
    send.size = 16;
    send.in_fence = 1;
    EXPECT_ERRNO(::ioctl(channel, VDMABUF_IOCTL_SEND, &send), EINVAL);
    send.in_fence = 0;
    send.flags = 2;
    EXPECT_ERRNO(::ioctl(channel, VDMABUF_IOCTL_SEND, &send), EINVAL);
    send.flags = 0;
    send.reserved = 1;
    EXPECT_ERRNO(::ioctl(channel, VDMABUF_IOCTL_SEND, &send), EINVAL);
    // None of this has reached the host.
    EXPECT_ERRNO(try_send(channel, hello().data(), hello().size()), 0);
    expect_welcome(channel);
}

void test_read() {
    const Fd channel = open_channel(O_NONBLOCK);
    std::array<unsigned char, VDMABUF_MAX_EVENT> raw{};
    EXPECT_ERRNO(::read(channel, raw.data(), raw.size()), EAGAIN);
    EXPECT(poll_events(channel, POLLIN | POLLOUT, 0ms) == POLLOUT);
    EXPECT_ERRNO(try_send(channel, hello().data(), hello().size()), 0);
    EXPECT(readable(channel, 5s));
    for (const std::size_t size : {0u, 1u, 8u, 64u}) {
        EXPECT_ERRNO(::read(channel, raw.data(), size), EMSGSIZE);
    }
    EXPECT_ERRNO(::syscall(SYS_read, int{channel}, nullptr, raw.size()), EFAULT);
    expect_welcome(channel);
    EXPECT_ERRNO(::pread(channel, raw.data(), raw.size(), 0), ESPIPE);
    EXPECT_ERRNO(::lseek(channel, 0, SEEK_SET), ESPIPE);
    EXPECT_ERRNO(::write(channel, raw.data(), 16), EINVAL);
}

void test_read_blocks() {
    const Fd channel = open_channel();
    std::thread sender([&] {
        std::this_thread::sleep_for(100ms);
        try_send(channel, hello().data(), hello().size());
    });
    std::array<unsigned char, VDMABUF_MAX_EVENT> raw{};
    const auto start = Clock::now();
    const ssize_t got = ::read(channel, raw.data(), raw.size());
    sender.join();
    EXPECT(got > 8);
    EXPECT(Clock::now() - start >= 50ms);
}

void test_read_interrupted() {
    struct sigaction action {};
    action.sa_handler = [](int) {};  // and no SA_RESTART
    ::sigaction(SIGUSR1, &action, nullptr);
    const Fd channel = open_channel();
    const pthread_t self = ::pthread_self();
    std::atomic<bool> done = false;
    std::thread kicker([&] {
        while (!done) {
            std::this_thread::sleep_for(20ms);
            ::pthread_kill(self, SIGUSR1);
        }
    });
    std::array<unsigned char, VDMABUF_MAX_EVENT> raw{};
    const ssize_t got = ::read(channel, raw.data(), raw.size());
    const int error = errno;
    done = true;
    kicker.join();
    EXPECT(got < 0 && error == EINTR);
}

void test_closed_by_host() {
    const Fd channel = open_channel();
    const Fd buffer = alloc_buffer(channel, 65536);
    const Id id = share_buffer(channel, buffer);
    EXPECT_ERRNO(try_send(channel, nonsense().data(), nonsense().size()), 0);
    EXPECT(expect_closed(channel) == VIRTIO_VDMABUF_CLOSE_PROTOCOL);
    EXPECT((poll_events(channel, POLLIN | POLLOUT, 0ms) & POLLHUP) != 0);
    EXPECT_ERRNO(try_send(channel, hello().data(), hello().size()), EPIPE);
    Id again{};
    EXPECT_ERRNO(try_share(channel, buffer, again), EPIPE);
    EXPECT_ERRNO(try_unshare(channel, id), ENOENT);
    char byte = 0;
    EXPECT(::read(channel, &byte, 1) == 0);
    // Nobody else has noticed.
    const Fd other = open_channel();
    EXPECT_ERRNO(try_send(other, hello().data(), hello().size()), 0);
    expect_welcome(other);
}

void test_signalled_fence() {
    const Fd channel = open_channel();
    const Fd buffer = alloc_buffer(channel, 4096);
    const Fd fence = signalled_fence(buffer);
    EXPECT_ERRNO(try_send(channel, hello().data(), hello().size(), fence), 0);
    expect_welcome(channel);
}

void test_fence_holds_back() {
    const auto timeline = new_timeline();
    const Fd channel = open_channel(O_NONBLOCK);
    {
        const Fd fence = timeline->fence(1);
        EXPECT_ERRNO(try_send(channel, hello().data(), hello().size(), fence), 0);
    }
    EXPECT_ERRNO(try_send(channel, nonsense().data(), nonsense().size()), 0);
    EXPECT(!readable(channel, 300ms));
    timeline->advance(1);
    expect_welcome(channel);
    expect_closed(channel);
}

void test_fence_error() {
    const auto timeline = new_timeline();
    const Fd channel = open_channel();
    const Fd fence = timeline->fence(1);
    EXPECT_ERRNO(try_send(channel, hello().data(), hello().size(), fence), 0);
    EXPECT(!readable(channel, 100ms));
    timeline->end();
    expect_welcome(channel);
}

void test_fence_outlives_channel() {
    const auto timeline = new_timeline();
    const Fd fence = timeline->fence(1);
    for (int i = 0; i < 50; ++i) {
        const Fd channel = open_channel();
        for (int k = 0; k < 4; ++k) {
            EXPECT_ERRNO(try_send(channel, hello().data(), hello().size(), fence), 0);
        }
    }
    timeline->advance(1);
    // And while it signals.
    for (std::uint32_t i = 0; i < 100; ++i) {
        Fd channel = open_channel();
        const Fd next = timeline->fence(2 + i);
        EXPECT_ERRNO(try_send(channel, hello().data(), hello().size(), next), 0);
        std::thread signaller([&] { timeline->advance(1); });
        channel.reset();
        signaller.join();
    }
}

void test_flow_control() {
    const auto timeline = new_timeline();
    const Fd channel = open_channel(O_NONBLOCK);
    const Fd fence = timeline->fence(1);
    const auto message = hello();
    int sent = 0;
    while (try_send(channel, message.data(), message.size(), sent == 0 ? int{fence} : -1) == 0) {
        EXPECT(++sent < 100000);
    }
    EXPECT(errno == EAGAIN);
    EXPECT(sent >= 16);
    EXPECT((poll_events(channel, POLLOUT, 0ms) & POLLOUT) == 0);
    // A file that blocks waits instead, until there is room.
    EXPECT_ERRNO(::fcntl(channel, F_SETFL, 0), 0);
    std::atomic<bool> returned = false;
    int rc = -1;
    int error = 0;
    std::thread sender([&] {
        rc = try_send(channel, message.data(), message.size());
        error = errno;
        returned = true;
    });
    std::this_thread::sleep_for(100ms);
    EXPECT(!returned);
    timeline->advance(1);
    sender.join();
    // The host may have closed the channel for so many HELLOs.
    EXPECT(rc == 0 || error == EPIPE);
    expect_welcome(channel);
}

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

void test_fork() {
    const Fd channel = open_channel();
    EXPECT((::fcntl(channel, F_GETFD) & FD_CLOEXEC) != 0);
    const Fd buffer = alloc_buffer(channel, 4096);
    const Map map(buffer, 4096);
    const pid_t child = ::fork();
    if (child == 0) {
        map.bytes()[0] = 42;  // shared with the parent
        Id id{};
        ::_exit(try_share(channel, buffer, id) == 0 ? 0 : 1);
    }
    int status = -1;
    EXPECT(::waitpid(child, &status, 0) == child && status == 0);
    EXPECT(map.bytes()[0] == 42);
    Id id{};
    EXPECT_ERRNO(try_share(channel, buffer, id), EEXIST);
    EXPECT_ERRNO(try_send(channel, hello().data(), hello().size()), 0);
    expect_welcome(channel);
}

void test_killed_process() {
    for (int round = 0; round < 10; ++round) {
        const pid_t child = ::fork();
        if (child == 0) {
            const int channel = ::open(g_device.c_str(), O_RDWR);
            for (;;) {
                const int buffer = try_alloc(channel, 1u << 20);
                Id id{};
                try_share(channel, buffer, id);
                ::close(buffer);
                try_unshare(channel, id);
            }
        }
        std::this_thread::sleep_for(std::chrono::milliseconds(10 + round * 3));
        ::kill(child, SIGKILL);
        const auto start = Clock::now();
        EXPECT(::waitpid(child, nullptr, 0) == child);
        EXPECT(Clock::now() - start < 5s);
    }
}

void test_hammer() {
    std::atomic<bool> stop = false;
    std::atomic<std::uint64_t> rounds = 0;
    std::atomic<int> unexpected = 0;
    std::unique_ptr<Exporter> exporter;
    try {
        exporter = any_exporter();
    } catch (const Skip&) {
    }
    const auto new_buffer = [&](int channel, std::size_t size, bool foreign) {
        return foreign && exporter ? exporter->buffer(size) : Fd(try_alloc(channel, size));
    };
    const auto worker = [&](unsigned seed) {
        const auto next = [&] { return seed = seed * 1103515245u + 12345u, seed >> 16; };
        // What the limits of all threads together, or a signal, may answer.
        const auto fine = [](int error) {
            return error == EDQUOT || error == ENOMEM || error == EINTR || error == EMFILE ||
                   (g_restarts && error == ESTALE);
        };
        while (!stop) {
            const Fd channel(::open(g_device.c_str(), O_RDWR | O_CLOEXEC | O_NONBLOCK));
            if (channel < 0) {
                if (!fine(errno)) unexpected = errno;
                continue;
            }
            if (next() % 4 == 0) try_send(channel, hello().data(), hello().size());
            std::vector<Id> ids;
            for (unsigned i = 0; i < next() % 8; ++i) {
                const std::size_t size = 4096u << next() % 8;
                const Fd buffer = new_buffer(channel, size, next() % 3 == 0);
                if (buffer < 0) {
                    if (!fine(errno)) unexpected = errno;
                    continue;
                }
                Id id{};
                if (try_share(channel, buffer, id) == 0) {
                    ids.push_back(id);
                } else if (!fine(errno)) {
                    unexpected = errno;
                }
            }
            for (const Id& id : ids) {
                if (next() % 2 == 0 && try_unshare(channel, id) != 0) unexpected = errno;
            }
            ++rounds;
        }
    };
    std::vector<std::thread> threads;
    for (unsigned i = 0; i < 8; ++i) threads.emplace_back(worker, i + 1);
    std::this_thread::sleep_for(g_hammer);
    stop = true;
    for (auto& thread : threads) thread.join();
    if (unexpected != 0) throw std::runtime_error(std::strerror(unexpected));
    EXPECT(rounds > 0);
    open_channel();
}

// Several threads on one channel.
void test_one_channel_many_threads() {
    const Fd channel = open_channel(O_NONBLOCK);
    std::atomic<bool> stop = false;
    std::atomic<int> unexpected = 0;
    std::vector<std::thread> threads;
    for (int i = 0; i < 6; ++i) {
        threads.emplace_back([&] {
            while (!stop) {
                const Fd buffer(try_alloc(channel, 65536));
                if (buffer < 0) continue;
                Id id{};
                if (try_share(channel, buffer, id) != 0) {
                    if (errno != EDQUOT) unexpected = errno;
                } else if (try_unshare(channel, id) != 0) {
                    unexpected = errno;
                }
            }
        });
    }
    threads.emplace_back([&] {
        std::array<unsigned char, VDMABUF_MAX_EVENT> raw;
        while (!stop) {
            poll_events(channel, POLLIN, 10ms);
            if (::read(channel, raw.data(), raw.size()) < 0 && errno != EAGAIN) unexpected = errno;
        }
    });
    std::this_thread::sleep_for(g_hammer / 2);
    stop = true;
    for (auto& thread : threads) thread.join();
    if (unexpected != 0) throw std::runtime_error(std::strerror(unexpected));
}

// ---- Removal -------------------------------------------------------------------

void test_module_is_held() {
    if (::geteuid() != 0) throw Skip("not root");
    if (::access("/sys/module/virtio_vdmabuf/refcnt", R_OK) != 0) throw Skip("built in");
    const auto unload = [] { return ::syscall(SYS_delete_module, "virtio_vdmabuf", O_NONBLOCK); };
    Fd buffer;
    {
        const Fd channel = open_channel();
        EXPECT_ERRNO(unload(), EAGAIN);
        buffer = alloc_buffer(channel, 4096);
    }
    EXPECT_ERRNO(unload(), EAGAIN);
}
void test_unbind() {
    if (g_keep) throw Skip("--keep");
    if (::geteuid() != 0) throw Skip("not root");
    const std::string device = virtio_name();
    Fd channel = open_channel();
    const Fd idle = open_channel();
    const Fd buffer = alloc_buffer(channel, 1u << 20);
    const Map map(buffer, 1u << 20);
    share_buffer(channel, buffer);
    Fd foreign;
    try {
        foreign = any_exporter()->buffer(65536);
        share_buffer(channel, foreign);
    } catch (const Skip&) {
    }
    std::atomic<int> read_error = 0;
    std::thread reader([&] {
        char raw[64];
        if (::read(channel, raw, sizeof raw) < 0) read_error = errno;
    });
    std::this_thread::sleep_for(50ms);
    write_driver("unbind", device);
    reader.join();
    EXPECT(read_error == ENODEV);
    EXPECT((poll_events(idle, POLLIN, 1s) & POLLHUP) != 0);
    std::memset(map.at, 0x77, map.size);  // the memory is still there
    expect_attachments(0);
    vdmabuf_info info{};
    EXPECT_ERRNO(::ioctl(channel, VDMABUF_IOCTL_INFO, &info), ENODEV);
    EXPECT_ERRNO(try_alloc(channel, 4096), ENODEV);
    Id id{};
    EXPECT_ERRNO(try_share(channel, buffer, id), ENODEV);
    EXPECT_ERRNO(try_unshare(channel, id), ENODEV);
    EXPECT_ERRNO(try_send(channel, hello().data(), hello().size()), ENODEV);
    bind_again(device);
    EXPECT_ERRNO(try_send(channel, hello().data(), hello().size()), ENODEV);
    const Fd fresh = open_channel();
    // The buffer of the old device is memory like any other to the new one.
    EXPECT_ERRNO(try_share(fresh, buffer, id), 0);
    if (foreign >= 0) EXPECT_ERRNO(try_share(fresh, foreign, id), 0);
    EXPECT_ERRNO(try_send(fresh, hello().data(), hello().size()), 0);
    expect_welcome(fresh);
    channel.reset();
    EXPECT(map.bytes()[5] == 0x77);
}

void test_unbind_under_load() {
    if (g_keep) throw Skip("--keep");
    if (::geteuid() != 0) throw Skip("not root");
    const std::string device = virtio_name();
    std::atomic<bool> stop = false;
    std::vector<std::thread> threads;
    for (int i = 0; i < 4; ++i) {
        threads.emplace_back([&] {
            std::unique_ptr<Exporter> exporter;
            try {
                exporter = any_exporter();
            } catch (const Skip&) {
            }
            while (!stop) {
                const Fd channel(::open(g_device.c_str(), O_RDWR | O_CLOEXEC | O_NONBLOCK));
                if (channel < 0) continue;
                for (int k = 0; k < 10; ++k) {
                    const Fd buffer = k % 3 == 0 && exporter ? exporter->buffer(65536)
                                                             : Fd(try_alloc(channel, 65536));
                    Id id{};
                    try_share(channel, buffer, id);
                    try_send(channel, hello().data(), hello().size());
                    if (k % 2 == 0) try_unshare(channel, id);
                }
            }
        });
    }
    std::string error;
    try {
        for (int round = 0; round < 10; ++round) {
            std::this_thread::sleep_for(100ms);
            write_driver("unbind", device);
            bind_again(device);
        }
    } catch (const std::exception& e) {
        error = e.what();
    }
    stop = true;
    for (auto& thread : threads) thread.join();
    if (!error.empty()) throw std::runtime_error(error);
    const Fd channel = open_channel();
    EXPECT_ERRNO(try_send(channel, hello().data(), hello().size()), 0);
    expect_welcome(channel);
}
const Test kTests[] = {
    {"info", test_info},
    {"ioctl numbers", test_ioctl_numbers},
    {"ioctl sizes", test_ioctl_sizes},
    {"ALLOC arguments", test_alloc_arguments},
    {"ALLOC gives zeroed memory", test_alloc_zeroed},
    {"mmap", test_mmap},
    {"pages can be pinned", test_pages_can_be_pinned},
    {"SHARE", test_share},
    {"SHARE and UNSHARE arguments", test_share_arguments},
    {"SHARE of a udmabuf", test_share_udmabuf},
    {"SHARE of the system heap's", test_share_system_heap},
    {"SHARE of vgem's", test_share_vgem},
    {"SHARE of virtio-gpu's", test_share_virtio_gpu},
    {"SHARE of a busy buffer", test_foreign_busy},
    {"foreign buffers are given back", test_foreign_is_given_back},
    {"foreign buffers count", test_foreign_limits},
    {"SEND arguments", test_send_arguments},
    {"read and poll", test_read},
    {"read waits", test_read_blocks},
    {"read is interrupted", test_read_interrupted},
    {"closed by the host", test_closed_by_host},
    {"fence that has signalled", test_signalled_fence},
    {"fence holds back", test_fence_holds_back},
    {"fence with an error", test_fence_error},
    {"fence outlives the channel", test_fence_outlives_channel},
    {"flow control", test_flow_control},
    {"limits", test_limits},
    {"limit of channels", test_channel_limit},
    {"shared memory outlives its descriptors", test_shared_outlives_descriptors},
    {"close with shared buffers", test_close_with_shares},
    {"fork", test_fork},
    {"killed process", test_killed_process},
    {"many threads and channels", test_hammer},
    {"many threads on one channel", test_one_channel_many_threads},
    // What checks the use of the DMA interface takes this for a mistake, and is silent afterwards.
    {"a foreign buffer on two channels", test_foreign_on_two_channels},
    {"the module is held", test_module_is_held},
    {"unbind while in use", test_unbind},
    {"unbind under load", test_unbind_under_load},
};

}  // namespace
int main(int argc, char** argv) {
    std::string only;
    for (int i = 1; i < argc; ++i) {
        const std::string option = argv[i];
        if (option == "--keep") {
            g_keep = true;
        } else if (option == "--restarts") {
            g_restarts = true;
        } else if (option == "--device" && i + 1 < argc) {
            g_device = argv[++i];
        } else if (option == "--seconds" && i + 1 < argc) {
            g_hammer = std::chrono::seconds(std::atoi(argv[++i]));
        } else if (option == "--only" && i + 1 < argc) {
            only = argv[++i];
        } else {
            std::fprintf(
                stderr,
                "usage: %s [--device FILE] [--seconds N] [--keep] [--restarts] [--only NAME]\n",
                argv[0]);
            return 2;
        }
    }
    return run_tests(kTests, only);
}
