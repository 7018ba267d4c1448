// SPDX-License-Identifier: MIT
// The table that says which parts of which files a buffer is made of. It comes from another
// process, so nothing in it is believed before it has been copied and checked.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "runtime/common/consumer_messages.hpp"
#include "runtime/common/result.hpp"
#include "runtime/common/unique_fd.hpp"

namespace vdmabuf::consumer {

// Largest buffer that a consumer takes: an image of kMaxExtent x kMaxExtent with 16-byte pixels.
constexpr std::uint64_t kMaxBufferSize = std::uint64_t{1} << 34;

// The memory of an image as it came with an IMAGE message: checked, not mapped yet.
struct BufferFiles {
    MemoryKind kind = MemoryKind::runs;
    std::vector<UniqueFd> files;  // one dmabuf, the files that the runs lie in, or none
    std::vector<Run> runs;        // empty for a dmabuf
    std::uint64_t size = 0;       // bytes: the sum of the runs
};

// Copies `count` entries out of `memfd` with pread(2): the sender cannot change them afterwards,
// sealed or not. EBADMSG when the file is no memfd (only there a read never waits) or too short.
Result<std::vector<Run>> read_run_table(int memfd, std::uint32_t count);

// EBADMSG unless every run is page aligned, not empty and inside its file, and all together are
// `buffer_size` bytes. `file_sizes` are in bytes, in the order of the files.
Status check_runs(std::span<const Run> runs, std::span<const std::uint64_t> file_sizes,
                  std::uint64_t buffer_size);

// Takes the descriptors of an IMAGE apart and checks all of the above. EBADMSG.
Result<BufferFiles> take_buffer(const Image& image, std::vector<UniqueFd> fds);

}  // namespace vdmabuf::consumer
