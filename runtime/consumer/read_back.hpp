// SPDX-License-Identifier: MIT
#pragma once

#include <cstddef>
#include <memory>
#include <vector>

#include "runtime/common/result.hpp"
#include "runtime/consumer/imported_image.hpp"

namespace vdmabuf::consumer {

// Records the copy of an image to `to`, which has room for row_bytes() * height and is for the CPU
// to read when the submission is done: rows without gaps between them, in the image's own format.
void record_read_back(VkCommandBuffer commands, const ImportedImage& image, VkBuffer to);

// What the GPU sees in an imported image, brought to the CPU by a copy of the GPU: rows without
// gaps between them, first row first, in the image's own format. For screenshots and tests; waits
// for the GPU.
Result<std::vector<std::byte>> read_back(const std::shared_ptr<gpu::Device>& device,
                                         const ImportedImage& image);

// The same of a picture of another colour space, brought to sRGB: eight bits a component, in
// ColourConverter::read_back_layout().
Result<std::vector<std::byte>> read_back_converted(const std::shared_ptr<gpu::Device>& device,
                                                   const ImportedImage& image,
                                                   const stream::HdrMetadata& metadata);

}  // namespace vdmabuf::consumer
