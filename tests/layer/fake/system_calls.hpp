// SPDX-License-Identifier: MIT
// The system calls of one thread, seen by the kernel's seccomp notifications (Linux 5.5): each
// waits until another thread has noted it, and goes on. Nothing happens in the thread that is
// watched: no signal, no handler, no lock.
#pragma once

#include <array>
#include <atomic>
#include <cstddef>
#include <functional>
#include <vector>

namespace vdmabuf::fake {

class SystemCalls {
  public:
    // Runs `body` on a thread of its own, and watches it until it has ended; threads that it makes,
    // too. False: this machine does not show system calls.
    static bool watch(const std::function<void(SystemCalls&)>& body);

    // By the body: what follows is counted, what was counted. The numbers are those of
    // asm/unistd.h; what the fake driver calls is left out.
    void begin() { counting_.store(true); }
    std::vector<long> end();

  private:
    SystemCalls() = default;
    void serve(int listener);
    void note(long number);

    static constexpr std::size_t kRoom = 256;
    std::atomic<bool> counting_{false};
    std::atomic<std::size_t> count_{0};
    std::array<std::atomic<long>, kRoom> numbers_{};
    // How deep the thread is inside of the fake driver.
    std::atomic<const std::atomic<int>*> inside_{nullptr};
};

}  // namespace vdmabuf::fake
