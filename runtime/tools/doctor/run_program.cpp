// SPDX-License-Identifier: MIT
#include "runtime/tools/doctor/run_program.hpp"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>

#include "runtime/common/clock.hpp"
#include "runtime/common/unique_fd.hpp"

namespace vdmabuf::doctor {
namespace {

constexpr std::size_t kMaxText = std::size_t{256} << 10;

std::vector<char*> pointers(std::vector<std::string>& words) {
    std::vector<char*> result;
    result.reserve(words.size() + 1);
    for (std::string& word : words) result.push_back(word.data());
    result.push_back(nullptr);
    return result;
}

std::vector<std::string> environment_with(const std::vector<std::string>& more) {
    std::vector<std::string> all = more;  // first: getenv() finds these
    for (char** entry = environ; *entry; ++entry) all.emplace_back(*entry);
    return all;
}

// Reads until the other end is closed. False: not in time.
bool read_all(int fd, std::string& text, std::uint64_t deadline_ns) {
    for (;;) {
        const std::uint64_t now = now_ns();
        if (now >= deadline_ns) return false;
        pollfd wait{fd, POLLIN, 0};
        const int ready = ::poll(&wait, 1, static_cast<int>((deadline_ns - now) / kNsPerMs) + 1);
        if (ready < 0 && errno != EINTR) return false;
        if (ready <= 0) continue;
        std::array<char, 4096> part{};
        const ssize_t got = ::read(fd, part.data(), part.size());
        if (got < 0 && errno == EINTR) continue;
        if (got <= 0) return true;
        if (text.size() < kMaxText) text.append(part.data(), static_cast<std::size_t>(got));
    }
}

}  // namespace

std::optional<ProgramOutput> run_program(const std::vector<std::string>& words,
                                         const std::vector<std::string>& environment,
                                         double seconds) {
    std::array<int, 2> ends{};
    if (::pipe2(ends.data(), O_CLOEXEC) != 0) return std::nullopt;
    const UniqueFd ours(ends[0]);
    UniqueFd theirs(ends[1]);
    posix_spawn_file_actions_t actions;
    ::posix_spawn_file_actions_init(&actions);
    ::posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0);
    ::posix_spawn_file_actions_adddup2(&actions, theirs.get(), 1);
    ::posix_spawn_file_actions_adddup2(&actions, theirs.get(), 2);
    auto arguments = words;
    auto variables = environment_with(environment);
    pid_t pid = -1;
    const int error = ::posix_spawnp(&pid, words[0].c_str(), &actions, nullptr,
                                     pointers(arguments).data(), pointers(variables).data());
    ::posix_spawn_file_actions_destroy(&actions);
    theirs.reset();
    if (error != 0) return std::nullopt;

    ProgramOutput output;
    const auto limit = static_cast<std::uint64_t>(seconds * static_cast<double>(kNsPerSecond));
    const bool ended = read_all(ours.get(), output.text, now_ns() + limit);
    if (!ended) ::kill(pid, SIGKILL);
    int status = 0;
    while (::waitpid(pid, &status, 0) < 0 && errno == EINTR) {
    }
    if (!ended) return std::nullopt;
    output.status = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
    return output;
}

}  // namespace vdmabuf::doctor
