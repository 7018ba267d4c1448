// SPDX-License-Identifier: MIT
#pragma once

#include <memory>
#include <optional>

#include "runtime/common/result.hpp"
#include "runtime/consumer/gpu/commands.hpp"
#include "runtime/consumer/gpu/memory.hpp"
#include "runtime/viewer/draw.hpp"
#include "runtime/viewer/hud.hpp"

namespace vdmabuf::viewer {

// A screen's whole picture, drawn by the GPU for the CPU to hand on: the frame at its place, and
// the HUD over it. One thread.
class Composer {
  public:
    Composer(std::shared_ptr<gpu::Device> device, std::uint32_t width, std::uint32_t height)
        : device_(std::move(device)), extent_{width, height}, painter_(device_) {}

    // Rows of 4 bytes a pixel without gaps between them, blue first: good until the next call.
    // In sRGB: other colours are converted, by `metadata`. `history`: what a HUD tells of; null:
    // there is none.
    Result<const std::byte*> compose(const consumer::ImportedImage& image, Scale scale,
                                     const stream::HdrMetadata& metadata,
                                     const FrameHistory* history);

  private:
    Status prepare();
    // Null: there is none, and that was said.
    Hud* hud();

    std::shared_ptr<gpu::Device> device_;
    const VkExtent2D extent_;
    Painter painter_;
    std::optional<gpu::Commands> commands_;
    std::optional<gpu::OwnImage> target_;
    std::optional<gpu::HostBuffer> pixels_;
    std::unique_ptr<Hud> hud_;  // made by the first frame that it is wanted on
    bool hud_broken_ = false;
};

}  // namespace vdmabuf::viewer
