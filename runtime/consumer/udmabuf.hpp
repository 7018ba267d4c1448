// SPDX-License-Identifier: MIT
#pragma once

#include <span>

#include "runtime/common/consumer_messages.hpp"
#include "runtime/common/result.hpp"
#include "runtime/common/unique_fd.hpp"

namespace vdmabuf::consumer {

// A dmabuf of parts of a memfd (sealed against shrinking), in this order, by /dev/udmabuf.
// ENOENT: this kernel has none. EACCES: this user may not open it.
Result<UniqueFd> make_udmabuf(int memfd, std::span<const Run> runs);

}  // namespace vdmabuf::consumer
