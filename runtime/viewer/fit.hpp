// SPDX-License-Identifier: MIT
#pragma once

#include <algorithm>
#include <cstdint>

namespace vdmabuf::viewer {

struct Box {
    std::uint32_t x = 0;
    std::uint32_t y = 0;
    std::uint32_t width = 0;
    std::uint32_t height = 0;
    bool operator==(const Box&) const = default;
};

// The largest box of the picture's shape in the middle of the window. No side is 0 unless the
// window has none.
inline Box fit(std::uint32_t picture_width, std::uint32_t picture_height,
               std::uint32_t window_width, std::uint32_t window_height) {
    const std::uint64_t by_width = std::uint64_t{window_width} * picture_height;
    const std::uint64_t by_height = std::uint64_t{window_height} * picture_width;
    Box box{0, 0, window_width, window_height};
    if (by_width < by_height) {
        box.height = static_cast<std::uint32_t>((by_width + picture_width / 2) / picture_width);
        box.height = std::clamp(box.height, std::min(1U, window_height), window_height);
    } else {
        box.width = static_cast<std::uint32_t>((by_height + picture_height / 2) / picture_height);
        box.width = std::clamp(box.width, std::min(1U, window_width), window_width);
    }
    box.x = (window_width - box.width) / 2;
    box.y = (window_height - box.height) / 2;
    return box;
}

}  // namespace vdmabuf::viewer
