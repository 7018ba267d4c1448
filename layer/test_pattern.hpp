// SPDX-License-Identifier: MIT
#pragma once

#include <cstddef>
#include <span>

#include "layer/image_create.hpp"

namespace vdmabuf::layer {

// Renders a picture in which every place differs from its neighbours, by nothing but clears of
// rectangles, and tells whether it came into the pages. Its image has rows that are no multiple of
// any alignment, more than two megabytes (an IOMMU's larger page), and a last row of its own.
class TestPattern {
  public:
    static ImageRequest request();

    VkResult init(const Device& device, VkImage image);
    // Leaves the image in PRESENT_SRC.
    void record(const DeviceDispatch& down, VkCommandBuffer commands) const;
    // `pitch`: bytes from one row of `pixels` to the next; 0: without padding.
    static bool is_in(std::span<const std::byte> pixels, std::uint64_t pitch);

  private:
    OwnedImageView view_;
    OwnedRenderPass pass_;
    OwnedFramebuffer framebuffer_;
};

}  // namespace vdmabuf::layer
