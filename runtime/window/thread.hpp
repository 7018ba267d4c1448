// SPDX-License-Identifier: MIT
#pragma once

#include <sys/types.h>

#include <functional>
#include <memory>
#include <thread>

namespace vdmabuf::window {

// A thread of the layer inside somebody else's process: blocks every signal, since an app's
// handlers do not expect to run on it, and is left alone by a child of fork(2), where it does not
// exist.
class Thread {
  public:
    Thread() = default;
    // Throws std::system_error when there are no more threads.
    Thread(const char* name, std::function<void()> body);
    ~Thread() { join(); }
    Thread(Thread&&) = default;
    Thread& operator=(Thread&&) = default;

    void join() noexcept;

  private:
    std::unique_ptr<std::thread> thread_;
    pid_t pid_ = 0;
};

}  // namespace vdmabuf::window
