// SPDX-License-Identifier: MIT
#pragma once

#include <spa/param/video/format-utils.h>
#include <spa/pod/builder.h>

#include <cstdint>

#include "runtime/viewer/taps/frame_sink.hpp"

namespace vdmabuf::viewer {

// What a node says of its frames.
struct VideoKind {
    spa_video_format format = SPA_VIDEO_FORMAT_UNKNOWN;
    bool convert = false;  // to RGBx: PipeWire has no name for the frames' own format
    std::uint32_t width = 0;
    std::uint32_t height = 0;
    std::uint32_t pixel_bytes = 0;

    std::uint32_t pitch() const { return width * pixel_bytes; }
    std::uint32_t size() const { return pitch() * height; }
    bool operator==(const VideoKind&) const = default;
};
VideoKind video_kind(const consumer::ImageLayout& layout);

// Room for what the functions below build.
using ParamBytes = std::uint8_t[1024];

const spa_pod* build_format(spa_pod_builder& builder, const VideoKind& kind);
const spa_pod* build_buffers(spa_pod_builder& builder, const VideoKind& kind);
// Likewise of frames that come as dmabufs of this modifier, and of one for each of `count` images.
const spa_pod* build_dmabuf_format(spa_pod_builder& builder, const VideoKind& kind,
                                   std::uint64_t modifier);
const spa_pod* build_dmabuf_buffers(spa_pod_builder& builder, std::size_t count);
// Whether that is what a peer has agreed to.
bool has_modifier(const spa_pod* format);
const spa_pod* build_header_meta(spa_pod_builder& builder);

// Highest row first, without gaps. `to` has kind.size() bytes.
void write_pixels(const FrameCopy& frame, const VideoKind& kind, std::uint8_t* to);

}  // namespace vdmabuf::viewer
