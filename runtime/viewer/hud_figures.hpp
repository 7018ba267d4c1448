// SPDX-License-Identifier: MIT
#pragma once

#include <array>
#include <cstdint>
#include <vector>

#include "runtime/viewer/frame_history.hpp"

namespace vdmabuf::viewer {

// What the HUD says of the newest frames. Times in ms.
struct HudFigures {
    bool still = true;   // no frame in the last second
    double app_fps = 0;  // presented, those that nobody received included
    double shown_fps = 0;
    std::array<double, kStages> stages{};  // [s]: from the stage before to s, median; [0]: 0
    std::array<bool, kStages> known{};     // whether any frame had this time
    double total = 0;                      // called to shown, median
    std::vector<float> frame_times;        // between two presents of the app, oldest first
    double frame_time = 0;                 // median of the last second
    double frame_time_max = 0;
    double copied_bytes = 0;  // per frame
};

HudFigures hud_figures(const std::vector<FrameSample>& samples, std::uint64_t now_ns);

}  // namespace vdmabuf::viewer
