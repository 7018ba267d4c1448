// SPDX-License-Identifier: MIT
#pragma once

#include <vulkan/vulkan_core.h>

#include <memory>
#include <optional>

#include "runtime/common/result.hpp"
#include "runtime/consumer/colour/colour_converter.hpp"
#include "runtime/consumer/gpu/memory.hpp"
#include "runtime/consumer/imported_image.hpp"
#include "runtime/viewer/fit.hpp"
#include "runtime/viewer/surface_format.hpp"

namespace vdmabuf::viewer {

// Records the drawing of frames: a copy where sizes and formats are the same, else a scaled one,
// with its shape kept and black beside it. One thread, one submission at a time.
class Painter {
  public:
    explicit Painter(std::shared_ptr<gpu::Device> device)
        : device_(std::move(device)), converter_(device_) {}

    // Before a submission: what record() needs for this frame and target, which has the frame's
    // colour space, or sRGB. May allocate.
    Status prepare(const consumer::ImportedImage& frame, VkExtent2D target, const Look& look);

    // What becomes of the target after the picture is in it.
    enum class Then { present, draw_on };  // ready for presentation; as a colour attachment

    // From a target whose contents do not matter. The submission waits for the target in the
    // transfer stage. `metadata`: of the frame, for colours that are converted.
    void record(VkCommandBuffer commands, const consumer::ImportedImage& frame, VkImage target,
                VkExtent2D extent, const Look& look, const stream::HdrMetadata& metadata,
                Scale scale, Then then) const;

  private:
    struct Between {
        gpu::OwnImage image;
        VkFormat format = VK_FORMAT_UNDEFINED;
        VkExtent2D extent{};
    };
    // What a blit reads.
    struct Source {
        VkImage image = VK_NULL_HANDLE;
        VkImageLayout layout = VK_IMAGE_LAYOUT_TRANSFER_SRC_OPTIMAL;
        bool can_filter = false;
    };
    Source image_of(VkCommandBuffer commands, const consumer::ImportedImage& frame) const;
    static void blit(VkCommandBuffer commands, const consumer::ImageLayout& layout,
                     const Source& from, VkImage target, VkExtent2D extent, Scale scale);

    std::shared_ptr<gpu::Device> device_;
    consumer::ColourConverter converter_;
    std::optional<Between> between_;  // a blit reads images only: buffers go through this one
};

}  // namespace vdmabuf::viewer
