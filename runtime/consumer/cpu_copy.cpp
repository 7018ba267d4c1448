// SPDX-License-Identifier: MIT
#include "runtime/consumer/gpu/memory.hpp"
#include "runtime/consumer/rungs.hpp"

namespace vdmabuf::consumer {

Rung import_copy(const std::shared_ptr<gpu::Device>& device, const ImageLayout& layout,
                 Mapping& pages) {
    auto staging = gpu::make_host_buffer(device, layout.row_bytes() * layout.height,
                                         VK_BUFFER_USAGE_TRANSFER_SRC_BIT, false);
    if (!staging) return staging.error();
    ImportedImage::Parts parts;
    parts.device = device;
    parts.layout = layout;
    parts.path = ImportPath::copy;
    parts.pages = std::move(pages);
    parts.memory = std::move(staging->memory);
    parts.buffer = std::move(staging->buffer);
    parts.buffer_pitch = layout.row_bytes();
    parts.copy = staging->bytes;
    return parts;
}

}  // namespace vdmabuf::consumer
