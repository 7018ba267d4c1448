// SPDX-License-Identifier: MIT
#include "runtime/consumer/test_pages.hpp"

#include <fcntl.h>
#include <sys/mman.h>

#include <algorithm>
#include <cstring>
#include <random>

#include "runtime/common/udmabuf.hpp"

namespace vdmabuf::consumer {

Result<TestPages> TestPages::create() {
    TestPages pages;
    UniqueFd made(::memfd_create("vdmabuf self-test", MFD_CLOEXEC | MFD_ALLOW_SEALING));
    if (!made) return system_error("memfd_create");
    const int fd = made.get();
    pages.memfd_ = std::make_shared<const UniqueFd>(std::move(made));
    // The memory is taken here and now: a page that is missing later would end us by SIGBUS.
    if (::fallocate(fd, 0, 0, static_cast<off_t>(kSize)) != 0) {
        return system_error("no shared memory for a self-test");
    }
    // What /dev/udmabuf asks for.
    if (::fcntl(fd, F_ADD_SEALS, F_SEAL_SHRINK) != 0) return system_error("F_ADD_SEALS");
    void* at = ::mmap(nullptr, kSize, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    if (at == MAP_FAILED) return system_error("mmap of a self-test's pages");
    pages.bytes_ = Mapping(at, kSize);
    for (std::uint64_t offset = 0; offset < kSize; offset += kPiece) {
        pages.runs_.push_back({0, 0, offset, std::min(kPiece, kSize - offset)});
    }
    std::shuffle(pages.runs_.begin(), pages.runs_.end(), std::mt19937(1));
    return pages;
}

void TestPages::fill(std::uint32_t salt) {
    std::uint64_t word = 0;
    for (const Run& run : runs_) {
        for (std::uint64_t i = 0; i < run.length; i += 4, ++word) {
            const std::uint32_t value = pattern(word, salt);
            std::memcpy(bytes_.bytes() + run.offset + i, &value, sizeof value);
        }
    }
}

Result<BufferFiles> TestPages::as_runs() const {
    BufferFiles files;
    files.kind = MemoryKind::runs;
    files.size = kSize;
    files.runs = runs_;
    files.files.emplace_back(::fcntl(memfd_->get(), F_DUPFD_CLOEXEC, 0));
    if (!files.files.front()) return system_error("fcntl");
    return files;
}

Result<BufferFiles> TestPages::as_dmabuf() {
    BufferFiles files;
    files.kind = MemoryKind::dmabuf;
    files.size = kSize;
    BufferMemory memory;
    memory.files.push_back(memfd_);
    for (const Run& run : runs_) memory.runs.push_back({0, run.offset, run.length});
    memory.size = kSize;
    auto dmabuf = Udmabuf().create(memory);
    if (dmabuf) {
        files.files.push_back(std::move(*dmabuf));
        return files;
    }
    no_udmabuf_ = dmabuf.error().text;
    runs_ = {{0, 0, 0, kSize}};
    files.files.emplace_back(::fcntl(memfd_->get(), F_DUPFD_CLOEXEC, 0));
    if (!files.files.front()) return system_error("fcntl");
    return files;
}

}  // namespace vdmabuf::consumer
