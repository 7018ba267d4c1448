// SPDX-License-Identifier: MIT
#pragma once

#include "runtime/consumer/image_layout.hpp"
#include "runtime/viewer/frame_history.hpp"
#include "runtime/viewer/hud_figures.hpp"

namespace vdmabuf::viewer {

// Says to the current ImGui context what the HUD looks like, between its NewFrame() and Render().
void build_hud_panel(const HudFigures& figures, const StreamFacts& facts,
                     const consumer::ImageLayout& picture, float scale);

}  // namespace vdmabuf::viewer
