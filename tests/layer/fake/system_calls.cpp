// SPDX-License-Identifier: MIT
#include "tests/layer/fake/system_calls.hpp"

#include <linux/filter.h>
#include <linux/seccomp.h>
#include <poll.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <thread>

#include "runtime/common/unique_fd.hpp"
#include "tests/layer/fake/fixture.hpp"

namespace vdmabuf::fake {
namespace {

// Every system call of this thread from now on waits for whoever has the descriptor. No way back.
[[maybe_unused]] int notify_all() {
    sock_filter always[] = {BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_USER_NOTIF)};
    const sock_fprog program{1, always};
    if (::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0) return -1;
    return static_cast<int>(::syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER,
                                      SECCOMP_FILTER_FLAG_NEW_LISTENER, &program));
}

}  // namespace

bool SystemCalls::watch(const std::function<void(SystemCalls&)>& body) {
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
    (void)body;
    return false;  // sanitizers make system calls of their own
#else
    SystemCalls calls;
    constexpr int kNotYet = -2;
    std::atomic<int> listener{kNotYet};
    std::thread watched([&] {
        calls.inside_.store(&control().depth());
        const int fd = notify_all();
        listener.store(fd);  // nothing that would call the system: nobody serves it yet
        if (fd >= 0) body(calls);
    });
    while (listener.load() == kNotYet) std::this_thread::sleep_for(std::chrono::milliseconds(1));
    const UniqueFd owned(listener.load());
    if (owned) calls.serve(owned.get());
    watched.join();
    return static_cast<bool>(owned);
#endif
}

// Until the last thread with the filter has ended.
void SystemCalls::serve(int listener) {
    for (;;) {
        pollfd ready{listener, POLLIN, 0};
        if (::poll(&ready, 1, -1) < 0) continue;
        if (!(ready.revents & POLLIN)) return;
        seccomp_notif call{};
        if (::ioctl(listener, SECCOMP_IOCTL_NOTIF_RECV, &call) != 0) continue;
        note(call.data.nr);
        seccomp_notif_resp answer{};
        answer.id = call.id;
        answer.flags = SECCOMP_USER_NOTIF_FLAG_CONTINUE;
        (void)::ioctl(listener, SECCOMP_IOCTL_NOTIF_SEND, &answer);
    }
}

void SystemCalls::note(long number) {
    if (!counting_.load() || inside_.load()->load() > 0) return;
    const std::size_t count = count_.load();
    if (count == kRoom) return;
    numbers_[count].store(number);
    count_.store(count + 1);
}

std::vector<long> SystemCalls::end() {
    counting_.store(false);
    std::vector<long> numbers;
    for (std::size_t i = 0; i < count_.load(); ++i) numbers.push_back(numbers_[i].load());
    count_.store(0);
    return numbers;
}

}  // namespace vdmabuf::fake
