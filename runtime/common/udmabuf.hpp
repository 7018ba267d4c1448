// SPDX-License-Identifier: MIT
// dmabufs of a buffer's pages, made by the kernel's udmabuf driver out of the memory files that
// they lie in. Nothing is copied: the pages are the same, and pinned for as long as the dmabuf
// lives.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "runtime/common/buffer_memory.hpp"
#include "runtime/common/result.hpp"
#include "runtime/common/unique_fd.hpp"

namespace vdmabuf {

// What the driver accepts: its module parameters.
struct UdmabufLimits {
    std::uint64_t list_limit = 1024;   // runs of one dmabuf
    std::uint64_t size_limit_mb = 64;  // size of one dmabuf

    // Of the files in `folder`; one that cannot be read leaves the driver's default.
    static UdmabufLimits read(const std::string& folder = "/sys/module/udmabuf/parameters");
};

// The buffer's runs with those that follow one another in their file made one: each counts.
std::vector<MemoryRun> merged_runs(const BufferMemory& memory);

// Whether the driver takes so many runs and bytes; else which limit is too low, and what to do.
Status check_udmabuf_size(std::size_t runs, std::uint64_t bytes, const UdmabufLimits& limits);

// Whether the driver takes pages of this file: shared memory that can neither shrink nor has been
// sealed against writing.
Status check_udmabuf_file(int fd);

class Udmabuf {
  public:
    explicit Udmabuf(std::string device = "/dev/udmabuf") : path_(std::move(device)) {}

    // Whether this process may use the driver.
    bool usable();

    // A dmabuf of exactly the buffer's pages, in its order. The error's text is a short reason for
    // people, who may be able to do something about it.
    Result<UniqueFd> create(const BufferMemory& memory);

  private:
    Status open();

    const std::string path_;
    UniqueFd device_;
};

}  // namespace vdmabuf
