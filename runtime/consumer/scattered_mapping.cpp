// SPDX-License-Identifier: MIT
#include "runtime/consumer/scattered_mapping.hpp"

#include <sys/mman.h>

#include <string>

namespace vdmabuf::consumer {
namespace {

constexpr std::size_t kHugePage = std::size_t{2} << 20;
// With fewer, making the hole costs more than it saves.
constexpr std::size_t kManyRuns = 16;

// An address range of `size` bytes at a multiple of `alignment`, mapped to zero pages.
Result<Mapping> reserve(std::size_t size, std::size_t alignment) {
    const std::size_t span = size + alignment;
    void* start =
        ::mmap(nullptr, span, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (start == MAP_FAILED) return system_error("cannot reserve addresses for a buffer");
    auto* first = static_cast<std::byte*>(start);
    const std::size_t lead =
        (alignment - reinterpret_cast<std::uintptr_t>(first) % alignment) % alignment;
    if (lead > 0) ::munmap(first, lead);
    const std::size_t tail = span - lead - size;
    if (tail > 0) ::munmap(first + lead + size, tail);
    return Mapping(first + lead, size);
}

// Maps the runs to `at` and what follows; `fixed` says how firmly. Returns the bytes that are
// mapped, all of them or up to the piece that failed with errno.
std::size_t map_pieces(std::byte* at, std::span<const int> files, std::span<const Run> runs,
                       int fixed) {
    std::size_t done = 0;
    for (std::size_t i = 0; i < runs.size();) {
        const Run& first = runs[i];
        // Runs that follow each other in the file as well need one mapping, not several.
        std::uint64_t length = 0;
        while (i < runs.size() && runs[i].file == first.file &&
               runs[i].offset == first.offset + length) {
            length += runs[i].length;
            ++i;
        }
        const auto bytes = static_cast<std::size_t>(length);
        void* got = ::mmap(at + done, bytes, PROT_READ, MAP_SHARED | fixed, files[first.file],
                           static_cast<off_t>(first.offset));
        if (got == MAP_FAILED) break;
        if (got != at + done) {  // only without MAP_FIXED
            ::munmap(got, bytes);
            break;
        }
        done += bytes;
    }
    return done;
}

// Into addresses that are free, which takes the kernel two thirds of the time that replacing a
// mapping piece by piece does. Empty where that fails: another thread may have taken some of them
// meanwhile, and an old kernel does not know MAP_FIXED_NOREPLACE.
Mapping map_into_hole(std::span<const int> files, std::span<const Run> runs, std::size_t bytes,
                      std::size_t size, std::size_t alignment) {
    auto range = reserve(size, alignment);
    if (!range) return {};
    std::byte* at = range->bytes();
    range->reset();
    const std::size_t done = map_pieces(at, files, runs, MAP_FIXED_NOREPLACE);
    Mapping mapped(done > 0 ? at : nullptr, done);
    if (done != bytes) return {};
    if (done == size) return mapped;
    void* rest = ::mmap(at + done, size - done, PROT_READ,
                        MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_FIXED_NOREPLACE, -1, 0);
    if (rest == MAP_FAILED) return {};
    if (rest != at + done) {
        ::munmap(rest, size - done);
        return {};
    }
    return Mapping(mapped.release(), size);
}

Error mapping_error(std::size_t runs, int code) {
    std::string text = "cannot map " + std::to_string(runs) + " runs";
    if (code == ENOMEM) text += " (too many pieces? see the sysctl vm.max_map_count)";
    if (code == EINVAL) text += " (memory of huge pages cannot be mapped in small parts)";
    return system_error(text, code);
}

}  // namespace

Result<Mapping> map_scattered(const BufferFiles& buffer) {
    std::vector<int> files;
    for (const UniqueFd& fd : buffer.files) files.push_back(fd.get());
    return map_runs(files, buffer.runs, buffer.size);
}

Result<Mapping> map_runs(std::span<const int> files, std::span<const Run> runs,
                         std::uint64_t buffer_size) {
    const auto bytes = static_cast<std::size_t>(buffer_size);
    const std::size_t size = (bytes + kMappingUnit - 1) / kMappingUnit * kMappingUnit;
    const std::size_t alignment = size >= kHugePage ? kHugePage : kMappingUnit;
    Mapping mapped;
    if (runs.size() >= kManyRuns) mapped = map_into_hole(files, runs, bytes, size, alignment);
    if (!mapped) {
        auto range = reserve(size, alignment);
        if (!range) return range.error();
        if (map_pieces(range->bytes(), files, runs, MAP_FIXED) != bytes) {
            return mapping_error(runs.size(), errno);
        }
        mapped = std::move(*range);
    }
    ::madvise(mapped.data(), mapped.size(), MADV_DONTFORK);
    return mapped;
}

}  // namespace vdmabuf::consumer
