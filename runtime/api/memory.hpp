// SPDX-License-Identifier: MIT
#pragma once

#include <vdmabuf/consumer.h>

#include <string>
#include <utility>
#include <vector>

#include "runtime/consumer/run_table.hpp"

namespace vdmabuf::api {

// A buffer's memory as C programs see it; owns the descriptors.
class Memory {
  public:
    Memory(consumer::BufferFiles files, std::string reason);
    Memory(const Memory&) = delete;
    Memory& operator=(const Memory&) = delete;

    const vdmabuf_memory* view() const { return &view_; }

  private:
    const consumer::BufferFiles files_;
    const std::string reason_;
    std::vector<int> fds_;
    std::vector<vdmabuf_run> runs_;
    vdmabuf_memory view_{};
};

}  // namespace vdmabuf::api
