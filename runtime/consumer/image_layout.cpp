// SPDX-License-Identifier: MIT
#include "runtime/consumer/image_layout.hpp"

#include <algorithm>
#include <string>

namespace vdmabuf::consumer {

Result<ImageLayout> check_layout(const Image& image) {
    ImageLayout layout;
    layout.format = find_format(image.fourcc);
    if (!layout.format) {
        return Error{ENOTSUP, "pixel format " + fourcc_name(image.fourcc) + " is not known"};
    }
    if (image.plane_count < 1 || image.plane_count > stream::kMaxPlanes) {
        return Error{EBADMSG, "IMAGE plane count"};
    }
    if (image.width < 1 || image.height < 1) return Error{EBADMSG, "IMAGE extent"};
    if (!stream::can_hold(image.fourcc, image.colour_space)) {
        return Error{EBADMSG, "IMAGE colour space"};
    }
    layout.colour_space = static_cast<stream::ColourSpace>(image.colour_space);
    layout.width = image.width;
    layout.height = image.height;
    layout.offset = image.planes[0].offset;
    layout.pitch = image.planes[0].pitch;
    layout.y_flip = image.flags & stream::kImageYFlip;
    layout.scaling = image.scaling;
    layout.opaque = image.flags & stream::kImageOpaque || !layout.format->alpha;
    layout.modifier = image.modifier;
    layout.plane_count = image.plane_count;
    std::copy(std::begin(image.planes), std::end(image.planes), layout.planes.begin());

    if (!layout.is_linear()) {
        for (std::uint32_t i = 0; i < layout.plane_count; ++i) {
            if (layout.planes[i].pitch == 0 || layout.planes[i].offset >= image.buffer_size) {
                return Error{EBADMSG, "IMAGE plane " + std::to_string(i)};
            }
        }
        return layout;
    }
    if (layout.plane_count != 1) return Error{ENOTSUP, "linear images of several planes"};
    if (layout.pitch < layout.row_bytes()) return Error{EBADMSG, "IMAGE pitch is below a row"};
    std::uint64_t end = 0;
    if (__builtin_mul_overflow(layout.pitch, std::uint64_t{image.height} - 1, &end) ||
        __builtin_add_overflow(end, layout.row_bytes(), &end) ||
        __builtin_add_overflow(end, layout.offset, &end) || end > image.buffer_size) {
        return Error{EBADMSG, "IMAGE rows lie outside of the buffer"};
    }
    return layout;
}

Status check_whole_pixels(const ImageLayout& layout) {
    const std::uint32_t unit = layout.format->bytes < 4 ? 4 : layout.format->bytes;
    if (layout.pitch % layout.format->bytes == 0 && layout.offset % unit == 0) return {};
    return Error{ENOTSUP, "the rows do not start at whole pixels"};
}

}  // namespace vdmabuf::consumer
