// SPDX-License-Identifier: MIT
// A host that is silent.
#include "tests/guest/fault/tests.hpp"

namespace guest_test {
namespace {

void test_silence() {
    const Fd channel = open_channel();
    const Count before = count(channel);
    const Fd buffer = alloc_buffer(channel, 65536);
    const Fd late = alloc_buffer(channel, 4096);
    const Id id = share_buffer(channel, buffer);
    {
        const Patience patience(300);
        order(channel, "mute 1.8");
        std::this_thread::sleep_for(20ms);
        const auto start = Clock::now();
        Id refused{};
        EXPECT_ERRNO(try_share(channel, late, refused), ETIMEDOUT);
        EXPECT_ERRNO(try_unshare(channel, id), ETIMEDOUT);
        EXPECT_ERRNO(::open(g_device.c_str(), O_RDWR), ETIMEDOUT);
        EXPECT(Clock::now() - start > 850ms);
        int sent = 0;
        EXPECT_ERRNO(::fcntl(channel, F_SETFL, O_NONBLOCK), 0);
        while (try_send(channel, "echo m", 6) == 0) ++sent;
        EXPECT(errno == EAGAIN && sent == 64);
        EXPECT_ERRNO(::fcntl(channel, F_SETFL, 0), 0);
        EXPECT_ERRNO(try_send(channel, "echo m", 6), ETIMEDOUT);
        for (int i = 0; i < sent; ++i) EXPECT(answer(channel) == "m");
    }
    // What nobody waited for was undone when the answers came.
    EXPECT(eventually([&] { return count(channel) == before; }));
}

void test_close_in_silence() {
    const Fd other = open_channel();
    const Count before = count(other);
    {
        const Patience patience(300);
        const Fd channel = open_channel();
        share_buffer(channel, alloc_buffer(channel, 1u << 20));
        order(channel, "mute 0.5");
        for (int i = 0; i < 30; ++i) try_send(channel, "echo m", 6);
    }
    EXPECT(eventually([&] { return count(other) == before; }));
}

void test_killed_in_silence() {
    const Fd channel = open_channel();
    const Count before = count(channel);
    order(channel, "mute 1");
    std::this_thread::sleep_for(20ms);
    const pid_t sharer = ::fork();
    if (sharer == 0) {
        Id id{};
        try_share(channel, try_alloc(channel, 4096), id);
        ::_exit(1);
    }
    const pid_t opener = ::fork();
    if (opener == 0) {
        const int fd = ::open(g_device.c_str(), O_RDWR);
        ::_exit(fd < 0 ? 1 : 2);
    }
    std::this_thread::sleep_for(100ms);
    const auto start = Clock::now();
    for (const pid_t child : {sharer, opener}) {
        ::kill(child, SIGKILL);
        EXPECT(::waitpid(child, nullptr, 0) == child);
    }
    EXPECT(Clock::now() - start < 500ms);
    EXPECT(eventually([&] { return count(channel) == before; }));
}

const Test kTests[] = {
    {"silence", test_silence},
    {"close in silence", test_close_in_silence},
    {"killed in silence", test_killed_in_silence},
};

}  // namespace

std::span<const Test> silence_tests() {
    return kTests;
}

}  // namespace guest_test
