// SPDX-License-Identifier: MIT
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "runtime/common/input_messages.hpp"
#include "runtime/viewer/fit.hpp"

namespace vdmabuf::viewer {

// The input of one window, brought into the coordinates of the picture in it. What begins beside
// the picture is not the app's.
class WindowInput {
  public:
    struct Shown {
        std::uint32_t picture_width = 0;  // 0: nothing yet
        std::uint32_t picture_height = 0;
        stream::Scaling scaling{};
        std::uint32_t window_width = 0;
        std::uint32_t window_height = 0;
        Scale scale = Scale::fit;
    };
    struct Mapped {
        std::vector<input::Event> events;
        std::uint32_t width = 0;  // of the picture
        std::uint32_t height = 0;
    };

    // `events`: with coordinates in 1/256 pixels of the window, which may lie outside of it.
    Mapped map(std::span<const input::Event> events, const Shown& shown);

  private:
    bool beside_ = false;        // where the pointer is
    std::uint32_t buttons_ = 0;  // pressed in the picture: bits from BTN_LEFT on
    std::uint32_t fingers_ = 0;  // likewise, down
};

}  // namespace vdmabuf::viewer
