// SPDX-License-Identifier: MIT
#include "tests/unit/keeper/daemon.hpp"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <sstream>

#include "runtime/common/clock.hpp"

namespace vdmabuf::test {
namespace {

std::string read_file(const std::string& path) {
    std::ifstream file(path);
    std::stringstream text;
    text << file.rdbuf();
    return text.str();
}

template <typename Condition>
bool wait_until(Condition condition, int limit_ms) {
    const std::uint64_t deadline = now_ns() + static_cast<std::uint64_t>(limit_ms) * kNsPerMs;
    while (!condition()) {
        if (now_ns() >= deadline) return false;
        ::poll(nullptr, 0, 2);
    }
    return true;
}

// Removed when the test program ends.
struct RuntimeDirectory {
    RuntimeDirectory() {
        char name[] = "/tmp/vdmabuf-test-XXXXXX";
        if (!::mkdtemp(name)) std::abort();
        path = name;
        ::setenv("XDG_RUNTIME_DIR", name, 1);
        ::setenv("XDG_CACHE_HOME", name, 1);  // of what consumers find out about drivers
    }
    ~RuntimeDirectory() {
        std::error_code ignored;
        std::filesystem::remove_all(path, ignored);
    }
    std::string path;
};

}  // namespace

const std::string& Daemon::directory() {
    static const RuntimeDirectory directory;
    return directory.path;
}

Daemon::Daemon(const std::vector<std::string>& arguments, bool log_to_file) {
    const std::string log = directory() + "/log";
    std::vector<std::string> words{VDMABUFD};
    words.insert(words.end(), arguments.begin(), arguments.end());
    std::vector<char*> argv;
    argv.reserve(words.size() + 1);
    for (std::string& word : words) argv.push_back(word.data());
    argv.push_back(nullptr);
    pid_ = ::fork();
    if (pid_ != 0) return;
    ::prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (log_to_file) {
        const int fd = ::open(log.c_str(), O_WRONLY | O_CREAT | O_TRUNC, 0600);
        ::dup2(fd, STDOUT_FILENO);
        ::dup2(fd, STDERR_FILENO);
    }
    ::execv(argv[0], argv.data());
    ::_exit(127);
}

Daemon::~Daemon() {
    if (pid_ <= 0) return;
    // A broker that has not come to its execv(2) yet has the listening sockets, too: the next test
    // must not connect to those.
    const std::string task = std::to_string(pid_);
    std::istringstream children(read_file("/proc/" + task + "/task/" + task + "/children"));
    pid_t child = -1;
    children >> child;
    ::kill(pid_, SIGKILL);
    ::waitpid(pid_, nullptr, 0);
    if (child <= 0) return;
    const std::string program = "/proc/" + std::to_string(child) + "/exe";
    wait_until([&] { return ::access(program.c_str(), F_OK) != 0; }, 3000);
}

bool Daemon::ready() const {
    const std::string socket = directory() + "/vdmabuf/consumer.sock";
    return wait_until([&] { return ::access(socket.c_str(), F_OK) == 0; }, 3000) && broker() > 0;
}

int Daemon::wait(int limit_ms) {
    int status = 0;
    const bool ended =
        wait_until([&] { return ::waitpid(pid_, &status, WNOHANG) == pid_; }, limit_ms);
    if (!ended) return -1;
    pid_ = -1;
    return WIFEXITED(status) ? WEXITSTATUS(status) : 1000 + WTERMSIG(status);
}

void Daemon::signal(int number) const {
    ::kill(pid_, number);
}

pid_t Daemon::broker(pid_t before) const {
    const std::string path =
        "/proc/" + std::to_string(pid_) + "/task/" + std::to_string(pid_) + "/children";
    pid_t found = -1;
    wait_until(
        [&] {
            std::istringstream children(read_file(path));
            pid_t child = -1;
            // A child that has been killed and not yet been waited for is listed first.
            while (children >> child) {
                if (child != before) found = child;
            }
            return found > 0;
        },
        3000);
    return found;
}

std::string Daemon::log() const {
    return read_file(directory() + "/log");
}

bool Daemon::log_has(const std::string& text, int limit_ms) const {
    return wait_until([&] { return log().find(text) != std::string::npos; }, limit_ms);
}

}  // namespace vdmabuf::test
