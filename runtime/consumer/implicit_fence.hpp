// SPDX-License-Identifier: MIT
// Implicit fences: drivers that know no other kind hang them on a dmabuf when they write to it. A
// producer in a VM has sent its frame when its fence has signalled, and udmabufs carry none; this
// is for dmabufs of drivers of this kernel.
#pragma once

#include <cstdint>

#include "runtime/common/result.hpp"
#include "runtime/common/unique_fd.hpp"

namespace vdmabuf::consumer {

// Longest time that anybody waits here for another driver's fence.
constexpr std::uint64_t kImplicitFenceNs = 100'000'000;

// A sync_file of the writers that a reader of the dmabuf has to wait for; empty where there is
// nothing to wait for, which is also so for files that have no fences (before Linux 6.0, a memfd).
UniqueFd writers_of(int dmabuf);

// Waits on the CPU. ETIMEDOUT.
Status wait_for(const UniqueFd& sync_file, std::uint64_t timeout_ns = kImplicitFenceNs);

}  // namespace vdmabuf::consumer
