// SPDX-License-Identifier: MIT
// sync_files (Documentation/driver-api/sync_file.rst): descriptors of fences, readable by poll(2)
// once all of them have signalled.
#pragma once

#include <cstdint>

#include "runtime/common/result.hpp"
#include "runtime/common/unique_fd.hpp"

namespace vdmabuf {

// Whether `fd` is a sync_file. Of other kinds of files nobody knows what poll(2) means.
bool is_sync_file(int fd);

// Whether it has signalled, with an error or without. True for what cannot be asked.
bool has_signalled(int fd);

// When the last of its fences signalled (CLOCK_MONOTONIC); now, if that is not known.
std::uint64_t signal_time_ns(int fd);

// A sync_file that signals when both have.
Result<UniqueFd> merged_fence(int first, int second);

// The fences of all GPU work that still writes to a dmabuf, as one sync_file: what a reader of it
// has to wait for, and what a producer whose driver knows no other fences (implicit
// synchronisation) gives to Stream::present(). It has signalled already when nobody writes. Does
// not wait. ENOTSUP where the kernel cannot tell (before Linux 6.0).
Result<UniqueFd> implicit_fence(int dmabuf);

// Likewise of all work that reads it or writes to it: what the next writer has to wait for.
Result<UniqueFd> fence_of_all(int dmabuf);

}  // namespace vdmabuf
