// SPDX-License-Identifier: MIT
#pragma once

#include "runtime/common/result.hpp"
#include "runtime/producer/buffer.hpp"

namespace vdmabuf::producer {

// A dmabuf of a buffer's pages, for drivers that import one: the buffer's own or, on one kernel,
// one that /dev/udmabuf makes of its memfd. A memfd itself is no dmabuf, though some software
// drivers take it for one.
Result<UniqueFd> dmabuf_of(const Buffer& buffer);

}  // namespace vdmabuf::producer
