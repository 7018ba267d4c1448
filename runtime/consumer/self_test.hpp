// SPDX-License-Identifier: MIT
#pragma once

#include <memory>

#include "runtime/consumer/gpu/device.hpp"
#include "runtime/consumer/verdict_cache.hpp"
#include "runtime/consumer/way.hpp"

namespace vdmabuf::consumer {

// Raised when the test changes in what it finds.
constexpr int kSelfTestVersion = 1;

// Imports pages of our own in this way alone, writes patterns to them afterwards, lets the GPU read
// and compares: some drivers accept scattered pages or odd pitches and read the wrong bytes. The
// pages are scattered and more than 2 MiB, the width is odd, and the last rows count. A few
// milliseconds.
Verdict self_test(const std::shared_ptr<gpu::Device>& device, Way way);

}  // namespace vdmabuf::consumer
