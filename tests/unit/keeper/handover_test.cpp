// SPDX-License-Identifier: MIT
#include "runtime/keeper/handover.hpp"

#include <gtest/gtest.h>
#include <sys/socket.h>
#include <sys/stat.h>

#include "runtime/common/clock.hpp"
#include "tests/unit/device/fake_guest.hpp"

namespace vdmabuf::keeper::handover {
namespace {

class HandoverTest : public testing::Test {
  protected:
    void SetUp() override {
        int pair[2];
        ASSERT_EQ(::socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair), 0);
        keeper_.reset(pair[0]);
        broker_.reset(pair[1]);
        receiver_.on_state = [this](const device::DeviceName& device, const device::VmState& state,
                                    std::uint64_t sequence) {
            device_ = device;
            state_ = state;
            sequence_ = sequence;
        };
        receiver_.on_shut_down = [this](std::uint64_t sequence) { shut_down_ = sequence; };
    }
    Status take_all() {
        for (;;) {
            std::array<std::byte, kMaxSize> buffer{};
            auto received = receive_message(broker_.get(), buffer);
            if (!received) return {};
            auto taken =
                receiver_.take(std::span(buffer).first(received->size), std::move(received->fds));
            if (!taken) return taken;
        }
    }
    template <typename Message>
    Status take(const Message& message, std::vector<UniqueFd> fds = {}) {
        return receiver_.take(std::as_bytes(std::span(&message, 1)), std::move(fds));
    }

    UniqueFd keeper_;
    UniqueFd broker_;
    Receiver receiver_;
    device::DeviceName device_;
    device::VmState state_;
    std::uint64_t sequence_ = 0;
    std::uint64_t shut_down_ = 0;
};

ino_t inode(const device::SharedFd& fd) {
    struct stat st {};
    return fd && ::fstat(fd->get(), &st) == 0 ? st.st_ino : 0;
}

TEST_F(HandoverTest, CarriesAState) {
    const test::FakeGuest guest;
    device::VmState state = guest.state();
    state.resumed = true;
    state.rings[1].call.reset();
    state.rings[0].enabled = false;
    ASSERT_EQ(send_state(keeper_.get(), {"games", 3}, state, 42, now_ns() + kNsPerSecond), 0);
    ASSERT_TRUE(take_all());
    EXPECT_EQ(device_.vm, "games");
    EXPECT_EQ(device_.number, 3U);
    EXPECT_EQ(sequence_, 42U);
    EXPECT_TRUE(state_.resumed);
    EXPECT_EQ(state_.features, state.features);
    ASSERT_EQ(state_.regions.size(), 1U);
    EXPECT_EQ(state_.regions[0].uva, state.regions[0].uva);
    EXPECT_EQ(inode(state_.regions[0].file), inode(state.regions[0].file));
    EXPECT_FALSE(state_.rings[0].enabled);
    EXPECT_TRUE(state_.rings[1].active());
    EXPECT_EQ(state_.rings[1].used, state.rings[1].used);
    EXPECT_TRUE(state_.rings[0].call);
    EXPECT_FALSE(state_.rings[1].call);
}

TEST_F(HandoverTest, CarriesAsManyRegionsAsThereMayBe) {
    device::VmState state;
    for (std::uint64_t i = 0; i < device::kMaxRegions; ++i) {
        state.regions.push_back({i << 12, 0x1000, i << 12, 0, test::make_memory_file(0x1000)});
    }
    ASSERT_EQ(send_state(keeper_.get(), {"vm"}, state, 1, now_ns() + kNsPerSecond), 0);
    ASSERT_TRUE(take_all());
    EXPECT_EQ(state_.regions.size(), device::kMaxRegions);
}

TEST_F(HandoverTest, WaitsNoLongerThanAllowed) {
    const auto message = make<Commit>(1);
    int error = 0;
    const std::uint64_t start = now_ns();
    while (error == 0) {
        error = send_within(keeper_.get(), message, {}, now_ns() + 50 * kNsPerMs);
    }
    EXPECT_EQ(error, ETIMEDOUT);
    EXPECT_LT(now_ns() - start, kNsPerSecond);
    broker_.reset();
    error = send_within(keeper_.get(), message, {}, now_ns() + kNsPerSecond);
    EXPECT_TRUE(error == EPIPE || error == ECONNRESET) << error;
}

TEST_F(HandoverTest, RefusesOtherVersions) {
    auto message = make<Commit>(1);
    message.header.version = kVersion + 1;
    const Status taken = take(message);
    ASSERT_FALSE(taken);
    EXPECT_EQ(taken.error().code, EPROTONOSUPPORT);
}

TEST_F(HandoverTest, RefusesMalformedMessages) {
    EXPECT_FALSE(receiver_.take(std::vector<std::byte>(10), {}));
    auto snapshot = make<Snapshot>(1, "vm");
    EXPECT_FALSE(receiver_.take(std::as_bytes(std::span(&snapshot, 1)).first(70), {}));
    ASSERT_TRUE(take(snapshot));
    EXPECT_FALSE(take(make<Region>(1, "vm"))) << "without its file";
    EXPECT_FALSE(take(make<Region>(1, "other")));
    auto ring = make<Ring>(1, "vm");
    ring.index = 2;
    EXPECT_FALSE(take(ring));
    ring.index = 0;
    ring.flags = kRingKick;
    EXPECT_FALSE(take(ring)) << "without its descriptor";
    EXPECT_FALSE(take(make<Commit>(1, "other")));
    EXPECT_FALSE(take(make<Ack>(1)));
    EXPECT_TRUE(take(make<ShutDown>(9)));
    EXPECT_EQ(shut_down_, 9U);
}

}  // namespace
}  // namespace vdmabuf::keeper::handover
