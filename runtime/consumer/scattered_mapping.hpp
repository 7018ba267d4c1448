// SPDX-License-Identifier: MIT
#pragma once

#include <cstdint>
#include <span>

#include "runtime/common/mapping.hpp"
#include "runtime/common/result.hpp"
#include "runtime/consumer/run_table.hpp"

namespace vdmabuf::consumer {

// Vulkan drivers import host memory in units of 4 to 64 KiB (minImportedHostPointerAlignment).
constexpr std::size_t kMappingUnit = std::size_t{64} << 10;

// Maps the runs of `buffer` in order into one range, shared and read-only (the files arrive without
// the right to write). The range starts at a multiple of 2 MiB where the buffer is that large, else
// of kMappingUnit, and its size is rounded up to kMappingUnit with private zero pages. A child of
// fork(2) does not get it. The files may be closed afterwards.
// ENOMEM: too scattered (vm.max_map_count), or no address space.
Result<Mapping> map_scattered(const BufferFiles& buffer);
// The same of runs that were checked elsewhere; `files` are descriptors.
Result<Mapping> map_runs(std::span<const int> files, std::span<const Run> runs, std::uint64_t size);

}  // namespace vdmabuf::consumer
