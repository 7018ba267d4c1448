// SPDX-License-Identifier: MIT
#include "runtime/consumer/self_test.hpp"

#include <cstring>

#include "runtime/consumer/read_back.hpp"
#include "runtime/consumer/rungs.hpp"
#include "runtime/consumer/scattered_mapping.hpp"
#include "runtime/consumer/test_pages.hpp"

namespace vdmabuf::consumer {
namespace {

constexpr std::uint32_t kWidth = 733;
constexpr std::uint64_t kEvenPitch = 3072;  // a multiple of kCommonPitch
constexpr std::uint64_t kOddPitch = 2944;   // none, but a multiple of 64: software drivers' own
static_assert(kEvenPitch % kCommonPitch == 0 && kOddPitch % kCommonPitch != 0);
static_assert(kOddPitch >= kWidth * 4 && TestPages::kSize > std::uint64_t{2} << 20);

// Drivers pad images to as many rows, and refuse buffers that end before.
constexpr std::uint32_t kRowUnit = 16;

ImageLayout layout_of(std::uint64_t pitch, std::uint32_t row_unit) {
    ImageLayout layout;
    layout.format = find_format(fourcc_of("XR24"));
    layout.width = kWidth;
    layout.height = static_cast<std::uint32_t>(TestPages::kSize / pitch) / row_unit * row_unit;
    layout.pitch = pitch;
    layout.planes[0] = {0, pitch};
    return layout;
}

Verdict broken(const Error& error) {
    // What the system refused once, it may grant the next time.
    const bool lasting = error.code != ENOMEM && error.code != EMFILE && error.code != ENFILE;
    return {Verdict::Is::broken, error.text, lasting};
}

Rung import(const std::shared_ptr<gpu::Device>& device, const ImageLayout& layout, Way way,
            TestPages& pages) {
    if (way == Way::host_pointer_image || way == Way::host_pointer_buffer) {
        auto files = pages.as_runs();
        if (!files) return files.error();
        auto mapped = map_scattered(*files);
        if (!mapped) return mapped.error();
        if (way == Way::host_pointer_image) {
            return import_host_pointer_image(device, layout, *mapped);
        }
        return import_host_pointer_buffer(device, layout, TestPages::kSize, *mapped);
    }
    auto files = pages.as_dmabuf();
    if (!files) return files.error();
    if (way == Way::dmabuf_buffer) return import_dmabuf_buffer(device, layout, *files);
    return import_dmabuf_image(device, layout, *files);
}

Status compare(const std::shared_ptr<gpu::Device>& device, const ImportedImage& image,
               std::uint32_t salt) {
    auto seen = read_back(device, image);
    if (!seen) return seen.error();
    const ImageLayout& layout = image.layout();
    for (std::uint32_t y = 0; y < layout.height; ++y) {
        for (std::uint32_t x = 0; x < layout.width; ++x) {
            std::uint32_t got = 0;
            std::memcpy(&got, seen->data() + (std::size_t{y} * layout.width + x) * 4, sizeof got);
            if (got != TestPages::pattern(y * layout.pitch / 4 + x, salt)) {
                return Error{EIO, "the GPU reads wrong bytes (row " + std::to_string(y) + ")"};
            }
        }
    }
    return {};
}

}  // namespace

Verdict self_test(const std::shared_ptr<gpu::Device>& device, Way way) {
    auto pages = TestPages::create();
    if (!pages) return broken(pages.error());
    ImageLayout layout = layout_of(kOddPitch, kRowUnit);
    if (way == Way::dmabuf_image) layout = layout_of(kEvenPitch, kRowUnit);
    // Buffers know no rows: up to the last byte.
    if (way == Way::dmabuf_buffer || way == Way::host_pointer_buffer)
        layout.height = layout_of(kOddPitch, 1).height;
    auto parts = import(device, layout, way, *pages);
    if (!parts && way == Way::host_pointer_image) {
        // Of host pointers, drivers take their own pitch only.
        layout = layout_of(kEvenPitch, kRowUnit);
        parts = import(device, layout, way, *pages);
    }
    if (!parts && !pages->no_udmabuf().empty() && device->abilities().dmabuf) {
        return {Verdict::Is::untested, pages->no_udmabuf(), false};
    }
    if (!parts) return broken(parts.error());
    const ImportedImage image(std::move(*parts));
    // Twice: a driver that copies when it imports, or later only once, shows old frames.
    for (std::uint32_t salt = 1; salt <= 2; ++salt) {
        pages->fill(salt);
        if (auto same = compare(device, image, salt); !same) return broken(same.error());
    }
    return {Verdict::Is::works, {}, true};
}

}  // namespace vdmabuf::consumer
