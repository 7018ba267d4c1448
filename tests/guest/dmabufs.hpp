// SPDX-License-Identifier: MIT
// Dmabufs of other drivers, and how many of them ours is attached to.
#ifndef VDMABUF_TESTS_GUEST_DMABUFS_HPP
#define VDMABUF_TESTS_GUEST_DMABUFS_HPP

#include <linux/dma-heap.h>
#include <linux/udmabuf.h>

#include "tests/guest/guest_test.hpp"

namespace guest_test {

// Asks a DRM card for its driver's name.
inline std::string drm_driver(int card) {
    char name[32] = {};
    struct {
        int major, minor, patch;
        std::size_t name_size;
        char* name;
        std::size_t date_size;
        char* date;
        std::size_t text_size;
        char* text;
    } version{0, 0, 0, sizeof name - 1, name, 0, nullptr, 0, nullptr};
    return ::ioctl(card, _IOWR('d', 0x00, decltype(version)), &version) == 0 ? name : "";
}

inline Fd open_card(const std::string& driver) {
    for (int i = 0; i < 8; ++i) {
        Fd card(::open(("/dev/dri/card" + std::to_string(i)).c_str(), O_RDWR | O_CLOEXEC));
        if (card >= 0 && drm_driver(card) == driver) return card;
    }
    throw Skip("no device of " + driver);
}

struct DumbBuffer {
    Fd fd;
    std::uint32_t handle = 0;
};

// 1024 pixels of 4 bytes to a line: a page.
inline DumbBuffer dumb_buffer(int card, std::size_t size) {
    struct {
        std::uint32_t height, width, bpp, flags, handle, pitch;
        std::uint64_t size;
    } dumb{static_cast<std::uint32_t>(size / 4096), 1024, 32, 0, 0, 0, 0};
    EXPECT_ERRNO(::ioctl(card, _IOWR('d', 0xb2, decltype(dumb)), &dumb), 0);
    EXPECT(dumb.size == size);
    struct {
        std::uint32_t handle, flags;
        std::int32_t fd;
    } prime{dumb.handle, O_CLOEXEC | O_RDWR, -1};
    EXPECT_ERRNO(::ioctl(card, _IOWR('d', 0x2d, decltype(prime)), &prime), 0);
    return {Fd(prime.fd), dumb.handle};
}

// Somebody else who makes dmabufs.
class Exporter {
  public:
    virtual ~Exporter() = default;
    virtual Fd buffer(std::size_t size) = 0;
};

// Of pages of a memfd.
class Udmabuf final : public Exporter {
  public:
    Udmabuf() : device_(::open("/dev/udmabuf", O_RDWR | O_CLOEXEC)) {
        if (device_ < 0) throw Skip("no /dev/udmabuf");
    }
    Fd buffer(std::size_t size) override {
        const Fd memory(::memfd_create("guest_test", MFD_CLOEXEC | MFD_ALLOW_SEALING));
        EXPECT_ERRNO(::ftruncate(memory, static_cast<off_t>(size)), 0);
        EXPECT_ERRNO(::fcntl(memory, F_ADD_SEALS, F_SEAL_SHRINK), 0);
        udmabuf_create create{};
        create.memfd = static_cast<std::uint32_t>(static_cast<int>(memory));
        create.flags = UDMABUF_FLAGS_CLOEXEC;
        create.size = size;
        Fd fd(::ioctl(device_, UDMABUF_CREATE, &create));
        if (fd < 0) throw Skip(std::string("UDMABUF_CREATE: ") + std::strerror(errno));
        return fd;
    }

  private:
    Fd device_;
};

class SystemHeap final : public Exporter {
  public:
    SystemHeap() : device_(::open("/dev/dma_heap/system", O_RDWR | O_CLOEXEC)) {
        if (device_ < 0) throw Skip("no /dev/dma_heap/system");
    }
    Fd buffer(std::size_t size) override {
        dma_heap_allocation_data data{size, 0, O_RDWR | O_CLOEXEC, 0};
        EXPECT_ERRNO(::ioctl(device_, DMA_HEAP_IOCTL_ALLOC, &data), 0);
        return Fd(static_cast<int>(data.fd));
    }

  private:
    Fd device_;
};

// Dumb buffers of a DRM driver.
class Card final : public Exporter {
  public:
    explicit Card(const std::string& driver) : card_(open_card(driver)) {}
    Fd buffer(std::size_t size) override { return std::move(dumb_buffer(card_, size).fd); }

  private:
    Fd card_;
};

inline std::unique_ptr<Exporter> new_exporter(const std::string& name) {
    if (name == "udmabuf") return std::make_unique<Udmabuf>();
    if (name == "system heap") return std::make_unique<SystemHeap>();
    return std::make_unique<Card>(name);
}

// Whichever there is.
inline std::unique_ptr<Exporter> any_exporter() {
    for (const char* name : {"udmabuf", "system heap", "vgem", "virtio_gpu"}) {
        try {
            auto exporter = new_exporter(name);
            exporter->buffer(4096);
            return exporter;
        } catch (const Skip&) {
        }
    }
    throw Skip("nobody else exports dmabufs");
}

// How many buffers the driver is attached to, or -1 if the kernel does not tell.
inline int attachments() {
    std::ifstream file("/sys/kernel/debug/dma_buf/bufinfo");
    if (!file) return -1;
    const std::string name = g_device.substr(g_device.rfind('/') + 1);
    int count = 0;
    for (std::string line; std::getline(file, line);) count += line == "\t" + name ? 1 : 0;
    return count;
}

// The driver lets go of foreign buffers in a moment, not at once.
inline void expect_attachments(int count) {
    if (attachments() < 0) return;
    EXPECT(eventually([&] { return attachments() == count; }));
}

}  // namespace guest_test

#endif  // VDMABUF_TESTS_GUEST_DMABUFS_HPP
