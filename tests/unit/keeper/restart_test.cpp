// SPDX-License-Identifier: MIT
// The broker's process dies in every way; the VM must not notice more than a pause.
#include <gtest/gtest.h>
#include <poll.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <filesystem>

#include "runtime/common/clock.hpp"
#include "runtime/common/seqpacket.hpp"
#include "tests/unit/keeper/daemon.hpp"
#include "tests/unit/keeper/fake_front.hpp"

namespace vdmabuf::keeper {
namespace {

using test::Daemon;
using test::FakeFront;
using test::FakeGuest;
using test::peek;

class RestartTest : public testing::Test {
  protected:
    void SetUp() override {
        ASSERT_TRUE(daemon_.ready());
        auto socket = connect_to(Daemon::directory() + "/vm.sock", SOCK_STREAM);
        ASSERT_TRUE(socket);
        front_.emplace(std::move(*socket));
        ASSERT_TRUE(front_->start(guest_));
        guest_.post_event_buffers(32);
        ASSERT_EQ(command(test::channel_open(1)), VIRTIO_VDMABUF_OK);
    }
    std::uint32_t command(std::span<const std::byte> bytes) {
        guest_.submit(bytes);
        for (int i = 0; i < 5000; ++i) {
            if (auto status = guest_.response()) return *status;
            ::poll(nullptr, 0, 1);
        }
        return 1000;
    }
    // The next event, within 3 s.
    std::uint32_t event_type() {
        for (int i = 0; i < 3000; ++i) {
            if (auto event = guest_.take_event()) {
                guest_.post_event_buffers(1);
                return peek<std::uint32_t>(*event);
            }
            ::poll(nullptr, 0, 1);
        }
        return 0;
    }
    pid_t kill_broker(int signal) {
        const pid_t broker = daemon_.broker();
        EXPECT_GT(broker, 0);
        ::kill(broker, signal);
        return broker;
    }

