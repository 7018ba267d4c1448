// SPDX-License-Identifier: MIT
// The program as a person meets it: options, messages, exit codes, the whole protocol of a VMM.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <fstream>

#include "runtime/common/clock.hpp"
#include "runtime/common/seqpacket.hpp"
#include "runtime/keeper/spawn.hpp"
#include "tests/unit/keeper/daemon.hpp"
#include "tests/unit/keeper/fake_front.hpp"

namespace vdmabuf::keeper {
namespace {

using test::Daemon;
using test::FakeFront;
using test::FakeGuest;
using testing::HasSubstr;

std::string vm_socket() {
    return Daemon::directory() + "/vm.sock";
}
std::string vm_option() {
    return "test=" + vm_socket();
}

FakeFront connect_front() {
    for (int i = 0; i < 1000; ++i) {
        auto socket = connect_to(vm_socket(), SOCK_STREAM);
        if (socket) return FakeFront(std::move(*socket));
        ::poll(nullptr, 0, 2);
    }
    return FakeFront(UniqueFd());
}

std::uint32_t command(FakeGuest& guest, std::span<const std::byte> bytes) {
    guest.submit(bytes);
    for (int i = 0; i < 2000; ++i) {
        if (auto status = guest.response()) return *status;
        ::poll(nullptr, 0, 1);
    }
    return 1000;
}

// Runs to its end: exit code and what it printed.
std::pair<int, std::string> run(const std::vector<std::string>& arguments) {
    Daemon daemon(arguments);
    const int code = daemon.wait(5000);
    return {code, daemon.log()};
}

TEST(VdmabufdTest, HelpsAndTellsItsVersion) {
    auto [code, text] = run({"--help"});
    EXPECT_EQ(code, 0);
    EXPECT_THAT(text, HasSubstr("vhost-user-test-device-pci"));
    std::tie(code, text) = run({"--version"});
    EXPECT_EQ(code, 0);
    EXPECT_THAT(text, HasSubstr("vdmabufd 0."));
}

TEST(VdmabufdTest, RefusesWrongOptions) {
    const std::string socket = vm_socket();
    const std::vector<std::pair<std::vector<std::string>, std::string>> cases{
        {{"--nonsense"}, "--nonsense"},
        {{"--vm", "noequals"}, "NAME=SOCKET"},
        {{"--vm", "=" + socket}, "name"},
        {{"--vm", "a/b=" + socket}, "name"},
        {{"--vm", std::string(60, 'x') + "=" + socket}, "name"},
        {{"--vm", "a=" + socket, "--vm", "a=" + socket + "2"}, "two VMs"},
        {{"--vm", "a=" + socket, "--vm", "b=" + socket}, "two VMs"},
        {{"--vm", "a=" + socket, "--vm-limit", "b:bytes=1G"}, "NAME"},
        {{"--vm", "a=" + socket, "--vm-limit", "a:bytes=lots"}, "NUMBER"},
        {{"--vm", "a=" + socket, "--vm-limit", "a:bytes=0"}, "NUMBER"},
        {{"--vm", "a=" + socket, "--vm-limit", "a:bytes=99999999999T"}, "NUMBER"},
        {{"--vm", "a=" + socket, "--vm-limit", "a:colour=3"}, "none of"},
        {{"--vm", "a=" + socket, "--vm-input", "b=" + socket + "2"}, "NAME of a --vm"},
        {{"--vm", "a=" + socket, "--vm-input", "a"}, "NAME=SOCKET"},
        {{"--vm", "a=" + socket, "--vm-input", "a=" + socket}, "something else"},
        {{"--vm", "a=" + socket, "--vm-input", "a=" + socket + "2", "--vm-input",
          "a=" + socket + "3"},
         "two sockets"},
        {{"--socket-mode", "9"}, "octal"},
        {{"--group", "no-such-group-here"}, "no group"},
        {{"--log-level", "loud"}, "log-level"},
        {{"--no-local", "--producer-socket", socket}, "--no-local"},
    };
    for (const auto& [arguments, expected] : cases) {
        const auto [code, text] = run(arguments);
        EXPECT_EQ(code, 2) << arguments[0] << ": " << text;
        EXPECT_THAT(text, HasSubstr(expected));
        EXPECT_THAT(text, HasSubstr("--help"));
    }
}

TEST(VdmabufdTest, SaysWhenASocketIsInUse) {
    Daemon first({"--vm", vm_option()});
    ASSERT_TRUE(first.ready());
    const auto second = [](const std::vector<std::string>& arguments) {
        const pid_t pid = ::fork();
        if (pid == 0) {
            std::vector<std::string> words{VDMABUFD};
            words.insert(words.end(), arguments.begin(), arguments.end());
            std::vector<char*> argv;
            argv.reserve(words.size() + 1);
            for (std::string& word : words) argv.push_back(word.data());
            argv.push_back(nullptr);
            ::execv(argv[0], argv.data());
            ::_exit(127);
        }
        int status = 0;
        ::waitpid(pid, &status, 0);
        return WEXITSTATUS(status);
    };
    EXPECT_EQ(second({}), 3);
    const std::string other = Daemon::directory() + "/other";
    EXPECT_EQ(second({"--no-local", "--consumer-socket", other, "--vm", vm_option()}), 3);
    first.signal(SIGTERM);
    EXPECT_EQ(first.wait(5000), 0);
    EXPECT_NE(::access(vm_socket().c_str(), F_OK), 0) << "removed";
}

TEST(VdmabufdTest, SetsTheSocketsMode) {
    Daemon daemon({"--vm", vm_option(), "--socket-mode", "0640"});
    ASSERT_TRUE(daemon.ready());
    struct stat st {};
    ASSERT_EQ(::stat(vm_socket().c_str(), &st), 0);
    EXPECT_EQ(st.st_mode & 0777, 0640U);
}

TEST(VdmabufdTest, ServesAVm) {
    Daemon daemon({"--vm", vm_option(), "--vm-limit", "test:connections=1,bytes=64K"});
    for (const bool like_uml : {false, true}) {
        FakeGuest guest;
        FakeFront front = connect_front();
        ASSERT_TRUE(front.start(guest, like_uml));
        EXPECT_EQ(command(guest, test::channel_open(1)), VIRTIO_VDMABUF_OK);
        EXPECT_EQ(command(guest, test::channel_open(2)), VIRTIO_VDMABUF_ERR_QUOTA);
        EXPECT_EQ(command(guest,
                          test::buffer_create(1, test::make_id(1), {{FakeGuest::kPages, 0x11000}})),
                  VIRTIO_VDMABUF_ERR_QUOTA);
        EXPECT_EQ(command(guest,
                          test::buffer_create(1, test::make_id(1), {{FakeGuest::kPages, 0x10000}})),
                  VIRTIO_VDMABUF_OK);
        EXPECT_EQ(front.stop(0), 4U);
        EXPECT_EQ(front.stop(1), 0U);
        // The next round is a VM that starts anew at the same socket.
    }
}

TEST(VdmabufdTest, TwoVmsDoNotSeeEachOther) {
    const std::string second = Daemon::directory() + "/second.sock";
    Daemon daemon({"--vm", vm_option(), "--vm", "second=" + second});
    FakeGuest guests[2];
    FakeFront a = connect_front();
    auto socket = connect_to(second, SOCK_STREAM);
    ASSERT_TRUE(socket);
    FakeFront b(std::move(*socket));
    ASSERT_TRUE(a.start(guests[0]));
    ASSERT_TRUE(b.start(guests[1]));
    EXPECT_EQ(command(guests[0], test::channel_open(1)), VIRTIO_VDMABUF_OK);
    EXPECT_EQ(command(guests[1], test::channel_open(1)), VIRTIO_VDMABUF_OK);
    // One breaks its queue; the other goes on.
    guests[0].set_available_index(0, 30000);
    guests[0].kick(0);
    EXPECT_TRUE(daemon.log_has("broke a virtqueue"));
    EXPECT_EQ(command(guests[1], test::channel_close(1)), VIRTIO_VDMABUF_OK);
    EXPECT_EQ(a.stop(1), 0U) << "the connection stays";
}

TEST(VdmabufdTest, SurvivesWhatIsNotAVmm) {
    Daemon daemon({"--vm", vm_option()});
    FakeFront stranger = connect_front();
    const std::string text = "GET / HTTP/1.1\r\n\r\n";
    ASSERT_TRUE(stranger.send(std::as_bytes(std::span(text))));
    EXPECT_TRUE(stranger.closed());
    EXPECT_TRUE(daemon.log_has("does not speak vhost-user"));
    FakeGuest guest;
    FakeFront front = connect_front();
    ASSERT_TRUE(front.start(guest));
    // A second one is turned away, the first stays.
    FakeFront second = connect_front();
    EXPECT_TRUE(second.closed());
    EXPECT_TRUE(daemon.log_has("second VMM"));
    EXPECT_EQ(command(guest, test::channel_open(1)), VIRTIO_VDMABUF_OK);
}

TEST(VdmabufdTest, SaysThatMemoryIsNotShared) {
    Daemon daemon({"--vm", vm_option()});
    FakeFront front = connect_front();
    const auto features = front.ask(Request::get_features);
    ASSERT_TRUE(features);
    // As QEMU without a shared memory backend: it gives up after this.
    ASSERT_TRUE(front.send(test::encode(Request::set_features, *features)));
    EXPECT_TRUE(daemon.log_has("memory-backend-memfd", 5000));
}

TEST(VdmabufdTest, EndsWhenIdle) {
    const std::uint64_t start = now_ns();
    Daemon daemon({"--exit-when-idle"});
    ASSERT_TRUE(daemon.ready());
    EXPECT_EQ(daemon.wait(9000), 0);
    EXPECT_GT(now_ns() - start, 4 * kNsPerSecond);
}

TEST(VdmabufdTest, StaysWhileSomebodyIsConnected) {
    Daemon daemon({"--exit-when-idle", "--vm", vm_option()});
    FakeFront front = connect_front();
    EXPECT_EQ(daemon.wait(6500), -1);
}

TEST(VdmabufdTest, ConnectsToAVmmThatListens) {
    const std::string path = Daemon::directory() + "/vmm.sock";
    auto listener = listen_at(path, SOCK_STREAM);
    ASSERT_TRUE(listener);
    Daemon daemon({"--vm", "test=connect:" + path});
    pollfd poll_fd{listener->get(), POLLIN, 0};
    ASSERT_EQ(::poll(&poll_fd, 1, 3000), 1);
    FakeGuest guest;
    FakeFront front(UniqueFd(::accept4(listener->get(), nullptr, nullptr, SOCK_CLOEXEC)));
    ASSERT_TRUE(front.start(guest));
    EXPECT_EQ(command(guest, test::channel_open(1)), VIRTIO_VDMABUF_OK);
}

TEST(SpawnTest, WhereThereIsNoProgramItSaysSo) {
    // No vdmabufd beside this test; PATH is empty.
    ::setenv("PATH", "/nonexistent", 1);
    const std::string socket = Daemon::directory() + "/vdmabuf-none/consumer.sock";
    const std::uint64_t start = now_ns();
    const auto spawned = spawn_detached({}, socket);
    ASSERT_FALSE(spawned);
    EXPECT_THAT(spawned.error().text, HasSubstr("vdmabufd"));
    EXPECT_LT(now_ns() - start, kNsPerSecond);
}

TEST(SpawnTest, StartsTheOneInPathAndUsesTheOneThatRuns) {
    const std::string program = VDMABUFD;
    ::setenv("PATH", program.substr(0, program.rfind('/')).c_str(), 1);
    Daemon::directory();
    auto socket = default_consumer_socket(true);
    ASSERT_TRUE(socket);
    ASSERT_TRUE(spawn_detached({"--no-local", "--log-level", "error"}, *socket));
    EXPECT_TRUE(connect_to(*socket, SOCK_SEQPACKET));
    ASSERT_TRUE(spawn_detached({}, *socket)) << "it runs already";
    // It ends by itself, being idle.
    for (int i = 0; i < 900 && ::access(socket->c_str(), F_OK) == 0; ++i) ::poll(nullptr, 0, 10);
    EXPECT_NE(::access(socket->c_str(), F_OK), 0);
}

}  // namespace
}  // namespace vdmabuf::keeper
