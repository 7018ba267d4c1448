// SPDX-License-Identifier: MIT
#pragma once

#include <memory>

#include "runtime/common/result.hpp"
#include "runtime/consumer/imported_image.hpp"

namespace vdmabuf::consumer {

enum class Likeness {
    none,   // there was nothing to compare with: the CPU cannot read the memory
    small,  // all the same, but too little of it, or one colour: it may be chance
    proof,
};

// Compares a complete frame, as the GPU reads it, with the bytes of its dmabuf, as the CPU does.
// EIO: they differ. Waits for the GPU.
Result<Likeness> compare_frame(const std::shared_ptr<gpu::Device>& device,
                               const ImportedImage& image);

}  // namespace vdmabuf::consumer
