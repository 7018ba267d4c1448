// SPDX-License-Identifier: MIT
#include "runtime/broker/memory_export.hpp"

#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <span>
#include <string>
#include <utility>

#include "runtime/common/mapping.hpp"

namespace vdmabuf::broker {
namespace {

Mapping map_readable(int fd, std::size_t size) {
    void* at = ::mmap(nullptr, size, PROT_READ, MAP_SHARED, fd, 0);
    return at == MAP_FAILED ? Mapping() : Mapping(at, size);
}

// A memfd with the runs, sealed: the consumer checks it once and may then trust it.
Result<UniqueFd> make_run_table(std::span<const consumer::Run> runs) {
    UniqueFd fd(::memfd_create("vdmabuf-runs", MFD_CLOEXEC | MFD_ALLOW_SEALING));
    if (!fd) return system_error("memfd_create for a run table");
    auto bytes = std::as_bytes(runs);
    while (!bytes.empty()) {
        const ssize_t written = ::write(fd.get(), bytes.data(), bytes.size());
        if (written < 0 && errno == EINTR) continue;
        if (written <= 0) return system_error("cannot write a run table");
        bytes = bytes.subspan(static_cast<std::size_t>(written));
    }
    constexpr int kSeals = F_SEAL_WRITE | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL;
    if (::fcntl(fd.get(), F_ADD_SEALS, kSeals) != 0) return system_error("cannot seal a run table");
    return fd;
}

Result<ExportedMemory> with_table(std::span<const consumer::Run> runs,
                                  std::span<const std::shared_ptr<const UniqueFd>> files) {
    auto table = make_run_table(runs);
    if (!table) return table.error();
    ExportedMemory exported;
    exported.run_count = static_cast<std::uint32_t>(runs.size());
    exported.file_count = static_cast<std::uint32_t>(files.size());
    exported.fds.push_back(std::make_shared<const UniqueFd>(std::move(*table)));
    exported.fds.insert(exported.fds.end(), files.begin(), files.end());
    return exported;
}

// For a consumer that imports no dmabufs: a file to map, where the dmabuf's driver lets processes
// map it (a GPU's own memory it may not).
Result<ExportedMemory> export_dmabuf_as_run(const BufferMemory& memory) {
    const auto size = static_cast<std::size_t>(memory.size);
    const Mapping mapped = map_readable(memory.dmabuf->get(), size);
    if (!mapped) {
        return Error{ENOTSUP, "the producer's own dmabuf, which cannot be had in another way"};
    }
    consumer::Run run;
    run.length = memory.size;
    return with_table(std::span(&run, 1), std::span(&memory.dmabuf, 1));
}

Result<ExportedMemory> export_runs(Buffer& buffer, ReadOnlyFiles& files) {
    const BufferMemory& memory = *buffer.memory;
    if (buffer.read_only.empty()) {
        std::vector<std::shared_ptr<const UniqueFd>> opened;
        for (const auto& file : memory.files) {
            auto read_only = files.open(file);
            if (!read_only) return read_only.error();
            opened.push_back(std::move(*read_only));
        }
        buffer.read_only = std::move(opened);
    }
    std::vector<consumer::Run> runs;
    runs.reserve(memory.runs.size());
    for (const MemoryRun& run : memory.runs) {
        consumer::Run entry;
        entry.file = run.file;
        entry.offset = run.offset;
        entry.length = run.length;
        runs.push_back(entry);
    }
    return with_table(runs, buffer.read_only);
}

}  // namespace

Result<std::shared_ptr<const UniqueFd>> ReadOnlyFiles::open(
    const std::shared_ptr<const UniqueFd>& file) {
    Entry& entry = entries_[file.get()];
    if (auto known = entry.read_only.lock(); known && entry.source.lock() == file) return known;
    const std::string path = "/proc/self/fd/" + std::to_string(file->get());
    UniqueFd fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
    if (!fd) {
        const int code = errno;
        entries_.erase(file.get());
        return system_error("cannot open a producer's memory for reading", code);
    }
    auto read_only = std::make_shared<const UniqueFd>(std::move(fd));
    entry = {file, read_only};
    if (entries_.size() >= purge_at_) {
        std::erase_if(entries_, [](const auto& item) { return item.second.read_only.expired(); });
        purge_at_ = std::max<std::size_t>(16, 2 * entries_.size());
    }
    return std::shared_ptr<const UniqueFd>(std::move(read_only));
}

Result<ExportedMemory> MemoryExporter::give(Buffer& buffer, bool as_dmabuf) {
    ExportedMemory exported;
    exported.kind = consumer::MemoryKind::dmabuf;
    if (buffer.memory->dmabuf) {
        if (!as_dmabuf) return export_dmabuf_as_run(*buffer.memory);
        exported.fds.push_back(buffer.memory->dmabuf);
        return exported;
    }
    std::string reason;
    if (as_dmabuf && !buffer.udmabuf) {
        auto made = udmabuf_.create(*buffer.memory);
        if (made) {
            buffer.udmabuf = std::make_shared<const UniqueFd>(std::move(*made));
        } else {
            reason = made.error().text;
        }
    }
    if (as_dmabuf && buffer.udmabuf) {
        exported.fds.push_back(buffer.udmabuf);
        return exported;
    }
    if (buffer.from_vm && !share_vm_memory_) {
        const std::string why = reason.empty() ? "the consumer takes no dmabuf" : reason;
        return Error{EACCES, "share_vm_memory is off; " + why};
    }
    auto runs = export_runs(buffer, files_);
    if (runs) runs->reason = std::move(reason);
    return runs;
}

}  // namespace vdmabuf::broker
