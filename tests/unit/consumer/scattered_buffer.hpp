// SPDX-License-Identifier: MIT
#pragma once

#include <cstdint>
#include <cstring>
#include <vector>

#include "runtime/common/mapping.hpp"
#include "runtime/common/unique_fd.hpp"
#include "runtime/consumer/run_table.hpp"

namespace vdmabuf::test {

// A producer's memory: files of pages of which a buffer has some, in random order, with foreign
// pages between them. The test sees all of it through its own mapping of the files.
class ScatteredBuffer {
  public:
    static constexpr std::size_t kPage = 4096;
    static constexpr std::byte kForeign{0xEE};

    // `run_pages`: longest run. The files hold twice as many pages as the buffer.
    ScatteredBuffer(std::size_t size, unsigned file_count = 1, std::size_t run_pages = 3,
                    unsigned seed = 1);
    // One file that is the buffer, in order: what software drivers take for a dmabuf.
    static ScatteredBuffer whole(std::size_t size);

    std::uint64_t size() const { return size_; }
    const std::vector<consumer::Run>& runs() const { return runs_; }

    // The buffer's bytes, through the files' own order.
    void write(std::uint64_t at, const void* bytes, std::size_t count) const;
    void read(std::uint64_t at, void* bytes, std::size_t count) const;
    template <typename T>
    void put(std::uint64_t at, const T& value) {
        write(at, &value, sizeof value);
    }

    // Whether every page beside the runs is as it was made.
    bool foreign_untouched() const;

    // As a consumer gets it: run table first, then the files, opened for reading only.
    std::vector<UniqueFd> descriptors() const;
    consumer::BufferFiles files() const;
    // As a dmabuf: of the runs by /dev/udmabuf, or the file itself where it is the whole() buffer.
    Result<consumer::BufferFiles> dmabuf() const;

  private:
    ScatteredBuffer() = default;
    struct Page {
        unsigned file;
        std::size_t index;
    };
    std::byte* at(std::uint64_t offset) const;

    std::uint64_t size_ = 0;
    std::vector<UniqueFd> fds_;
    std::vector<Mapping> maps_;
    std::vector<Page> pages_;  // of the buffer, in its order
    std::vector<std::vector<bool>> ours_;
    std::vector<consumer::Run> runs_;
};

// An IMAGE message for `buffer`: one plane, XR24 unless told.
consumer::Image image_message(const ScatteredBuffer& buffer, std::uint32_t width,
                              std::uint32_t height, std::uint64_t pitch, std::uint64_t offset = 0);

// The colour of a pixel in the tests' pictures, as a little-endian XR24 word.
inline std::uint32_t test_pixel(std::uint32_t x, std::uint32_t y, std::uint32_t salt = 0) {
    return 0xff000000U | (((x * 7 + y * 13) & 0xff) << 16) | ((y & 0xff) << 8) |
           ((x + salt * 37) & 0xff);
}

}  // namespace vdmabuf::test
