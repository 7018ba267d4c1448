// SPDX-License-Identifier: MIT
// The system calls that this thread makes while it lives, seen by the kernel's user dispatch
// (PR_SET_SYSCALL_USER_DISPATCH, Linux 5.11): each raises SIGSYS, whose handler does it.
#pragma once

#include <vector>

namespace vdmabuf::fake {

class SystemCalls {
  public:
    SystemCalls();
    ~SystemCalls();
    SystemCalls(const SystemCalls&) = delete;
    SystemCalls& operator=(const SystemCalls&) = delete;

    bool seen() const { return seen_; }  // this machine can
    // Their numbers (asm/unistd.h), those inside of the fake driver left out.
    std::vector<long> take();

  private:
    bool seen_ = false;
};

}  // namespace vdmabuf::fake
