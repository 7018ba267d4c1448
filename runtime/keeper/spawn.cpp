// SPDX-License-Identifier: MIT
#include "runtime/keeper/spawn.hpp"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <climits>

#include "runtime/common/clock.hpp"
#include "runtime/common/seqpacket.hpp"
#include "runtime/common/unique_fd.hpp"

namespace vdmabuf::keeper {
namespace {

constexpr std::uint64_t kPatienceNs = 5 * kNsPerSecond;

std::string daemon_path() {
    std::array<char, PATH_MAX> self{};
    const ssize_t length = ::readlink("/proc/self/exe", self.data(), self.size() - 1);
    if (length > 0) {
        std::string path(self.data(), static_cast<std::size_t>(length));
        path = path.substr(0, path.rfind('/') + 1) + "vdmabufd";
        if (::access(path.c_str(), X_OK) == 0) return path;
    }
    return "vdmabufd";  // execvp(3) looks in PATH
}

Result<std::string> in_runtime_directory(const char* name, bool create) {
    auto directory = runtime_directory(create);
    if (!directory) return directory.error();
    return *directory + "/" + name;
}

}  // namespace

Result<std::string> default_consumer_socket(bool create_directory) {
    return in_runtime_directory("consumer.sock", create_directory);
}

Result<std::string> default_producer_socket(bool create_directory) {
    return in_runtime_directory("producer.sock", create_directory);
}

Result<void> spawn_detached(const std::vector<std::string>& arguments,
                            const std::string& consumer_socket) {
    if (connect_to(consumer_socket, SOCK_SEQPACKET)) return {};
    std::vector<std::string> words{daemon_path()};
    words.insert(words.end(), arguments.begin(), arguments.end());
    words.emplace_back("--exit-when-idle");
    std::vector<char*> argv;
    argv.reserve(words.size() + 1);
    for (std::string& word : words) argv.push_back(word.data());
    argv.push_back(nullptr);

    // Closed by exec, or tells why that failed.
    std::array<int, 2> report{};
    if (::pipe2(report.data(), O_CLOEXEC) != 0) return system_error("pipe2");
    const UniqueFd report_read(report[0]);
    UniqueFd report_write(report[1]);

    // Between fork(2) and exec only what is async-signal-safe: other threads may hold locks.
    const pid_t pid = ::fork();
    if (pid < 0) return system_error("fork");
    if (pid == 0) {
        ::setsid();
        const int null = ::open("/dev/null", O_RDWR | O_CLOEXEC);
        if (null >= 0) {
            ::dup2(null, STDIN_FILENO);
            ::dup2(null, STDOUT_FILENO);
        }
        sigset_t none;
        ::sigemptyset(&none);
        ::sigprocmask(SIG_SETMASK, &none, nullptr);
        // Its parent is init from here on, so that it never becomes our zombie.
        const pid_t daemon = ::fork();
        if (daemon != 0) ::_exit(daemon < 0 ? 1 : 0);
        ::execvp(argv[0], argv.data());
        const int error = errno;
        [[maybe_unused]] const ssize_t written = ::write(report_write.get(), &error, sizeof error);
        ::_exit(127);
    }
    report_write.reset();
    int status = 0;
    while (::waitpid(pid, &status, 0) < 0 && errno == EINTR) {
    }
    if (!WIFEXITED(status) || WEXITSTATUS(status) != 0) {
        return Error{EAGAIN, "cannot start vdmabufd: no more processes"};
    }
    int error = 0;
    ssize_t got = 0;
    do {
        got = ::read(report_read.get(), &error, sizeof error);
    } while (got < 0 && errno == EINTR);
    if (got == sizeof error) {
        return system_error("cannot start '" + words[0] + "' (install it beside this program)",
                            error);
    }
    const std::uint64_t deadline = now_ns() + kPatienceNs;
    while (now_ns() < deadline) {
        if (connect_to(consumer_socket, SOCK_SEQPACKET)) return {};
        ::poll(nullptr, 0, 5);
    }
    return Error{ETIMEDOUT, "'" + words[0] + "' did not start to serve '" + consumer_socket +
                                "': run it by hand to see why"};
}

}  // namespace vdmabuf::keeper
