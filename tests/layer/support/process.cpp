// SPDX-License-Identifier: MIT
#include "tests/layer/support/process.hpp"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>

namespace vdmabuf::test {

Process::Process(const std::vector<std::string>& arguments, int output) {
    std::vector<char*> argv;
    for (const auto& argument : arguments) argv.push_back(const_cast<char*>(argument.c_str()));
    argv.push_back(nullptr);
    int ends[2] = {-1, -1};
    if (::pipe2(ends, O_CLOEXEC) != 0) return;
    output_.reset(ends[0]);
    const UniqueFd write_end(ends[1]);
    pid_ = ::fork();
    if (pid_ != 0) return;
    ::prctl(PR_SET_PDEATHSIG, SIGKILL);
    const int null = ::open("/dev/null", O_RDWR | O_CLOEXEC);
    // A standard stream that nobody reads must not fill the test's own output.
    if (output != 2) ::dup2(null, 2);
    ::dup2(null, 1);
    if (write_end.get() == output) {
        ::fcntl(output, F_SETFD, 0);
    } else {
        ::dup2(write_end.get(), output);
    }
    ::execvp(argv[0], argv.data());
    ::_exit(127);
}

Process::~Process() {
    kill(SIGKILL);
    (void)wait();
}

std::string Process::read_line(int timeout_ms) {
    std::string line;
    for (char byte = 0;;) {
        pollfd ready{output_.get(), POLLIN, 0};
        if (::poll(&ready, 1, timeout_ms) <= 0) return line;
        if (::read(output_.get(), &byte, 1) != 1 || byte == '\n') return line;
        line += byte;
    }
}

std::string Process::read_all() {
    std::string text;
    char buffer[4096];
    for (ssize_t got = 0; (got = ::read(output_.get(), buffer, sizeof(buffer))) > 0;) {
        text.append(buffer, static_cast<std::size_t>(got));
    }
    return text;
}

int Process::wait() {
    if (pid_ <= 0) return -1;
    int status = 0;
    while (::waitpid(pid_, &status, 0) < 0 && errno == EINTR) {
    }
    pid_ = -1;
    return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

void Process::kill(int signal) {
    if (pid_ > 0) ::kill(pid_, signal);
}

}  // namespace vdmabuf::test
