// SPDX-License-Identifier: MIT
#pragma once

#include "runtime/common/mapping.hpp"
#include "runtime/common/result.hpp"

namespace vdmabuf::producer {

// Tells whether this is still the process that made it, without a system call: a page that the
// kernel wipes in children (MADV_WIPEONFORK, madvise(2)).
class ForkGuard {
  public:
    static Result<ForkGuard> create();
    bool in_child() const { return *static_cast<const volatile unsigned char*>(page_.data()) == 0; }

  private:
    Mapping page_;
};

}  // namespace vdmabuf::producer
