// SPDX-License-Identifier: MIT
#include "runtime/viewer/pipewire/video_params.hpp"

#include <spa/buffer/buffer.h>
#include <spa/buffer/meta.h>
#include <spa/param/buffers.h>
#include <spa/param/param.h>

#include <cstring>

namespace vdmabuf::viewer {
namespace {

constexpr int kBuffers = 4;
constexpr int kMinBuffers = 2;
constexpr int kMaxBuffers = 16;

// PipeWire names the bytes in the order of memory.
spa_video_format format_of(const consumer::ImageLayout& layout) {
    switch (layout.format->fourcc) {
        case fourcc_of("XR24"):
        case fourcc_of("AR24"):
            return layout.opaque ? SPA_VIDEO_FORMAT_BGRx : SPA_VIDEO_FORMAT_BGRA;
        case fourcc_of("XB24"):
        case fourcc_of("AB24"):
            return layout.opaque ? SPA_VIDEO_FORMAT_RGBx : SPA_VIDEO_FORMAT_RGBA;
        default:
            return SPA_VIDEO_FORMAT_UNKNOWN;
    }
}

const spa_pod* pod(void* built) {
    return static_cast<const spa_pod*>(built);
}

}  // namespace

VideoKind video_kind(const consumer::ImageLayout& layout) {
    VideoKind kind;
    kind.format = format_of(layout);
    kind.convert = kind.format == SPA_VIDEO_FORMAT_UNKNOWN;
    if (kind.convert) kind.format = SPA_VIDEO_FORMAT_RGBx;
    kind.width = layout.width;
    kind.height = layout.height;
    kind.pixel_bytes = 4;
    return kind;
}

namespace {

const spa_pod* build(spa_pod_builder& builder, const VideoKind& kind,
                     const std::uint64_t* modifier) {
    const spa_rectangle size{kind.width, kind.height};
    const spa_fraction varies{0, 1};
    const spa_fraction usual{60, 1};
    const spa_fraction slowest{0, 1};
    const spa_fraction fastest{1000, 1};
    spa_pod_frame frame;
    spa_pod_builder_push_object(&builder, &frame, SPA_TYPE_OBJECT_Format, SPA_PARAM_EnumFormat);
    spa_pod_builder_add(&builder, SPA_FORMAT_mediaType, SPA_POD_Id(SPA_MEDIA_TYPE_video),
                        SPA_FORMAT_mediaSubtype, SPA_POD_Id(SPA_MEDIA_SUBTYPE_raw),
                        SPA_FORMAT_VIDEO_format, SPA_POD_Id(kind.format), 0);
    if (modifier) {
        // Images are there already: nothing is to be chosen.
        spa_pod_builder_prop(&builder, SPA_FORMAT_VIDEO_modifier, SPA_POD_PROP_FLAG_MANDATORY);
        spa_pod_builder_long(&builder, static_cast<std::int64_t>(*modifier));
    }
    spa_pod_builder_add(&builder, SPA_FORMAT_VIDEO_size, SPA_POD_Rectangle(&size),
                        SPA_FORMAT_VIDEO_framerate, SPA_POD_Fraction(&varies),
                        SPA_FORMAT_VIDEO_maxFramerate,
                        SPA_POD_CHOICE_RANGE_Fraction(&usual, &slowest, &fastest), 0);
    return pod(spa_pod_builder_pop(&builder, &frame));
}

}  // namespace

const spa_pod* build_format(spa_pod_builder& builder, const VideoKind& kind) {
    return build(builder, kind, nullptr);
}

const spa_pod* build_dmabuf_format(spa_pod_builder& builder, const VideoKind& kind,
                                   std::uint64_t modifier) {
    return build(builder, kind, &modifier);
}

const spa_pod* build_dmabuf_buffers(spa_pod_builder& builder, std::size_t count) {
    const int images = static_cast<int>(count);
    return pod(spa_pod_builder_add_object(
        &builder, SPA_TYPE_OBJECT_ParamBuffers, SPA_PARAM_Buffers, SPA_PARAM_BUFFERS_buffers,
        SPA_POD_CHOICE_RANGE_Int(images, images, kMaxBuffers), SPA_PARAM_BUFFERS_blocks,
        SPA_POD_Int(1), SPA_PARAM_BUFFERS_dataType,
        SPA_POD_CHOICE_FLAGS_Int(1 << SPA_DATA_DmaBuf)));
}

bool has_modifier(const spa_pod* format) {
    return spa_pod_find_prop(format, nullptr, SPA_FORMAT_VIDEO_modifier) != nullptr;
}

const spa_pod* build_buffers(spa_pod_builder& builder, const VideoKind& kind) {
    return pod(spa_pod_builder_add_object(
        &builder, SPA_TYPE_OBJECT_ParamBuffers, SPA_PARAM_Buffers, SPA_PARAM_BUFFERS_buffers,
        SPA_POD_CHOICE_RANGE_Int(kBuffers, kMinBuffers, kMaxBuffers), SPA_PARAM_BUFFERS_blocks,
        SPA_POD_Int(1), SPA_PARAM_BUFFERS_size, SPA_POD_Int(static_cast<int>(kind.size())),
        SPA_PARAM_BUFFERS_stride, SPA_POD_Int(static_cast<int>(kind.pitch())),
        SPA_PARAM_BUFFERS_dataType, SPA_POD_CHOICE_FLAGS_Int(1 << SPA_DATA_MemFd)));
}

const spa_pod* build_header_meta(spa_pod_builder& builder) {
    return pod(spa_pod_builder_add_object(&builder, SPA_TYPE_OBJECT_ParamMeta, SPA_PARAM_Meta,
                                          SPA_PARAM_META_type, SPA_POD_Id(SPA_META_Header),
                                          SPA_PARAM_META_size,
                                          SPA_POD_Int(static_cast<int>(sizeof(spa_meta_header)))));
}

void write_pixels(const FrameCopy& frame, const VideoKind& kind, std::uint8_t* to) {
    const consumer::ImageLayout& layout = frame.layout;
    const auto row = static_cast<std::size_t>(layout.row_bytes());
    for (std::uint32_t y = 0; y < layout.height; ++y, to += kind.pitch()) {
        const std::uint8_t* from =
            frame.bytes() + row * (layout.y_flip ? layout.height - 1 - y : y);
        if (!kind.convert) {
            std::memcpy(to, from, kind.pitch());
            continue;
        }
        for (std::uint32_t x = 0; x < layout.width; ++x, from += layout.format->bytes) {
            layout.format->to_rgba8(from, to + std::size_t{x} * 4);
        }
    }
}

}  // namespace vdmabuf::viewer
