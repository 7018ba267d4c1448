// SPDX-License-Identifier: MIT
#include "runtime/viewer/wayland/buffer.hpp"

#include <fcntl.h>
#include <unistd.h>
#include <wayland-client.h>

#include <utility>

#include "linux-dmabuf-unstable-v1-client-protocol.h"
#include "runtime/consumer/colour/colour_converter.hpp"

namespace vdmabuf::viewer::wayland {
namespace {

// Alpha is never used (the viewer's own drawing does not either), so that the compositor is given
// the format without it. 0: the format is drawn. Floating point has other colours than compositors
// think.
std::uint32_t opaque_format(const consumer::PixelFormat& format) {
    switch (format.fourcc) {
        case fourcc_of("AR24"):
            return fourcc_of("XR24");
        case fourcc_of("AB24"):
            return fourcc_of("XB24");
        case fourcc_of("AR30"):
            return fourcc_of("XR30");
        case fourcc_of("AB30"):
            return fourcc_of("XB30");
        case fourcc_of("XB4H"):
        case fourcc_of("AB4H"):
            return 0;
        default:
            return format.fourcc;
    }
}

// zwp_linux_buffer_params_v1.error.out_of_bounds, as compositors look at it: whole rows, also the
// last one, for the first plane; one row of each other.
bool lies_inside(const consumer::ImageLayout& layout, std::uint64_t size) {
    for (std::uint32_t i = 0; i < layout.plane_count; ++i) {
        const std::uint64_t pitch = layout.planes[i].pitch;
        const std::uint64_t rows = i == 0 ? layout.height : 1;
        const std::uint64_t offset = layout.planes[i].offset;
        if (pitch == 0 || pitch > UINT32_MAX / rows || offset > UINT32_MAX - pitch * rows ||
            offset + pitch * rows > size) {
            return false;
        }
    }
    return true;
}

}  // namespace

struct BufferListeners {
    static Buffer& of(void* data) { return *static_cast<Buffer*>(data); }

    static void release(void* data, wl_buffer*) { of(data).held_ = false; }
    static constexpr wl_buffer_listener kBuffer{release};

    static void created(void* data, zwp_linux_buffer_params_v1* params, wl_buffer* buffer) {
        of(data).buffer_ = buffer;
        wl_buffer_add_listener(buffer, &kBuffer, data);
        failed(data, params);
    }
    static void failed(void* data, zwp_linux_buffer_params_v1* params) {
        zwp_linux_buffer_params_v1_destroy(params);
        of(data).params_ = nullptr;
    }
    static constexpr zwp_linux_buffer_params_v1_listener kParams{created, failed};
};

Result<std::shared_ptr<Buffer>> Buffer::ask(std::shared_ptr<Display> display,
                                            const consumer::ImportedImage& image) {
    const consumer::ImageLayout& layout = image.layout();
    if (image.dmabuf() < 0) return Error{ENOTSUP, "the frames come in no dmabuf"};
    // A compositor takes the numbers of a plain surface for sRGB's.
    if (consumer::ColourConverter::wanted(layout))
        return Error{ENOTSUP, "their colours are not sRGB"};
    const std::uint32_t format = opaque_format(*layout.format);
    if (format == 0 || !display->takes(format, layout.modifier)) {
        return Error{ENOTSUP, "the compositor does not take " +
                                  fourcc_name(format == 0 ? layout.format->fourcc : format) +
                                  (layout.is_linear() ? "" : " of this modifier")};
    }
    const off_t size = ::lseek(image.dmabuf(), 0, SEEK_END);
    if (size < 0 || !lies_inside(layout, static_cast<std::uint64_t>(size))) {
        return Error{ENOTSUP, "the last row has no whole pitch in the dmabuf"};
    }
    std::shared_ptr<Buffer> made(new Buffer(std::move(display)));
    made->dmabuf_.reset(::fcntl(image.dmabuf(), F_DUPFD_CLOEXEC, 0));
    if (!made->dmabuf_) return system_error("fcntl");
    const auto lock = made->display_->lock();
    made->params_ = zwp_linux_dmabuf_v1_create_params(made->display_->globals().dmabuf);
    if (!made->params_) return Error{ENOMEM, "no memory"};
    zwp_linux_buffer_params_v1_add_listener(made->params_, &BufferListeners::kParams, made.get());
    for (std::uint32_t i = 0; i < layout.plane_count; ++i) {
        zwp_linux_buffer_params_v1_add(made->params_, made->dmabuf(), i,
                                       static_cast<std::uint32_t>(layout.planes[i].offset),
                                       static_cast<std::uint32_t>(layout.planes[i].pitch),
                                       static_cast<std::uint32_t>(layout.modifier >> 32),
                                       static_cast<std::uint32_t>(layout.modifier));
    }
    // Not create_immed: there a buffer that the compositor cannot import may end the client.
    zwp_linux_buffer_params_v1_create(
        made->params_, static_cast<std::int32_t>(layout.width),
        static_cast<std::int32_t>(layout.height), format,
        layout.y_flip ? std::uint32_t{ZWP_LINUX_BUFFER_PARAMS_V1_FLAGS_Y_INVERT} : 0U);
    made->display_->flush();
    return made;
}

Buffer::~Buffer() {
    const auto lock = display_->lock();
    if (params_) zwp_linux_buffer_params_v1_destroy(params_);
    if (buffer_) wl_buffer_destroy(buffer_);
    display_->flush();
}

}  // namespace vdmabuf::viewer::wayland
