// SPDX-License-Identifier: MIT
#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "runtime/common/unique_fd.hpp"

namespace vdmabuf {

// A part of a buffer that is contiguous in one file.
struct MemoryRun {
    std::uint32_t file = 0;    // index into BufferMemory::files
    std::uint64_t offset = 0;  // bytes, page aligned
    std::uint64_t length = 0;  // bytes, page aligned, never 0
};

// Where the bytes of a buffer live on the host: parts of files (a VM's memory, a producer's memfd)
// in the order of the buffer's bytes, or all of a dmabuf that a producer brought. Immutable once
// made; the files are shared by many buffers.
struct BufferMemory {
    std::shared_ptr<const UniqueFd> dmabuf;  // if set, there are neither files nor runs
    std::vector<std::shared_ptr<const UniqueFd>> files;
    std::vector<MemoryRun> runs;
    std::uint64_t size = 0;  // bytes: the sum of the runs' lengths, or the dmabuf's
};

}  // namespace vdmabuf
