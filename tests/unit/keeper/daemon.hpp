// SPDX-License-Identifier: MIT
// vdmabufd as a process of its own, in a runtime directory of its own.
#pragma once

#include <sys/types.h>

#include <string>
#include <vector>

namespace vdmabuf::test {

class Daemon {
  public:
    explicit Daemon(const std::vector<std::string>& arguments, bool log_to_file = true);
    ~Daemon();  // SIGKILL, if it still runs
    Daemon(const Daemon&) = delete;
    Daemon& operator=(const Daemon&) = delete;

    // Waits until its consumers' socket is there.
    bool ready() const;
    // Its exit code, or -1 after `limit_ms`; 1000 + the signal that killed it.
    int wait(int limit_ms);
    void signal(int number) const;
    pid_t pid() const { return pid_; }
    // The broker's process, waiting for one other than `before`; -1 if there is none in 3 s.
    pid_t broker(pid_t before = -1) const;
    std::string log() const;  // so far
    bool log_has(const std::string& text, int limit_ms = 3000) const;
    static const std::string& directory();  // XDG_RUNTIME_DIR

  private:
    pid_t pid_ = -1;
};

}  // namespace vdmabuf::test
