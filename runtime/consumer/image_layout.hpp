// SPDX-License-Identifier: MIT
#pragma once

#include <array>
#include <cstdint>

#include "runtime/common/consumer_messages.hpp"
#include "runtime/common/result.hpp"
#include "runtime/consumer/pixel_format.hpp"

namespace vdmabuf::consumer {

// Where the pixels of an image are in its buffer. Of a LINEAR one, every row lies inside the
// buffer; what another modifier makes of its planes, only drivers know: their start lies inside.
struct ImageLayout {
    const PixelFormat* format = nullptr;  // never null once checked
    std::uint32_t width = 0;              // pixels, at least 1
    std::uint32_t height = 0;
    std::uint64_t offset = 0;   // bytes from the start of the buffer to the first row
    std::uint64_t pitch = 0;    // bytes from one row to the next
    bool y_flip = false;        // the first row is the lowest one
    bool opaque = true;         // alpha is not to be used
    stream::Scaling scaling{};  // to the window
    stream::ColourSpace colour_space = stream::ColourSpace::srgb_nonlinear;  // of the numbers
    std::uint64_t modifier = kModifierLinear;
    std::uint32_t plane_count = 1;
    std::array<stream::Plane, stream::kMaxPlanes> planes{};  // [0]: offset and pitch above

    bool is_linear() const { return modifier == kModifierLinear; }

    std::uint64_t row_bytes() const { return std::uint64_t{width} * format->bytes; }
    // From the first pixel to behind the last one.
    std::uint64_t span_bytes() const { return pitch * (height - 1) + row_bytes(); }
};

// ENOTSUP: a format that consumers do not know, or several planes of LINEAR. EBADMSG: rows that
// overlap, or lie outside of the buffer.
Result<ImageLayout> check_layout(const Image& image);

// ENOTSUP unless transfer commands can copy the rows out of a VkBuffer: VkBufferImageCopy counts
// the pitch in pixels and wants the offset at a multiple of 4.
Status check_whole_pixels(const ImageLayout& layout);

}  // namespace vdmabuf::consumer
