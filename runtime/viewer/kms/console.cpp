// SPDX-License-Identifier: MIT
#include "runtime/viewer/kms/console.hpp"

#include <fcntl.h>
#include <linux/kd.h>
#include <linux/vt.h>
#include <pthread.h>
#include <signal.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include <array>
#include <atomic>

#include "runtime/common/log.hpp"

namespace vdmabuf::viewer {
namespace {

// Signals that end a process and do not come through a loop.
constexpr std::array kEndings = {SIGHUP, SIGINT, SIGQUIT, SIGILL,  SIGABRT,
                                 SIGBUS, SIGFPE, SIGSEGV, SIGTERM, SIGSYS};

// For the handler of these: what is to be given back.
std::atomic<int> terminal_fd = -1;
std::atomic<int> keyboard_mode = K_UNICODE;
std::array<struct sigaction, kEndings.size()> handled_before;

int leave_signal() {
    return SIGRTMIN + 4;
}
int return_signal() {
    return SIGRTMIN + 5;
}

sigset_t terminal_signals() {
    sigset_t signals;
    ::sigemptyset(&signals);
    ::sigaddset(&signals, leave_signal());
    ::sigaddset(&signals, return_signal());
    return signals;
}

// System calls alone: also called by a thread that has crashed.
void give_back() {
    const int fd = terminal_fd.exchange(-1);
    if (fd < 0) return;
    ::ioctl(fd, KDSKBMODE, keyboard_mode.load());
    vt_mode mode{};
    mode.mode = VT_AUTO;
    ::ioctl(fd, VT_SETMODE, &mode);
}

void end_of_process(int signal) {
    give_back();
    ::raise(signal);  // with its default action, by SA_RESETHAND
}

Result<UniqueFd> open_terminal() {
    vt_mode mode{};
    if (::ioctl(STDIN_FILENO, VT_GETMODE, &mode) == 0) {
        UniqueFd own(::fcntl(STDIN_FILENO, F_DUPFD_CLOEXEC, 3));
        if (own) return own;
    }
    UniqueFd seen(::open("/dev/tty0", O_RDWR | O_NOCTTY | O_CLOEXEC));
    if (!seen) return system_error("/dev/tty0");
    return seen;
}

}  // namespace

Result<std::unique_ptr<Console>> Console::take(EventLoop& loop, Handlers handlers) {
    std::unique_ptr<Console> console(new Console(loop, std::move(handlers)));
    auto terminal = open_terminal();
    if (!terminal) return terminal.error();
    console->terminal_ = std::move(*terminal);
    const int fd = console->terminal_.get();
    int before = K_UNICODE;
    if (::ioctl(fd, KDGKBMODE, &before) != 0) return system_error("the terminal's keyboard");
    // One that was killed has left it so.
    keyboard_mode = before == K_OFF ? K_UNICODE : before;

    const sigset_t signals = terminal_signals();
    if (::pthread_sigmask(SIG_BLOCK, &signals, nullptr) != 0) return system_error("signals");
    console->signals_.reset(::signalfd(-1, &signals, SFD_CLOEXEC | SFD_NONBLOCK));
    if (!console->signals_) return system_error("signalfd");
    terminal_fd = fd;
    struct sigaction ending {};
    ending.sa_handler = end_of_process;
    ending.sa_flags = static_cast<int>(SA_RESETHAND | SA_NODEFER);
    for (std::size_t i = 0; i < kEndings.size(); ++i) {
        ::sigaction(kEndings[i], &ending, &handled_before[i]);
    }
    vt_mode mode{};
    mode.mode = VT_PROCESS;
    mode.relsig = static_cast<short>(leave_signal());
    mode.acqsig = static_cast<short>(return_signal());
    if (::ioctl(fd, VT_SETMODE, &mode) != 0) {
        LOG_WARNING("no switching of terminals: %s", system_error("VT_SETMODE").text.c_str());
    }
    auto added = loop.add(console->signals_.get(), EPOLLIN,
                          [it = console.get()](std::uint32_t) { it->on_signal(); });
    if (!added) return added.error();
    console->watched_ = true;
    return console;
}

Console::~Console() {
    if (watched_) loop_.remove(signals_.get());
    if (terminal_fd.load() < 0) return;
    for (std::size_t i = 0; i < kEndings.size(); ++i) {
        ::sigaction(kEndings[i], &handled_before[i], nullptr);
    }
    give_back();
}

void Console::set_deaf(bool deaf) const {
    if (::ioctl(terminal_.get(), KDSKBMODE, deaf ? K_OFF : keyboard_mode.load()) != 0) {
        LOG_WARNING("%s", system_error("KDSKBMODE").text.c_str());
    }
}

void Console::switch_to(int number) const {
    if (::ioctl(terminal_.get(), VT_ACTIVATE, number) != 0) {
        LOG_WARNING("%s", system_error("VT_ACTIVATE").text.c_str());
    }
}

void Console::on_signal() {
    signalfd_siginfo info{};
    while (::read(signals_.get(), &info, sizeof info) == sizeof info) {
        if (static_cast<int>(info.ssi_signo) == leave_signal()) {
            handlers_.leaves();
            ::ioctl(terminal_.get(), VT_RELDISP, 1);
        } else {
            ::ioctl(terminal_.get(), VT_RELDISP, VT_ACKACQ);
            handlers_.returns();
        }
    }
}

}  // namespace vdmabuf::viewer
