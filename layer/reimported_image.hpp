// SPDX-License-Identifier: MIT
#pragma once

#include "layer/image_strategy.hpp"

namespace vdmabuf::layer {

// An image that a driver has exported, imported again as the host would do it, by its dmabuf,
// modifier and planes alone: what a tiled image holds is for a GPU to tell.
class ReimportedImage {
  public:
    VkResult init(const Device& device, const ImageRequest& request, const SharedImage& exported);
    // After the image was given to the host: copies it to memory that the CPU reads.
    void record(const Device& device, VkCommandBuffer commands, std::uint32_t family) const;
    // Rows without padding, once the GPU is done.
    std::span<const std::byte> pixels() const { return {pixels_, size_}; }

  private:
    VkResult init_copy(const Device& device, const ImageRequest& request);

    OwnedMemory memory_;
    OwnedImage image_;
    OwnedMemory copy_memory_;
    OwnedBuffer copy_;
    VkExtent2D extent_{};
    const std::byte* pixels_ = nullptr;
    std::size_t size_ = 0;
};

}  // namespace vdmabuf::layer
