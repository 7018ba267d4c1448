// SPDX-License-Identifier: MIT
#include "runtime/viewer/signals.hpp"

#include <pthread.h>
#include <signal.h>
#include <sys/epoll.h>
#include <sys/signalfd.h>

#include "runtime/common/log.hpp"

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

Status Signals::catch_them() {
    const sigset_t signals = ending_signals();
    if (::pthread_sigmask(SIG_BLOCK, &signals, nullptr) != 0) return system_error("signals");
    fd_.reset(::signalfd(-1, &signals, SFD_CLOEXEC | SFD_NONBLOCK));
    return fd_ ? Status{} : system_error("signalfd");
}

void Signals::handle(EventLoop& loop, std::function<void()> handler) {
    loop_ = &loop;
    const Status added =
        loop.add(fd_.get(), EPOLLIN, [this, handler = std::move(handler)](std::uint32_t) {
            signalfd_siginfo info{};
            if (::read(fd_.get(), &info, sizeof info) != sizeof info) return;
            const sigset_t again = ending_signals();
            ::pthread_sigmask(SIG_UNBLOCK, &again, nullptr);
            handler();
        });
    if (!added) LOG_WARNING("signals: %s", added.error().text.c_str());
}

Signals::~Signals() {
    if (loop_) loop_->remove(fd_.get());
}

}  // namespace vdmabuf::viewer
