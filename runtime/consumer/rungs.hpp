// SPDX-License-Identifier: MIT
// The rungs of the import ladder (docs/architecture.md), best first: a file each.
#pragma once

#include <memory>

#include "runtime/common/mapping.hpp"
#include "runtime/common/result.hpp"
#include "runtime/consumer/gpu/device.hpp"
#include "runtime/consumer/image_layout.hpp"
#include "runtime/consumer/imported_image.hpp"
#include "runtime/consumer/run_table.hpp"

namespace vdmabuf::consumer {

// A rung answers the parts of an image, or the reason why it cannot serve: short, for people.
// `pages` is taken only on success.
using Rung = Result<ImportedImage::Parts>;

// A dmabuf of exactly the buffer's pages, as a VkImage with explicit modifier, pitch and offset.
// Takes the dmabuf out of `files` on success.
Rung import_dmabuf_image(const std::shared_ptr<gpu::Device>& device, const ImageLayout& layout,
                         BufferFiles& files);
// Likewise as a VkBuffer, from which the GPU copies any pitch. LINEAR only.
Rung import_dmabuf_buffer(const std::shared_ptr<gpu::Device>& device, const ImageLayout& layout,
                          BufferFiles& files);

// The mapped pages themselves, by VK_EXT_external_memory_host: as a LINEAR VkImage where the driver
// lays it out just as the producer did.
Rung import_host_pointer_image(const std::shared_ptr<gpu::Device>& device,
                               const ImageLayout& layout, Mapping& pages);
// Likewise as a VkBuffer, from which the GPU copies any pitch.
Rung import_host_pointer_buffer(const std::shared_ptr<gpu::Device>& device,
                                const ImageLayout& layout, std::uint64_t buffer_size,
                                Mapping& pages);

// Memory of the GPU's own; ImportedImage::prepare() copies each frame into it with the CPU.
Rung import_copy(const std::shared_ptr<gpu::Device>& device, const ImageLayout& layout,
                 Mapping& pages);

}  // namespace vdmabuf::consumer
