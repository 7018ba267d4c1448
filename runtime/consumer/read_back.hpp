// SPDX-License-Identifier: MIT
#pragma once

#include <cstddef>
#include <memory>
#include <vector>

#include "runtime/common/result.hpp"
#include "runtime/consumer/imported_image.hpp"

namespace vdmabuf::consumer {

// What the GPU sees in an imported image, brought to the CPU by a copy of the GPU: rows without
// gaps between them, first row first, in the image's own format. For screenshots and tests; waits
// for the GPU.
Result<std::vector<std::byte>> read_back(const std::shared_ptr<gpu::Device>& device,
                                         const ImportedImage& image);

}  // namespace vdmabuf::consumer
