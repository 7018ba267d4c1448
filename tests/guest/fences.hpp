// SPDX-License-Identifier: MIT
// Fences that a test signals.
#ifndef VDMABUF_TESTS_GUEST_FENCES_HPP
#define VDMABUF_TESTS_GUEST_FENCES_HPP

#include "tests/guest/dmabufs.hpp"

namespace guest_test {

// Fences that signal when the test says so.
class Timeline {
  public:
    virtual ~Timeline() = default;
    // Signals when the timeline has come to `value`.
    virtual Fd fence(std::uint32_t value) = 0;
    virtual void advance(std::uint32_t by) = 0;
    virtual void end() = 0;  // signals what is left, as the timeline is gone
};

// The kernel's own for tests; distributions leave it out.
class SwSync final : public Timeline {
  public:
    explicit SwSync(Fd fd) : fd_(std::move(fd)) {}
    Fd fence(std::uint32_t value) override {
        struct {
            std::uint32_t value;
            char name[32];
            std::int32_t fence;
        } data{value, "driver_test", -1};
        EXPECT_ERRNO(::ioctl(fd_, _IOWR('W', 0, decltype(data)), &data), 0);
        return Fd(data.fence);
    }
    void advance(std::uint32_t by) override { ::ioctl(fd_, _IOW('W', 1, std::uint32_t), &by); }
    void end() override { fd_.reset(); }

  private:
    Fd fd_;
};

// Fences that vgem attaches to its buffers, each to one of its own (signalled after 10 s at most).
class Vgem final : public Timeline {
  public:
    explicit Vgem(Fd fd) : fd_(std::move(fd)) {}
    Fd fence(std::uint32_t value) override {
        const auto [buffer, handle] = dumb_buffer(fd_, 4096);
        struct {
            std::uint32_t handle, flags, fence, pad;
        } attach{handle, 1, 0, 0};
        EXPECT_ERRNO(::ioctl(fd_, _IOWR('d', 0x41, decltype(attach)), &attach), 0);
        fences_.emplace_back(value, attach.fence);
        dma_buf_export_sync_file request{DMA_BUF_SYNC_READ, -1};
        EXPECT_ERRNO(::ioctl(buffer, DMA_BUF_IOCTL_EXPORT_SYNC_FILE, &request), 0);
        return Fd(request.fd);
    }
    void advance(std::uint32_t by) override {
        now_ += by;
        std::erase_if(fences_, [&](const auto& entry) {
            if (entry.first > now_) return false;
            struct {
                std::uint32_t fence, flags;
            } signal{entry.second, 0};
            ::ioctl(fd_, _IOW('d', 0x42, decltype(signal)), &signal);
            return true;
        });
    }
    void end() override { fd_.reset(); }

  private:
    Fd fd_;
    std::uint32_t now_ = 0;
    std::vector<std::pair<std::uint32_t, std::uint32_t>> fences_;  // value, number
};

inline std::unique_ptr<Timeline> new_timeline() {
    Fd sync(::open("/sys/kernel/debug/sync/sw_sync", O_RDWR | O_CLOEXEC));
    if (sync >= 0) return std::make_unique<SwSync>(std::move(sync));
    try {
        return std::make_unique<Vgem>(open_card("vgem"));
    } catch (const Skip&) {
        throw Skip("neither sw_sync nor vgem");
    }
}

inline Fd signalled_fence(int dmabuf) {
    dma_buf_export_sync_file request{DMA_BUF_SYNC_WRITE, -1};
    if (::ioctl(dmabuf, DMA_BUF_IOCTL_EXPORT_SYNC_FILE, &request) < 0) {
        throw Skip("no DMA_BUF_IOCTL_EXPORT_SYNC_FILE");
    }
    return Fd(request.fd);
}

}  // namespace guest_test

#endif  // VDMABUF_TESTS_GUEST_FENCES_HPP
