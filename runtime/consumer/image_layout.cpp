// SPDX-License-Identifier: MIT
#include "runtime/consumer/image_layout.hpp"

#include <string>

namespace vdmabuf::consumer {

Result<ImageLayout> check_layout(const Image& image) {
    ImageLayout layout;
    layout.format = find_format(image.fourcc);
    if (!layout.format) {
        return Error{ENOTSUP, "pixel format " + fourcc_name(image.fourcc) + " is not known"};
    }
    if (image.modifier != kModifierLinear) {
        return Error{ENOTSUP, "format modifier " + std::to_string(image.modifier) +
                                  ": only linear images can be imported"};
    }
    if (image.plane_count != 1) return Error{ENOTSUP, "images of several planes"};
    if (image.width < 1 || image.height < 1) return Error{EBADMSG, "IMAGE extent"};
    layout.width = image.width;
    layout.height = image.height;
    layout.offset = image.planes[0].offset;
    layout.pitch = image.planes[0].pitch;
    layout.y_flip = image.flags & stream::kImageYFlip;
    layout.opaque = image.flags & stream::kImageOpaque || !layout.format->alpha;

    if (layout.pitch < layout.row_bytes()) return Error{EBADMSG, "IMAGE pitch is below a row"};
    std::uint64_t end = 0;
    if (__builtin_mul_overflow(layout.pitch, std::uint64_t{image.height} - 1, &end) ||
        __builtin_add_overflow(end, layout.row_bytes(), &end) ||
        __builtin_add_overflow(end, layout.offset, &end) || end > image.buffer_size) {
        return Error{EBADMSG, "IMAGE rows lie outside of the buffer"};
    }
    return layout;
}

}  // namespace vdmabuf::consumer
