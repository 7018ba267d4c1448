// SPDX-License-Identifier: MIT
#pragma once

#include <cstdint>

#include "runtime/common/consumer_messages.hpp"
#include "runtime/common/result.hpp"
#include "runtime/consumer/pixel_format.hpp"

namespace vdmabuf::consumer {

// Where the pixels of an image are in its buffer. Every row lies inside the buffer.
struct ImageLayout {
    const PixelFormat* format = nullptr;  // never null once checked
    std::uint32_t width = 0;              // pixels, at least 1
    std::uint32_t height = 0;
    std::uint64_t offset = 0;  // bytes from the start of the buffer to the first row
    std::uint64_t pitch = 0;   // bytes from one row to the next
    bool y_flip = false;       // the first row is the lowest one
    bool opaque = true;        // alpha is not to be used

    std::uint64_t row_bytes() const { return std::uint64_t{width} * format->bytes; }
    // From the first pixel to behind the last one.
    std::uint64_t span_bytes() const { return pitch * (height - 1) + row_bytes(); }
};

// ENOTSUP: a format or modifier that consumers do not know. EBADMSG: rows that overlap, or lie
// outside of the buffer.
Result<ImageLayout> check_layout(const Image& image);

}  // namespace vdmabuf::consumer
