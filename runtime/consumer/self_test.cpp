// SPDX-License-Identifier: MIT
#include <sys/mman.h>
#include <sys/stat.h>

#include <cstring>

#include "runtime/consumer/import.hpp"
#include "runtime/consumer/read_back.hpp"
#include "runtime/consumer/rungs.hpp"
#include "runtime/consumer/scattered_mapping.hpp"

namespace vdmabuf::consumer {
namespace {

// Larger than 2 MiB: one driver is known to read only that much of some scattered imports.
constexpr std::uint64_t kSize = std::uint64_t{4} << 20;
constexpr std::uint64_t kRunLength = 64 * 1024;

std::uint32_t pattern(std::uint64_t word) {
    return static_cast<std::uint32_t>(word * 2654435761U) ^ static_cast<std::uint32_t>(word >> 7);
}

// A memfd whose parts are in the reverse order of the buffer's, filled with the pattern.
Result<BufferFiles> make_buffer() {
    UniqueFd fd(::memfd_create("vdmabuf self-test", MFD_CLOEXEC));
    if (!fd) return system_error("memfd_create");
    if (::ftruncate(fd.get(), static_cast<off_t>(kSize)) != 0) return system_error("ftruncate");
    std::vector<std::uint32_t> words(kRunLength / 4);
    BufferFiles buffer;
    buffer.size = kSize;
    for (std::uint64_t at = 0; at < kSize; at += kRunLength) {
        const std::uint64_t offset = kSize - kRunLength - at;
        for (std::size_t i = 0; i < words.size(); ++i) words[i] = pattern(at / 4 + i);
        const ssize_t put =
            ::pwrite(fd.get(), words.data(), kRunLength, static_cast<off_t>(offset));
        if (put != static_cast<ssize_t>(kRunLength)) return system_error("no shared memory left");
        buffer.runs.push_back({0, 0, offset, kRunLength});
    }
    buffer.files.push_back(std::move(fd));
    return buffer;
}

Status test_layout(const std::shared_ptr<gpu::Device>& device, const BufferFiles& buffer,
                   std::uint32_t width, std::uint64_t pitch) {
    auto pages = map_scattered(buffer);
    if (!pages) return pages.error();
    ImageLayout layout;
    layout.format = find_format(fourcc_of("XR24"));
    layout.width = width;
    layout.height = static_cast<std::uint32_t>(kSize / pitch);
    layout.pitch = pitch;
    auto parts = import_host_pointer(device, layout, kSize, *pages);
    if (!parts) return parts.error();
    const ImportedImage image(std::move(*parts));
    auto seen = read_back(device, image);
    if (!seen) return seen.error();
    for (std::uint32_t y = 0; y < layout.height; ++y) {
        for (std::uint32_t x = 0; x < width; ++x) {
            std::uint32_t got = 0;
            std::memcpy(&got, seen->data() + (std::size_t{y} * width + x) * 4, sizeof got);
            if (got != pattern(y * pitch / 4 + x)) {
                return Error{EIO, image.reason() + ": the GPU reads other pages than it was given"};
            }
        }
    }
    return {};
}

}  // namespace

Status self_test_host_pointer(const std::shared_ptr<gpu::Device>& device) {
    if (!device->abilities().host_pointer) return Error{ENOTSUP, "no VK_EXT_external_memory_host"};
    auto buffer = make_buffer();
    if (!buffer) return buffer.error();
    // A pitch that drivers choose themselves (a VkImage), and one that none does (a VkBuffer).
    if (auto passed = test_layout(device, *buffer, 1024, 4096); !passed) return passed;
    return test_layout(device, *buffer, 1000, 4096 + 32 * 4);
}

}  // namespace vdmabuf::consumer
