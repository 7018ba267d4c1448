// SPDX-License-Identifier: MIT
// SEND with fences.
#include "tests/guest/fences.hpp"
#include "tests/guest/driver/tests.hpp"

namespace guest_test {
namespace {

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

const Test kTests[] = {
    {"fence that has signalled", test_signalled_fence},
    {"fence holds back", test_fence_holds_back},
    {"fence with an error", test_fence_error},
    {"fence outlives the channel", test_fence_outlives_channel},
    {"flow control", test_flow_control},
};

}  // namespace

std::span<const Test> fence_tests() {
    return kTests;
}

}  // namespace guest_test
