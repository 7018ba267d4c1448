// SPDX-License-Identifier: MIT
#include "runtime/viewer/record/pixel_source.hpp"

namespace vdmabuf::viewer {
namespace {

// FFmpeg names packed words as DRM does, and bytes in the order of memory.
AVPixelFormat known_format(std::uint32_t fourcc) {
    switch (fourcc) {
        case fourcc_of("XR24"):
        case fourcc_of("AR24"):
            return AV_PIX_FMT_BGR0;
        case fourcc_of("XB24"):
        case fourcc_of("AB24"):
            return AV_PIX_FMT_RGB0;
        case fourcc_of("XR30"):
        case fourcc_of("AR30"):
            return AV_PIX_FMT_X2RGB10LE;
        case fourcc_of("XB30"):
        case fourcc_of("AB30"):
            return AV_PIX_FMT_X2BGR10LE;
        case fourcc_of("RG16"):
            return AV_PIX_FMT_RGB565LE;
        default:
            return AV_PIX_FMT_NONE;
    }
}

}  // namespace

PixelSource pixel_source(const FrameCopy& frame) {
    const consumer::ImageLayout& layout = frame.layout;
    PixelSource source;
    source.format = known_format(layout.format->fourcc);
    source.first_row = frame.bytes();
    source.pitch = static_cast<int>(layout.row_bytes());
    if (source.format == AV_PIX_FMT_NONE || !sws_isSupportedInput(source.format)) {
        const std::size_t pixels = std::size_t{layout.width} * layout.height;
        source.converted.resize(pixels * 4);
        const std::uint8_t* from = frame.bytes();
        for (std::size_t i = 0; i < pixels; ++i, from += layout.format->bytes) {
            layout.format->to_rgba8(from, source.converted.data() + i * 4);
        }
        source.format = AV_PIX_FMT_RGB0;
        source.first_row = source.converted.data();
        source.pitch = static_cast<int>(layout.width * 4);
    }
    if (layout.y_flip) {
        source.first_row += std::ptrdiff_t{source.pitch} * (layout.height - 1);
        source.pitch = -source.pitch;
    }
    return source;
}

}  // namespace vdmabuf::viewer
