// SPDX-License-Identifier: MIT
#pragma once

#include <sys/types.h>

#include <string>
#include <vector>

#include "runtime/common/unique_fd.hpp"

namespace vdmabuf::test {

// A child process with what it prints; killed when the object ends.
class Process {
  public:
    // `arguments[0]` is looked for in PATH. Descriptor 3 of the child is what read_line() reads
    // when `output` is 3; else its standard output or error.
    explicit Process(const std::vector<std::string>& arguments, int output = 1);
    ~Process();
    Process(const Process&) = delete;
    Process& operator=(const Process&) = delete;

    std::string read_line(int timeout_ms);
    std::string read_all();
    int wait();  // exit status, or 128 + signal
    void kill(int signal);

  private:
    pid_t pid_ = -1;
    UniqueFd output_;
};

}  // namespace vdmabuf::test
