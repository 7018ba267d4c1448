// SPDX-License-Identifier: MIT
// SEND without fences, read() and poll(), and the end by the host.
#include "tests/guest/driver/tests.hpp"

namespace guest_test {
namespace {

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
    send.flags = 8;
    EXPECT_ERRNO(::ioctl(channel, VDMABUF_IOCTL_SEND, &send), EINVAL);
    // Stamps: aligned, inside of the message, and none that nobody asked for.
    for (const std::uint16_t at : std::initializer_list<std::uint16_t>{4, 16, 20, 24, 65528}) {
        send = send_arguments(data.data(), at == 16 ? 20 : 24);
        send.flags = VDMABUF_SEND_SENT_STAMP;
        send.sent_stamp = at;
        EXPECT_ERRNO(::ioctl(channel, VDMABUF_IOCTL_SEND, &send), EINVAL);
    }
    send = send_arguments(data.data(), 7);
    send.flags = VDMABUF_SEND_SENT_STAMP;
    EXPECT_ERRNO(::ioctl(channel, VDMABUF_IOCTL_SEND, &send), EINVAL);
    send = send_arguments(data.data(), 24);
    send.sent_stamp = 8;
    EXPECT_ERRNO(::ioctl(channel, VDMABUF_IOCTL_SEND, &send), EINVAL);
    send = send_arguments(data.data(), 24);
    send.fence_stamp = 8;
    EXPECT_ERRNO(::ioctl(channel, VDMABUF_IOCTL_SEND, &send), EINVAL);
    send.flags = VDMABUF_SEND_FENCE_STAMP;
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

const Test kTests[] = {
    {"SEND arguments", test_send_arguments},
    {"read and poll", test_read},
    {"read waits", test_read_blocks},
    {"read is interrupted", test_read_interrupted},
    {"closed by the host", test_closed_by_host},
};

}  // namespace

std::span<const Test> event_tests() {
    return kTests;
}

}  // namespace guest_test
