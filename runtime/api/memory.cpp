// SPDX-License-Identifier: MIT
#include "runtime/api/memory.hpp"

#include <sys/mman.h>
#include <sys/stat.h>

#include <cstddef>

#include "runtime/api/entry.hpp"
#include "runtime/consumer/scattered_mapping.hpp"

namespace vdmabuf::api {

Memory::Memory(consumer::BufferFiles files, std::string reason)
    : files_(std::move(files)), reason_(std::move(reason)) {
    for (const UniqueFd& fd : files_.files) fds_.push_back(fd.get());
    for (const consumer::Run& run : files_.runs) {
        runs_.push_back({run.file, 0, run.offset, run.length});
    }
    view_.size = sizeof view_;
    view_.kind = static_cast<std::uint32_t>(files_.kind);
    view_.bytes = files_.size;
    view_.files = fds_.data();
    view_.runs = runs_.empty() ? nullptr : runs_.data();
    view_.nr_files = static_cast<std::uint32_t>(fds_.size());
    view_.nr_runs = static_cast<std::uint32_t>(runs_.size());
    view_.reason = reason_.c_str();
}

static_assert(static_cast<int>(consumer::MemoryKind::none) == VDMABUF_MEMORY_NONE &&
              static_cast<int>(consumer::MemoryKind::dmabuf) == VDMABUF_MEMORY_DMABUF &&
              static_cast<int>(consumer::MemoryKind::runs) == VDMABUF_MEMORY_RUNS);

namespace {

Result<Mapping> map_dmabuf(const vdmabuf_memory& memory) {
    if (memory.nr_files != 1 || memory.bytes == 0) return Error{EINVAL, "a dmabuf is one file"};
    const auto size = static_cast<std::size_t>(memory.bytes);
    void* address = ::mmap(nullptr, size, PROT_READ, MAP_SHARED, memory.files[0], 0);
    if (address == MAP_FAILED) return system_error("cannot map a dmabuf");
    ::madvise(address, size, MADV_DONTFORK);
    return Mapping(address, size);
}

// The structure may be the program's own: checked like that of a peer.
Result<Mapping> map_runs_of(const vdmabuf_memory& memory) {
    if (memory.nr_runs == 0 || !memory.runs) return Error{EINVAL, "memory without runs"};
    std::vector<std::uint64_t> sizes;
    for (std::uint32_t i = 0; i < memory.nr_files; ++i) {
        struct stat st {};
        if (::fstat(memory.files[i], &st) != 0) return system_error("fstat of a buffer's file");
        sizes.push_back(static_cast<std::uint64_t>(st.st_size));
    }
    std::vector<consumer::Run> runs(memory.nr_runs);
    for (std::uint32_t i = 0; i < memory.nr_runs; ++i) {
        runs[i].file = memory.runs[i].file;
        runs[i].offset = memory.runs[i].offset;
        runs[i].length = memory.runs[i].length;
    }
    if (const Status checked = consumer::check_runs(runs, sizes, memory.bytes); !checked) {
        return Error{EINVAL, checked.error().text};
    }
    return consumer::map_runs(std::span(memory.files, memory.nr_files), runs, memory.bytes);
}

Result<Mapping> map(const vdmabuf_memory& memory) {
    if (memory.size < sizeof memory) return Error{EINVAL, "vdmabuf_memory.size"};
    if (memory.nr_files > 0 && !memory.files) return Error{EINVAL, "memory without files"};
    switch (memory.kind) {
        case VDMABUF_MEMORY_DMABUF:
            return map_dmabuf(memory);
        case VDMABUF_MEMORY_RUNS:
            return map_runs_of(memory);
        case VDMABUF_MEMORY_NONE:
            return Error{EACCES, memory.reason && *memory.reason
                                     ? memory.reason
                                     : "the broker keeps this memory from consumers"};
        default:
            return Error{EINVAL, "vdmabuf_memory.kind"};
    }
}

}  // namespace
}  // namespace vdmabuf::api

using namespace vdmabuf;

int vdmabuf_map(const struct vdmabuf_memory* memory, const void** address, size_t* length) {
    api::LastError& error = api::thread_error();
    return api::enter(error, [&] {
        if (!memory || !address || !length) return error.set(EINVAL, "vdmabuf_map: a NULL pointer");
        auto mapping = api::map(*memory);
        if (!mapping) return error.set(mapping.error());
        *length = mapping->size();
        *address = mapping->release();
        return 0;
    });
}

void vdmabuf_unmap(const void* address, size_t length) {
    if (address) ::munmap(const_cast<void*>(address), length);
}
