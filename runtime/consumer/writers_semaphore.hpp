// SPDX-License-Identifier: MIT
#pragma once

#include "runtime/common/result.hpp"
#include "runtime/consumer/gpu/device.hpp"
#include "runtime/consumer/gpu/handles.hpp"

namespace vdmabuf::consumer {

// The implicit fences of a dmabuf's writers (implicit_fence.hpp) as a semaphore for one
// submission that reads it; empty where there is nothing to wait for
// any more. On devices that take no sync_files, this waits itself.
Result<gpu::Semaphore> semaphore_of_writers(const gpu::Device& device, int dmabuf);

}  // namespace vdmabuf::consumer
