// SPDX-License-Identifier: MIT
// What tests of real udmabufs need. On kernels without /dev/udmabuf they are skipped, except where
// VDMABUF_TEST_NEEDS_UDMABUF says that it must be there (tests/guest/broker_test.sh).
#pragma once

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <string>

#include "runtime/common/mapping.hpp"
#include "runtime/common/unique_fd.hpp"

namespace vdmabuf::test {

// In SetUp().
#define VDMABUF_NEEDS_UDMABUF()                                                    \
    if (::access("/dev/udmabuf", R_OK | W_OK) != 0) {                              \
        ASSERT_FALSE(std::getenv("VDMABUF_TEST_NEEDS_UDMABUF")) << "/dev/udmabuf"; \
        GTEST_SKIP() << "this kernel has no /dev/udmabuf";                         \
    }

// A memfd of `pages` pages, mapped for reading and writing.
struct Pages {
    explicit Pages(std::uint64_t pages, int seals = F_SEAL_SHRINK, unsigned flags = 0,
                   std::uint64_t page_size = 4096) {
        const std::uint64_t size = pages * page_size;
        fd.reset(::memfd_create("pages", MFD_CLOEXEC | MFD_ALLOW_SEALING | flags));
        EXPECT_TRUE(fd) << std::strerror(errno);
        EXPECT_EQ(::ftruncate(fd.get(), static_cast<off_t>(size)), 0);
        if (seals) {
            EXPECT_EQ(::fcntl(fd.get(), F_ADD_SEALS, seals), 0);
        }
        const bool read_only = seals & F_SEAL_WRITE;
        void* address = ::mmap(nullptr, size, PROT_READ | (read_only ? 0 : PROT_WRITE), MAP_SHARED,
                               fd.get(), 0);
        EXPECT_NE(address, MAP_FAILED) << std::strerror(errno);
        if (address != MAP_FAILED) view = Mapping(address, size);
    }
    std::byte* page(std::uint64_t number) const { return view.bytes() + number * 4096; }

    UniqueFd fd;
    Mapping view;
};

inline Mapping map_all(int dmabuf, std::uint64_t size) {
    void* address = ::mmap(nullptr, size, PROT_READ | PROT_WRITE, MAP_SHARED, dmabuf, 0);
    EXPECT_NE(address, MAP_FAILED) << std::strerror(errno);
    return address == MAP_FAILED ? Mapping() : Mapping(address, size);
}

// Sets a parameter of the kernel for the time of a test.
class Setting {
  public:
    Setting(std::string path, const std::string& value) : path_(std::move(path)) {
        before_ = read();
        write(value);
        EXPECT_EQ(read(), value) << path_;
    }
    ~Setting() { write(before_); }
    Setting(const Setting&) = delete;
    Setting& operator=(const Setting&) = delete;

  private:
    std::string read() const {
        const UniqueFd fd(::open(path_.c_str(), O_RDONLY | O_CLOEXEC));
        char text[32];
        const ssize_t got = fd ? ::read(fd.get(), text, sizeof text) : -1;
        std::string value(text, static_cast<std::size_t>(got > 0 ? got : 0));
        while (!value.empty() && value.back() == '\n') value.pop_back();
        return value;
    }
    void write(const std::string& value) const {
        const UniqueFd fd(::open(path_.c_str(), O_WRONLY | O_CLOEXEC));
        EXPECT_EQ(fd ? ::write(fd.get(), value.data(), value.size()) : -1,
                  static_cast<ssize_t>(value.size()))
            << path_;
    }
    const std::string path_;
    std::string before_;
};

}  // namespace vdmabuf::test
