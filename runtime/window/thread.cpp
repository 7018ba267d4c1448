// SPDX-License-Identifier: MIT
#include "runtime/window/thread.hpp"

#include <pthread.h>
#include <signal.h>
#include <unistd.h>

namespace vdmabuf::window {

Thread::Thread(const char* name, std::function<void()> body) : pid_(::getpid()) {
    sigset_t all;
    sigset_t before;
    ::sigfillset(&all);
    ::pthread_sigmask(SIG_SETMASK, &all, &before);  // inherited by the new thread
    try {
        thread_ = std::make_unique<std::thread>(std::move(body));
    } catch (...) {
        ::pthread_sigmask(SIG_SETMASK, &before, nullptr);
        throw;
    }
    ::pthread_sigmask(SIG_SETMASK, &before, nullptr);
    ::pthread_setname_np(thread_->native_handle(), name);
}

void Thread::join() noexcept {
    if (!thread_) return;
    if (::getpid() != pid_) {
        (void)thread_.release();  // a child of fork(2): there is nothing to join
        return;
    }
    if (thread_->joinable()) thread_->join();
    thread_.reset();
}

}  // namespace vdmabuf::window
