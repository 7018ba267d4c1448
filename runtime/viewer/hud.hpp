// SPDX-License-Identifier: MIT
#pragma once

#include <vulkan/vulkan_core.h>

#include <memory>

#include "runtime/common/result.hpp"
#include "runtime/consumer/gpu/device.hpp"
#include "runtime/consumer/image_layout.hpp"
#include "runtime/viewer/frame_history.hpp"

namespace vdmabuf::viewer {

// A panel over the picture that says how fast frames come, and by which way. Draws with its own
// pipeline into images of one format. Of the presenter's thread.
class Hud {
  public:
    struct Target {
        VkImage image = VK_NULL_HANDLE;  // in COLOR_ATTACHMENT_OPTIMAL, drawn to already
        VkExtent2D extent{};
    };

    // `left_in`: PRESENT_SRC_KHR or TRANSFER_SRC_OPTIMAL, what becomes of the image then. ENOTSUP
    // where the viewer was built without Dear ImGui.
    static Result<std::unique_ptr<Hud>> create(
        std::shared_ptr<gpu::Device> device, VkFormat format,
        VkImageLayout left_in = VK_IMAGE_LAYOUT_PRESENT_SRC_KHR);
    virtual ~Hud() = default;

    virtual VkFormat format() const = 0;
    // Records the panel; leaves the image in the layout of create().
    virtual Status record(VkCommandBuffer commands, const Target& target,
                          const FrameHistory::Snapshot& history,
                          const consumer::ImageLayout& picture) = 0;
    // The GPU has done what was recorded last.
    virtual void drawn() = 0;
};

}  // namespace vdmabuf::viewer