    Daemon daemon_{{"--vm", "test=" + Daemon::directory() + "/vm.sock"}};
    FakeGuest guest_;
    std::optional<FakeFront> front_;
};

TEST_F(RestartTest, ResumesAfterBeingKilledAgainAndAgain) {
    for (int i = 0; i < 20; ++i) {
        kill_broker(SIGKILL);
        const std::uint64_t start = now_ns();
        ASSERT_EQ(event_type(), static_cast<std::uint32_t>(VIRTIO_VDMABUF_EVT_RESYNC)) << i;
        EXPECT_LT(now_ns() - start, 1000 * kNsPerMs);
        ASSERT_EQ(command(test::message(1, "x")), VIRTIO_VDMABUF_ERR_NO_CHANNEL) << i;
        ASSERT_EQ(command(test::channel_open(1)), VIRTIO_VDMABUF_OK) << i;
        // A crash loop is held up; this is none.
        ::poll(nullptr, 0, 260);
    }
    EXPECT_EQ(front_->stop(0), guest_.used_index(0)) << "the connection has never closed";
}

TEST_F(RestartTest, IsQuick) {
    std::uint64_t best = UINT64_MAX;
    for (int i = 0; i < 3; ++i) {
        kill_broker(SIGKILL);
        const std::uint64_t start = now_ns();
        ASSERT_EQ(event_type(), static_cast<std::uint32_t>(VIRTIO_VDMABUF_EVT_RESYNC));
        best = std::min(best, now_ns() - start);
    }
    EXPECT_LT(best, 200 * kNsPerMs);
}

TEST_F(RestartTest, AnswersWhatWasAskedWhileNobodyServed) {
    kill_broker(SIGKILL);
    // Whichever process sees it: it is answered, and in order.
    const std::uint32_t status = command(test::message(1, "x"));
    EXPECT_TRUE(status == VIRTIO_VDMABUF_OK || status == VIRTIO_VDMABUF_ERR_NO_CHANNEL) << status;
    EXPECT_EQ(event_type(), static_cast<std::uint32_t>(VIRTIO_VDMABUF_EVT_RESYNC));
}

TEST_F(RestartTest, UpgradesOnSignal) {
    const pid_t before = daemon_.broker();
    daemon_.signal(SIGUSR1);
    EXPECT_EQ(event_type(), static_cast<std::uint32_t>(VIRTIO_VDMABUF_EVT_RESYNC));
    EXPECT_NE(daemon_.broker(before), before);
    EXPECT_EQ(command(test::channel_open(1)), VIRTIO_VDMABUF_OK);
}

TEST_F(RestartTest, ABrokerThatHangsDoesNotHoldUpTheVmm) {
    const pid_t hung = kill_broker(SIGSTOP);
    const std::uint64_t start = now_ns();
    EXPECT_TRUE(front_->stop(0)) << "the VMM gets its answer";
    EXPECT_LT(now_ns() - start, 4 * kNsPerSecond);
    EXPECT_NE(daemon_.broker(hung), hung) << "killed, and started anew";
    EXPECT_TRUE(daemon_.log_has("does not answer"));
}

TEST_F(RestartTest, TheVmmLeavesWhileNobodyServes) {
    const pid_t before = kill_broker(SIGKILL);
    front_.reset();
    EXPECT_GT(daemon_.broker(before), 0);
    // The VM boots anew: no RESYNC for a fresh driver.
    FakeGuest fresh;
    auto socket = connect_to(Daemon::directory() + "/vm.sock", SOCK_STREAM);
    ASSERT_TRUE(socket);
    FakeFront front(std::move(*socket));
    ASSERT_TRUE(front.start(fresh));
    fresh.post_event_buffers(4);
    fresh.submit(test::channel_open(1));
    for (int i = 0; i < 3000 && !fresh.response(); ++i) ::poll(nullptr, 0, 1);
    EXPECT_EQ(fresh.response(), VIRTIO_VDMABUF_OK);
    EXPECT_FALSE(fresh.take_event());
}

TEST_F(RestartTest, ConsumersCanConnectAtAnyTime) {
    const std::string socket = Daemon::directory() + "/vdmabuf/consumer.sock";
    kill_broker(SIGKILL);
    for (int i = 0; i < 50; ++i) EXPECT_TRUE(connect_to(socket, SOCK_SEQPACKET));
}

TEST_F(RestartTest, TellsTheGuestWhenItEnds) {
    daemon_.signal(SIGTERM);
    EXPECT_EQ(event_type(), static_cast<std::uint32_t>(VIRTIO_VDMABUF_EVT_CHANNEL_CLOSED));
    EXPECT_EQ(daemon_.wait(5000), 0);
    EXPECT_NE(daemon_.log().find("ends while 1 VM is connected"), std::string::npos);
    EXPECT_TRUE(front_->closed());
}

TEST_F(RestartTest, ACrashLoopIsHeldUpAndEnds) {
    pid_t last = -1;
    const std::uint64_t start = now_ns();
    for (int i = 0; i < 9; ++i) {
        last = daemon_.broker(last);
        ASSERT_GT(last, 0) << i;
        ::kill(last, SIGKILL);
    }
    EXPECT_GT(now_ns() - start, 200 * kNsPerMs) << "not as fast as it can";
    // All the RESYNCs that were delivered; then it serves again.
    ASSERT_GT(daemon_.broker(last), 0);
    std::uint32_t status = VIRTIO_VDMABUF_ERR_NO_CHANNEL;
    for (int i = 0; i < 3 && status != VIRTIO_VDMABUF_OK; ++i) {
        status = command(test::channel_open(1));
    }
    EXPECT_EQ(status, VIRTIO_VDMABUF_OK);
}

TEST(UpgradeTest, StartsTheBinaryThatIsInstalledNow) {
    // A copy that is replaced while it runs, as a package manager does.
    const std::string copy = Daemon::directory() + "/vdmabufd-copy";
    std::filesystem::copy_file(VDMABUFD, copy, std::filesystem::copy_options::overwrite_existing);
    const pid_t keeper = ::fork();
    if (keeper == 0) {
        ::execl(copy.c_str(), copy.c_str(), "--log-level", "off", nullptr);
        ::_exit(127);
    }
    const std::string children =
        "/proc/" + std::to_string(keeper) + "/task/" + std::to_string(keeper) + "/children";
    const auto program_of_broker = [&] {
        for (int i = 0; i < 1000; ++i, ::poll(nullptr, 0, 2)) {
            FILE* file = ::fopen(children.c_str(), "re");
            int child = 0;
            const bool found = file && ::fscanf(file, "%d", &child) == 1;
            if (file) ::fclose(file);
            if (!found) continue;
            std::error_code error;
            auto path =
                std::filesystem::read_symlink("/proc/" + std::to_string(child) + "/exe", error);
            if (!error && path.string().find("vdmabufd") != std::string::npos) {
                return path.string();
            }
        }
        return std::string();
    };
    EXPECT_EQ(program_of_broker(), copy);
    const std::string installed = copy + ".new";
    std::filesystem::copy_file(VDMABUFD, installed);
    std::filesystem::rename(installed, copy);
    EXPECT_EQ(program_of_broker(), copy + " (deleted)");
    ::kill(keeper, SIGUSR1);
    bool upgraded = false;
    for (int i = 0; i < 100 && !upgraded; ++i, ::poll(nullptr, 0, 20)) {
        upgraded = program_of_broker() == copy;
    }
    EXPECT_TRUE(upgraded);
    ::kill(keeper, SIGTERM);
    int status = 0;
    ::waitpid(keeper, &status, 0);
    EXPECT_EQ(status, 0);
}

}  // namespace
}  // namespace vdmabuf::keeper
