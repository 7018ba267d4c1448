// SPDX-License-Identifier: MIT
#include "runtime/consumer/way.hpp"

namespace vdmabuf::consumer {

const char* to_string(Way way) {
    switch (way) {
        case Way::dmabuf_image:
            return "dmabuf-image";
        case Way::dmabuf_image_any_pitch:
            return "dmabuf-image-any-pitch";
        case Way::dmabuf_buffer:
            return "dmabuf-buffer";
        case Way::host_pointer_image:
            return "host-pointer-image";
        case Way::host_pointer_buffer:
            return "host-pointer-buffer";
    }
    return "?";
}

}  // namespace vdmabuf::consumer
