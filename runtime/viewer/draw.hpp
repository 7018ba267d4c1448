// SPDX-License-Identifier: MIT
#pragma once

#include <vulkan/vulkan_core.h>

#include <memory>
#include <optional>

#include "runtime/common/result.hpp"
#include "runtime/consumer/gpu/memory.hpp"
#include "runtime/consumer/imported_image.hpp"
#include "runtime/viewer/fit.hpp"

namespace vdmabuf::viewer {

// Records the drawing of frames: a copy where sizes and formats are the same, else a scaled one,
// with its shape kept and black beside it. One thread, one submission at a time.
class Painter {
  public:
    explicit Painter(std::shared_ptr<gpu::Device> device) : device_(std::move(device)) {}

    // Before a submission: what record() needs for this frame and target. May allocate.
    Status prepare(const consumer::ImportedImage& frame, VkExtent2D target, VkFormat format);

    // What becomes of the target after the picture is in it.
    enum class Then { present, draw_on };  // ready for presentation; as a colour attachment

    // From a target whose contents do not matter. The submission waits for the target in the
    // transfer stage.
    void record(VkCommandBuffer commands, const consumer::ImportedImage& frame, VkImage target,
                VkExtent2D extent, VkFormat format, Scale scale, Then then) const;

  private:
    struct Between {
        gpu::OwnImage image;
        VkFormat format = VK_FORMAT_UNDEFINED;
        VkExtent2D extent{};
    };
    void blit(VkCommandBuffer commands, const consumer::ImportedImage& frame, VkImage target,
              VkExtent2D extent, Scale scale) const;

    std::shared_ptr<gpu::Device> device_;
    std::optional<Between> between_;  // a blit reads images only: buffers go through this one
};

}  // namespace vdmabuf::viewer
