// SPDX-License-Identifier: MIT
#include "runtime/broker/socket_channel.hpp"

#include <gtest/gtest.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <memory>
#include <utility>
#include <vector>

#include "runtime/common/clock.hpp"
#include "runtime/common/stream_messages.hpp"

namespace vdmabuf::broker {
namespace {

class SocketChannelTest : public testing::Test {
  protected:
    void SetUp() override {
        auto made = EventLoop::create();
        ASSERT_TRUE(made);
        loop = std::move(*made);
        std::array<int, 2> pair{};
        ASSERT_EQ(
            ::socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, pair.data()),
            0);
        peer.reset(pair[1]);
        SocketChannel::Handlers handlers;
        handlers.message = [this](std::span<const std::byte> bytes, std::vector<UniqueFd> fds) {
            sizes.push_back(bytes.size());
            fd_counts.push_back(fds.size());
        };
        handlers.closed = [this] {
            ++closed;
            channel.reset();
        };
        auto created = SocketChannel::create(*loop, UniqueFd(pair[0]), std::move(handlers));
        ASSERT_TRUE(created);
        channel = std::move(*created);
    }

    void spin(int rounds = 50) {
        for (int i = 0; i < rounds; ++i) loop->run_once(0);
    }
    std::vector<std::byte> message(std::size_t size, unsigned mark = 0) {
        std::vector<std::byte> bytes(size);
        std::memcpy(bytes.data(), &mark, std::min(size, sizeof mark));
        return bytes;
    }
    // The mark of the next message that the peer has; -1: none, -2: end.
    int read_mark() {
        std::array<std::byte, 4096> buffer{};
        const auto got = receive_message(peer.get(), buffer);
        if (!got) return got.error().code == EAGAIN ? -1 : -2;
        if (got->size == 0) return -2;
        unsigned mark = 0;
        std::memcpy(&mark, buffer.data(), sizeof mark);
        return static_cast<int>(mark);
    }

    std::unique_ptr<EventLoop> loop;
    std::unique_ptr<SocketChannel> channel;
    UniqueFd peer;
    std::vector<std::size_t> sizes;
    std::vector<std::size_t> fd_counts;
    int closed = 0;
};

TEST_F(SocketChannelTest, MessagesComeWhole) {
    ASSERT_EQ(send_message(peer.get(), message(1)), 0);
    ASSERT_EQ(send_message(peer.get(), message(4096), std::array{0, 1}), 0);
    spin();
    EXPECT_EQ(sizes, (std::vector<std::size_t>{1, 4096}));
    EXPECT_EQ(fd_counts, (std::vector<std::size_t>{0, 2}));
}

TEST_F(SocketChannelTest, OneThatIsTooLongComesAsNone) {
    ASSERT_EQ(send_message(peer.get(), message(4097)), 0);
    spin();
    EXPECT_EQ(sizes, (std::vector<std::size_t>{0}));  // which no decoder takes
    EXPECT_EQ(closed, 0);
}

TEST_F(SocketChannelTest, WhatASlowPeerDoesNotTakeWaitsInOrder) {
    for (unsigned i = 0; i < 2000; ++i) ASSERT_TRUE(channel->send(message(512, i)));
    EXPECT_GT(channel->queued_bytes(), 0u);
    for (int i = 0; i < 2000;) {
        const int mark = read_mark();
        ASSERT_NE(mark, -2);
        if (mark == -1) {
            loop->run_once(0);
            continue;
        }
        ASSERT_EQ(mark, i);
        ++i;
    }
    EXPECT_EQ(channel->queued_bytes(), 0u);
    // No EPOLLOUT is left over that would spin.
    const std::uint64_t before = now_ns();
    loop->run_once(20 * static_cast<std::int64_t>(kNsPerMs));
    EXPECT_GE(now_ns() - before, 15 * kNsPerMs);
}

TEST_F(SocketChannelTest, OneThatNeverReadsIsDropped) {
    std::size_t sent = 0;
    while (channel->send(message(4000))) {
        ++sent;
        ASSERT_LE(channel->queued_bytes(), SocketChannel::kMaxQueued);
        ASSERT_LT(sent, 100'000u);
    }
    EXPECT_GT(sent * 4000, SocketChannel::kMaxQueued / 2);
    EXPECT_EQ(closed, 0) << "not from within send()";
    EXPECT_FALSE(channel->send(message(1)));
    spin();
    EXPECT_EQ(closed, 1);
}

TEST_F(SocketChannelTest, TheEndOfThePeerIsTold) {
    ASSERT_EQ(send_message(peer.get(), message(8)), 0);
    peer.reset();
    spin();
    EXPECT_EQ(sizes.size(), 1u);  // what it said before counts
    EXPECT_EQ(closed, 1);
}

TEST_F(SocketChannelTest, LastWordsArriveEvenIfThePeerHasMoreToSay) {
    for (int i = 0; i < 20; ++i) ASSERT_EQ(send_message(peer.get(), message(64)), 0);
    ASSERT_TRUE(channel->send(message(8, 77)));
    channel->close();
    channel->close();
    EXPECT_FALSE(channel->send(message(8, 78)));
    EXPECT_EQ(closed, 0);
    spin();
    EXPECT_EQ(closed, 1);
    EXPECT_TRUE(sizes.empty()) << "nothing is handled after close()";
    EXPECT_EQ(read_mark(), 77);
    EXPECT_EQ(read_mark(), -2);
}

TEST_F(SocketChannelTest, DescriptorsThatWaitAreKeptOpen) {
    while (channel->queued_bytes() == 0) ASSERT_TRUE(channel->send(message(2000)));
    std::array<int, 2> pipe{};
    ASSERT_EQ(::pipe(pipe.data()), 0);
    const UniqueFd reader(pipe[0]);
    ASSERT_TRUE(channel->send(message(8), {std::make_shared<const UniqueFd>(pipe[1])}));
    std::array<std::byte, 4096> buffer{};
    for (int i = 0; i < 10'000; ++i) {
        auto got = receive_message(peer.get(), buffer);
        if (!got) {
            loop->run_once(0);
            continue;
        }
        if (got->fds.empty()) continue;
        ASSERT_EQ(::write(got->fds[0].get(), "x", 1), 1);
        char c = 0;
        EXPECT_EQ(::read(reader.get(), &c, 1), 1);
        return;
    }
    FAIL() << "the descriptor never came";
}

}  // namespace
}  // namespace vdmabuf::broker
