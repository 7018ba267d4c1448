// SPDX-License-Identifier: MIT
#include "runtime/consumer/compare_frame.hpp"

#include <linux/dma-buf.h>
#include <sys/ioctl.h>
#include <sys/mman.h>

#include <cstring>

#include "runtime/consumer/read_back.hpp"

namespace vdmabuf::consumer {
namespace {

// As TestPages: some drivers read that much right and no more.
constexpr std::uint64_t kEnough = std::uint64_t{2} << 20;

// Brackets the CPU's reading; a plain memfd in a dmabuf's place does without.
class CpuAccess {
  public:
    explicit CpuAccess(int dmabuf) : dmabuf_(dmabuf) { sync(DMA_BUF_SYNC_START); }
    ~CpuAccess() { sync(DMA_BUF_SYNC_END); }
    CpuAccess(const CpuAccess&) = delete;
    CpuAccess& operator=(const CpuAccess&) = delete;

  private:
    void sync(std::uint64_t which) const {
        dma_buf_sync request{};
        request.flags = which | DMA_BUF_SYNC_READ;
        static_cast<void>(::ioctl(dmabuf_, DMA_BUF_IOCTL_SYNC, &request));
    }
    int dmabuf_;
};

}  // namespace

Result<Likeness> compare_frame(const std::shared_ptr<gpu::Device>& device,
                               const ImportedImage& image) {
    const ImageLayout& layout = image.layout();
    if (image.dmabuf() < 0 || !layout.is_linear()) return Likeness::none;
    const auto size = static_cast<std::size_t>(layout.offset + layout.span_bytes());
    void* at = ::mmap(nullptr, size, PROT_READ, MAP_SHARED, image.dmabuf(), 0);
    if (at == MAP_FAILED) return Likeness::none;  // a driver's own memory, most likely
    const Mapping bytes(at, size);
    auto seen = read_back(device, image);
    if (!seen) return seen.error();
    const CpuAccess access(image.dmabuf());
    const auto row = static_cast<std::size_t>(layout.row_bytes());
    bool plain = true;
    for (std::uint32_t y = 0; y < layout.height; ++y) {
        const std::byte* expected = bytes.bytes() + layout.offset + y * layout.pitch;
        const std::byte* got = seen->data() + y * row;
        if (std::memcmp(expected, got, row) != 0) {
            return Error{EIO, "the GPU reads wrong bytes (row " + std::to_string(y) + ")"};
        }
        plain = plain && std::memcmp(got, seen->data(), row) == 0;
    }
    return plain || layout.span_bytes() <= kEnough ? Likeness::small : Likeness::proof;
}

}  // namespace vdmabuf::consumer
