// SPDX-License-Identifier: MIT
#include "runtime/viewer/signals.hpp"

#include <pthread.h>
#include <signal.h>
#include <sys/epoll.h>
#include <sys/signalfd.h>

namespace vdmabuf::viewer {
namespace {

sigset_t ending_signals() {
    sigset_t signals;
    ::sigemptyset(&signals);
    ::sigaddset(&signals, SIGINT);
    ::sigaddset(&signals, SIGTERM);
    return signals;
}

}  // namespace

Status Signals::catch_them(EventLoop& loop, std::function<void()> handler) {
    const sigset_t signals = ending_signals();
    if (::pthread_sigmask(SIG_BLOCK, &signals, nullptr) != 0) return system_error("signals");
    fd_.reset(::signalfd(-1, &signals, SFD_CLOEXEC | SFD_NONBLOCK));
    if (!fd_) return system_error("signalfd");
    loop_ = &loop;
    return loop.add(fd_.get(), EPOLLIN, [this, handler = std::move(handler)](std::uint32_t) {
        signalfd_siginfo info{};
        if (::read(fd_.get(), &info, sizeof info) != sizeof info) return;
        const sigset_t again = ending_signals();
        ::pthread_sigmask(SIG_UNBLOCK, &again, nullptr);
        handler();
    });
}

Signals::~Signals() {
    if (loop_) loop_->remove(fd_.get());
}

}  // namespace vdmabuf::viewer
