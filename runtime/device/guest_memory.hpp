// SPDX-License-Identifier: MIT
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "runtime/common/buffer_memory.hpp"
#include "runtime/common/mapping.hpp"
#include "runtime/common/result.hpp"
#include "runtime/device/vm_state.hpp"

namespace vdmabuf::device {

// A physically contiguous part of guest memory, in bytes, as a guest names it: not checked.
struct GuestRun {
    std::uint64_t gpa = 0;
    std::uint64_t length = 0;
};

// Whether `region` can be used: not empty, no address wraps, page aligned, and backed by a file of
// sufficient size that can be shared. The error's text says what to do.
Status check_region(const RegionState& region);

// The same for all of them together: none overlaps another, not too many.
Status check_regions(std::span<const RegionState> regions);

// The guest's memory, mapped. Immutable: a changed memory table makes a new one. The guest writes
// to it at any time, so whatever is read from it must be copied before it is looked at.
// A file that is cut short later raises SIGBUS on access: the process dies and the keeper starts
// it again, whereupon check_region() refuses the file. Memory of QEMU's memfd backend is sealed.
class GuestMemory {
  public:
    static Result<std::shared_ptr<const GuestMemory>> create(std::span<const RegionState> regions);

    // True: made of the same parts of the same files.
    bool same_as(std::span<const RegionState> regions) const;

    // Host address of `length` bytes at the VMM's address, nullptr unless inside one region.
    std::byte* at_front(std::uint64_t uva, std::uint64_t length) const;

    // Whether all of [gpa, gpa + length) is guest memory; it may cross from region to region.
    bool covers(std::uint64_t gpa, std::uint64_t length) const;

    // Copies. False: not all of it is guest memory, and part of it may have been copied.
    bool read(std::uint64_t gpa, std::span<std::byte> out) const;
    bool write(std::uint64_t gpa, std::span<const std::byte> in) const;

    // The runs as parts of files: cut where a region ends, joined where one continues another.
    // EINVAL: alignment, length 0, sum overflows. EFAULT: outside of memory.
    Result<BufferMemory> translate(std::span<const GuestRun> runs) const;

  private:
    struct Region {
        RegionState state;
        std::uint64_t device = 0;  // st_dev and st_ino of the file
        std::uint64_t inode = 0;
        std::uint32_t file = 0;  // index into files_
        Mapping mapping;
        std::byte* start = nullptr;  // address of `gpa`
    };
    const Region* find(std::uint64_t gpa) const;

    std::vector<Region> regions_;  // by gpa
    std::vector<SharedFd> files_;  // each file once, however many regions it backs
};

}  // namespace vdmabuf::device
