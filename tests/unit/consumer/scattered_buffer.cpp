// SPDX-License-Identifier: MIT
#include "tests/unit/consumer/scattered_buffer.hpp"

#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <random>
#include <string>

#include "runtime/common/udmabuf.hpp"
#include "runtime/consumer/pixel_format.hpp"

namespace vdmabuf::test {

ScatteredBuffer::ScatteredBuffer(std::size_t size, unsigned file_count, std::size_t run_pages,
                                 unsigned seed)
    : size_((size + kPage - 1) / kPage * kPage) {
    std::mt19937 random(seed);
    const std::size_t pages = size_ / kPage;
    const std::size_t file_pages = (2 * pages + file_count - 1) / file_count + run_pages;
    for (unsigned f = 0; f < file_count; ++f) {
        UniqueFd fd(::memfd_create("test", MFD_CLOEXEC | MFD_ALLOW_SEALING));
        [[maybe_unused]] const int grown =
            ::ftruncate(fd.get(), static_cast<off_t>(file_pages * kPage));
        ::fcntl(fd.get(), F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL);
        void* map =
            ::mmap(nullptr, file_pages * kPage, PROT_READ | PROT_WRITE, MAP_SHARED, fd.get(), 0);
        maps_.emplace_back(map, file_pages * kPage);
        std::fill_n(maps_.back().bytes(), file_pages * kPage, kForeign);
        fds_.push_back(std::move(fd));
        ours_.emplace_back(file_pages, false);
    }
    // Pieces of random length at every second place or so, then shuffled.
    std::vector<std::vector<Page>> pieces;
    std::vector<std::size_t> next(file_count, 0);
    std::size_t placed = 0;
    for (unsigned f = 0; placed < pages; f = (f + 1) % file_count) {
        const std::size_t length = std::min(1 + random() % run_pages, pages - placed);
        std::size_t gap = random() % 2;
        if (next[f] + gap + length > file_pages) gap = 0;
        if (next[f] + length > file_pages) continue;
        std::vector<Page> piece;
        for (std::size_t i = 0; i < length; ++i) piece.push_back({f, next[f] + gap + i});
        next[f] += gap + length;
        placed += length;
        pieces.push_back(std::move(piece));
    }
    std::shuffle(pieces.begin(), pieces.end(), random);
    for (const auto& piece : pieces) {
        runs_.push_back({piece.front().file, 0, piece.front().index * kPage, piece.size() * kPage});
        for (const Page& page : piece) {
            pages_.push_back(page);
            ours_[page.file][page.index] = true;
            std::fill_n(maps_[page.file].bytes() + page.index * kPage, kPage, std::byte{0});
        }
    }
}

ScatteredBuffer ScatteredBuffer::whole(std::size_t size) {
    ScatteredBuffer buffer;
    buffer.size_ = (size + kPage - 1) / kPage * kPage;
    UniqueFd fd(::memfd_create("test", MFD_CLOEXEC | MFD_ALLOW_SEALING));
    [[maybe_unused]] const int grown = ::ftruncate(fd.get(), static_cast<off_t>(buffer.size_));
    void* map = ::mmap(nullptr, buffer.size_, PROT_READ | PROT_WRITE, MAP_SHARED, fd.get(), 0);
    buffer.maps_.emplace_back(map, buffer.size_);
    buffer.fds_.push_back(std::move(fd));
    buffer.ours_.emplace_back(buffer.size_ / kPage, true);
    for (std::size_t i = 0; i < buffer.size_ / kPage; ++i) buffer.pages_.push_back({0, i});
    buffer.runs_.push_back({0, 0, 0, buffer.size_});
    return buffer;
}

std::byte* ScatteredBuffer::at(std::uint64_t offset) const {
    const Page& page = pages_[offset / kPage];
    return maps_[page.file].bytes() + page.index * kPage + offset % kPage;
}

void ScatteredBuffer::write(std::uint64_t offset, const void* bytes, std::size_t count) const {
    const auto* from = static_cast<const std::byte*>(bytes);
    for (std::size_t i = 0; i < count; ++i) *at(offset + i) = from[i];
}

void ScatteredBuffer::read(std::uint64_t offset, void* bytes, std::size_t count) const {
    auto* to = static_cast<std::byte*>(bytes);
    for (std::size_t i = 0; i < count; ++i) to[i] = *at(offset + i);
}

bool ScatteredBuffer::foreign_untouched() const {
    for (std::size_t f = 0; f < maps_.size(); ++f) {
        for (std::size_t page = 0; page < ours_[f].size(); ++page) {
            if (ours_[f][page]) continue;
            const std::byte* bytes = maps_[f].bytes() + page * kPage;
            if (!std::all_of(bytes, bytes + kPage, [](std::byte b) { return b == kForeign; })) {
                return false;
            }
        }
    }
    return true;
}

std::vector<UniqueFd> ScatteredBuffer::descriptors() const {
    std::vector<UniqueFd> fds;
    UniqueFd table(::memfd_create("runs", MFD_CLOEXEC));
    [[maybe_unused]] const ssize_t put =
        ::write(table.get(), runs_.data(), runs_.size() * sizeof(consumer::Run));
    fds.push_back(std::move(table));
    for (const UniqueFd& fd : fds_) {
        const std::string path = "/proc/self/fd/" + std::to_string(fd.get());
        fds.emplace_back(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
    }
    return fds;
}

consumer::BufferFiles ScatteredBuffer::files() const {
    consumer::BufferFiles files;
    files.files = descriptors();
    files.files.erase(files.files.begin());
    files.runs = runs_;
    files.size = size_;
    return files;
}

Result<consumer::BufferFiles> ScatteredBuffer::dmabuf() const {
    consumer::BufferFiles files;
    files.kind = consumer::MemoryKind::dmabuf;
    files.size = size_;
    if (runs_.size() == 1) {
        files.files.emplace_back(::fcntl(fds_.front().get(), F_DUPFD_CLOEXEC, 0));
        return files;
    }
    BufferMemory memory;
    const UniqueFd& file = fds_.front();
    memory.files.push_back(
        std::make_shared<const UniqueFd>(::fcntl(file.get(), F_DUPFD_CLOEXEC, 0)));
    for (const consumer::Run& run : runs_) memory.runs.push_back({0, run.offset, run.length});
    memory.size = size_;
    auto dmabuf = Udmabuf().create(memory);
    if (!dmabuf) return dmabuf.error();
    files.files.push_back(std::move(*dmabuf));
    return files;
}

consumer::Image image_message(const ScatteredBuffer& buffer, std::uint32_t width,
                              std::uint32_t height, std::uint64_t pitch, std::uint64_t offset) {
    auto image = consumer::make<consumer::Image>();
    image.stream = 1;
    image.image = 1;
    image.width = width;
    image.height = height;
    image.fourcc = fourcc_of("XR24");
    image.plane_count = 1;
    image.planes[0] = {offset, pitch};
    image.buffer_size = buffer.size();
    image.memory = static_cast<std::uint32_t>(consumer::MemoryKind::runs);
    image.run_count = static_cast<std::uint32_t>(buffer.runs().size());
    image.file_count = static_cast<std::uint32_t>(buffer.descriptors().size() - 1);
    return image;
}

}  // namespace vdmabuf::test
