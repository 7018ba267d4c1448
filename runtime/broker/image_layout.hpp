// SPDX-License-Identifier: MIT
#pragma once

#include <cstdint>
#include <span>

#include "runtime/common/drm_format.hpp"
#include "runtime/common/result.hpp"
#include "runtime/common/stream_messages.hpp"

namespace vdmabuf::broker {

struct Format {
    std::uint32_t fourcc = 0;
    std::uint32_t bytes_per_pixel = 0;
};

// What consumers can show; all of one plane.
std::span<const Format> known_formats();

// Whether the image lies in a buffer of `buffer_size` bytes and is of a kind that consumers can
// show, so that no consumer has to trust its producer. EINVAL with the reason.
Status check_layout(const stream::StreamImage& image, std::uint64_t buffer_size);

}  // namespace vdmabuf::broker
