// SPDX-License-Identifier: MIT
#include "runtime/broker/image_layout.hpp"

#include <algorithm>
#include <array>
#include <string>

namespace vdmabuf::broker {
namespace {

constexpr std::array kFormats = {
    Format{fourcc_of("XR24"), 4}, Format{fourcc_of("AR24"), 4}, Format{fourcc_of("XB24"), 4},
    Format{fourcc_of("AB24"), 4}, Format{fourcc_of("AR30"), 4}, Format{fourcc_of("AB30"), 4},
    Format{fourcc_of("XR30"), 4}, Format{fourcc_of("XB30"), 4}, Format{fourcc_of("AB4H"), 8},
    Format{fourcc_of("XB4H"), 8}, Format{fourcc_of("RG16"), 2},
};
static_assert(kFormats.size() <= stream::kMaxFormats);

Error bad(std::string text) {
    return Error{EINVAL, "image: " + std::move(text)};
}

// Only the drivers of both sides know what a modifier makes of pitch and height; that an importer
// stays inside of the buffer is its driver's and its GPU's page tables' matter. One modifier that
// left the list while the message was on its way is no mistake: its consumers see nothing.
Status check_tiled(const stream::StreamImage& image, std::uint64_t buffer_size) {
    if (image.modifier == kModifierInvalid) return bad("a modifier must be named");
    for (std::uint32_t i = 0; i < std::min(image.plane_count, stream::kMaxPlanes); ++i) {
        if (image.planes[i].offset >= buffer_size)
            return bad("it does not lie inside of its buffer");
    }
    return {};
}

}  // namespace

std::span<const Format> known_formats() {
    return kFormats;
}

Status check_layout(const stream::StreamImage& image, std::uint64_t buffer_size) {
    const auto* format = std::find_if(kFormats.begin(), kFormats.end(), [&](const Format& known) {
        return known.fourcc == image.fourcc;
    });
    if (format == kFormats.end()) {
        return bad("format '" + fourcc_name(image.fourcc) + "' is not among those of WELCOME");
    }
    if (image.modifier != kModifierLinear) return check_tiled(image, buffer_size);
    if (image.plane_count != 1) return bad("the format has one plane");
    const stream::Plane& plane = image.planes[0];
    // decode() bounds offset, pitch and extent, but what is checked here must not rest on that.
    const std::uint64_t row = std::uint64_t{image.width} * format->bytes_per_pixel;
    if (plane.pitch < row) return bad("pitch is smaller than a row");
    // Vulkan addresses pixels of a buffer, not bytes.
    if (plane.pitch % format->bytes_per_pixel || plane.offset % format->bytes_per_pixel) {
        return bad("pitch and offset are not multiples of a pixel");
    }
    std::uint64_t bytes = 0;
    std::uint64_t end = 0;
    if (__builtin_mul_overflow(plane.pitch, std::uint64_t{image.height}, &bytes) ||
        __builtin_add_overflow(plane.offset, bytes, &end) || end > buffer_size) {
        return bad("it does not lie inside of its buffer");
    }
    return {};
}

}  // namespace vdmabuf::broker
