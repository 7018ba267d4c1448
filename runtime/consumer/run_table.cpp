// SPDX-License-Identifier: MIT
#include "runtime/consumer/run_table.hpp"

#include <fcntl.h>
#include <sys/stat.h>

#include <string>

namespace vdmabuf::consumer {
namespace {

Error bad(std::string what) {
    return Error{EBADMSG, "IMAGE: " + std::move(what)};
}

std::uint64_t page_size() {
    static const auto size = static_cast<std::uint64_t>(::sysconf(_SC_PAGESIZE));
    return size;
}

}  // namespace

Result<std::vector<Run>> read_run_table(int memfd, std::uint32_t count) {
    if (count < 1 || count > kMaxRuns) return bad("run count");
    // F_GET_SEALS works on shared memory alone: a file of another kind could make pread(2) wait.
    if (::fcntl(memfd, F_GET_SEALS) < 0) return bad("the run table is not a memfd");
    struct stat st {};
    if (::fstat(memfd, &st) != 0) return system_error("fstat of a run table");
    const std::size_t bytes = count * sizeof(Run);
    if (static_cast<std::uint64_t>(st.st_size) < bytes) return bad("the run table is too short");
    std::vector<Run> runs(count);
    auto* out = reinterpret_cast<char*>(runs.data());
    for (std::size_t done = 0; done < bytes;) {
        const ssize_t got = ::pread(memfd, out + done, bytes - done, static_cast<off_t>(done));
        if (got < 0 && errno == EINTR) continue;
        if (got < 0) return system_error("pread of a run table");
        if (got == 0) return bad("the run table shrinks while it is read");
        done += static_cast<std::size_t>(got);
    }
    return runs;
}

Status check_runs(std::span<const Run> runs, std::span<const std::uint64_t> file_sizes,
                  std::uint64_t buffer_size) {
    if (buffer_size == 0 || buffer_size > kMaxBufferSize) return bad("buffer size");
    const std::uint64_t page_mask = page_size() - 1;
    std::uint64_t sum = 0;
    for (std::size_t i = 0; i < runs.size(); ++i) {
        const Run& run = runs[i];
        const auto bad_run = [&](const char* what) {
            return bad("run " + std::to_string(i) + ": " + what);
        };
        if (run.reserved != 0) return bad_run("reserved field");
        if (run.file >= file_sizes.size()) return bad_run("no such file");
        if (run.offset & page_mask || run.length & page_mask) return bad_run("alignment");
        if (run.length == 0) return bad_run("empty");
        const std::uint64_t size = file_sizes[run.file];
        if (run.offset > size || run.length > size - run.offset) {
            return bad_run("outside of its file");
        }
        if (run.length > buffer_size - sum) return bad_run("more than the buffer's size");
        sum += run.length;
    }
    return sum == buffer_size ? Status{} : bad("the runs are less than the buffer's size");
}

Result<BufferFiles> take_buffer(const Image& image, std::vector<UniqueFd> fds) {
    BufferFiles buffer;
    buffer.kind = static_cast<MemoryKind>(image.memory);
    buffer.size = image.buffer_size;
    if (buffer.kind == MemoryKind::none) {
        if (!fds.empty()) return bad("number of descriptors");
        return buffer;
    }
    if (buffer.kind == MemoryKind::dmabuf) {
        if (fds.size() != 1) return bad("number of descriptors");
        if (buffer.size > kMaxBufferSize) return bad("buffer size");
        buffer.files = std::move(fds);
        return buffer;
    }
    if (fds.size() != std::size_t{1} + image.file_count) return bad("number of descriptors");
    auto runs = read_run_table(fds.front().get(), image.run_count);
    if (!runs) return runs.error();
    fds.erase(fds.begin());

    std::vector<std::uint64_t> sizes;
    for (const UniqueFd& fd : fds) {
        struct stat st {};
        if (::fstat(fd.get(), &st) != 0) return system_error("fstat of a buffer's file");
        // Dmabufs are of no type, and have a size.
        if ((st.st_mode & S_IFMT) != S_IFREG && (st.st_mode & S_IFMT) != 0) {
            return bad("a file of the runs is neither a regular one nor a dmabuf");
        }
        sizes.push_back(static_cast<std::uint64_t>(st.st_size));
    }
    if (auto checked = check_runs(*runs, sizes, image.buffer_size); !checked) {
        return checked.error();
    }
    buffer.files = std::move(fds);
    buffer.runs = std::move(*runs);
    return buffer;
}

}  // namespace vdmabuf::consumer
