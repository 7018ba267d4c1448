// SPDX-License-Identifier: MIT
#pragma once

#include <cstdint>

#include "runtime/common/mapping.hpp"
#include "runtime/common/result.hpp"
#include "runtime/common/stream_messages.hpp"
#include "runtime/common/unique_fd.hpp"

namespace vdmabuf::producer {

// Memory that the host can be shown; outlives the connection. Made by Connection::alloc(): a dmabuf
// of the guest driver (ALLOC) or, on one kernel, a sealed memfd; zeroed, mapped for reading and
// writing, page aligned, not copied into a child by fork(2). Or by Connection::import(): somebody
// else's dmabuf.
struct Buffer {
    UniqueFd fd;
    Mapping mapping;         // none of what was imported, unless asked for
    std::uint64_t size = 0;  // bytes, whole pages
    bool is_dmabuf = false;  // else a memfd
};

// Maps what `fd` and `size` say.
Status map_buffer(Buffer& buffer);

}  // namespace vdmabuf::producer
