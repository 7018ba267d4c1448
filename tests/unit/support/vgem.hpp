// SPDX-License-Identifier: MIT
// vgem, the kernel's DRM driver without hardware: dmabufs with fences that a test signals.
#pragma once

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <cerrno>
#include <cstdint>
#include <cstring>
#include <string>

#include "runtime/common/unique_fd.hpp"

namespace vdmabuf::test {

// A buffer of whole pages, of 1024 x 32-bit pixels each.
class VgemBuffer {
  public:
    VgemBuffer(int card, std::uint32_t pages) : card_(card) {
        struct {
            std::uint32_t height, width, bpp, flags, handle, pitch;
            std::uint64_t size;
        } dumb{pages, 1024, 32, 0, 0, 0, 0};
        EXPECT_EQ(::ioctl(card_, _IOWR('d', 0xb2, decltype(dumb)), &dumb), 0);
        EXPECT_EQ(dumb.size, std::uint64_t{pages} * 4096);
        handle_ = dumb.handle;
        struct {
            std::uint32_t handle, flags;
            std::int32_t fd;
        } prime{handle_, O_CLOEXEC | O_RDWR, -1};
        EXPECT_EQ(::ioctl(card_, _IOWR('d', 0x2d, decltype(prime)), &prime), 0)
            << std::strerror(errno);
        dmabuf.reset(prime.fd);
    }

    // From now on somebody writes to the buffer, until end_write() (or ten seconds later).
    void begin_write() {
        struct {
            std::uint32_t handle, flags, fence, pad;
        } attach{handle_, 1, 0, 0};
        EXPECT_EQ(::ioctl(card_, _IOWR('d', 0x41, decltype(attach)), &attach), 0);
        fence_ = attach.fence;
    }
    void end_write() const {
        struct {
            std::uint32_t fence, flags;
        } signal{fence_, 0};
        EXPECT_EQ(::ioctl(card_, _IOW('d', 0x42, decltype(signal)), &signal), 0);
    }

    UniqueFd dmabuf;

  private:
    const int card_;
    std::uint32_t handle_ = 0;
    std::uint32_t fence_ = 0;
};

// vgem's device; none where the kernel or the machine has none.
inline UniqueFd open_vgem(const std::string& folder = "/dev/dri") {
    for (int i = 0; i < 16; ++i) {
        UniqueFd fd(::open((folder + "/card" + std::to_string(i)).c_str(), O_RDWR | O_CLOEXEC));
        if (!fd) continue;
        char name[16] = {};
        struct {
            int major, minor, patch;
            std::size_t name_len;
            char* name;
            std::size_t date_len;
            char* date;
            std::size_t desc_len;
            char* desc;
        } version{0, 0, 0, sizeof name - 1, name, 0, nullptr, 0, nullptr};
        if (::ioctl(fd.get(), _IOWR('d', 0x00, decltype(version)), &version) != 0) continue;
        if (std::strcmp(name, "vgem") == 0) return fd;
    }
    return UniqueFd();
}

}  // namespace vdmabuf::test
