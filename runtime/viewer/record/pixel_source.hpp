// SPDX-License-Identifier: MIT
#pragma once

#include <cstdint>
#include <vector>

#include "runtime/viewer/record/libav.hpp"
#include "runtime/viewer/taps/frame_sink.hpp"

namespace vdmabuf::viewer {

// The pixels of a frame as FFmpeg takes them, highest row first, alpha left out: what a window over
// black would show.
struct PixelSource {
    AVPixelFormat format = AV_PIX_FMT_NONE;
    const std::uint8_t* first_row = nullptr;
    int pitch = 0;                        // negative where rows lie the other way round
    std::vector<std::uint8_t> converted;  // formats that FFmpeg does not know
};
PixelSource pixel_source(const FrameCopy& frame);

}  // namespace vdmabuf::viewer
