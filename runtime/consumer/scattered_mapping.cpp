// SPDX-License-Identifier: MIT
#include "runtime/consumer/scattered_mapping.hpp"

#include <sys/mman.h>

#include <string>

namespace vdmabuf::consumer {
namespace {

constexpr std::size_t kHugePage = std::size_t{2} << 20;

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

}  // namespace

Result<Mapping> map_scattered(const BufferFiles& buffer) {
    std::vector<int> files;
    for (const UniqueFd& fd : buffer.files) files.push_back(fd.get());
    return map_runs(files, buffer.runs, buffer.size);
}

Result<Mapping> map_runs(std::span<const int> files, std::span<const Run> runs,
                         std::uint64_t buffer_size) {
    const std::size_t size =
        (static_cast<std::size_t>(buffer_size) + kMappingUnit - 1) / kMappingUnit * kMappingUnit;
    auto range = reserve(size, size >= kHugePage ? kHugePage : kMappingUnit);
    if (!range) return range.error();

    std::byte* at = range->bytes();
    for (std::size_t i = 0; i < runs.size();) {
        const Run& first = runs[i];
        // Runs that follow each other in the file as well need one mapping, not several.
        std::uint64_t length = 0;
        while (i < runs.size() && runs[i].file == first.file &&
               runs[i].offset == first.offset + length) {
            length += runs[i].length;
            ++i;
        }
        void* got = ::mmap(at, static_cast<std::size_t>(length), PROT_READ, MAP_SHARED | MAP_FIXED,
                           files[first.file], static_cast<off_t>(first.offset));
        if (got == MAP_FAILED) {
            const int code = errno;
            std::string text = "cannot map " + std::to_string(runs.size()) + " runs";
            if (code == ENOMEM) text += " (too many pieces? see the sysctl vm.max_map_count)";
            if (code == EINVAL) text += " (memory of huge pages cannot be mapped in small parts)";
            return system_error(text, code);
        }
        at += length;
    }
    ::madvise(range->data(), range->size(), MADV_DONTFORK);
    return range;
}

}  // namespace vdmabuf::consumer
