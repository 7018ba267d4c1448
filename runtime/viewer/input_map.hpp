// SPDX-License-Identifier: MIT
// From where the pointer is in a window to where it is in the picture that the window shows.
#pragma once

#include <algorithm>
#include <cstdint>

#include "runtime/common/input_messages.hpp"
#include "runtime/viewer/fit.hpp"

namespace vdmabuf::viewer {

struct PicturePoint {
    std::int32_t x = 0;  // in 1/256 pixels
    std::int32_t y = 0;
    bool inside = true;  // false: beside the picture; the nearest point of it
};

inline std::int32_t map_axis(std::int32_t at, std::uint32_t from, std::uint32_t from_length,
                             std::uint32_t to, std::uint32_t to_length, bool& inside) {
    const std::int64_t beyond = std::int64_t{at} - std::int64_t{to} * input::kFraction;
    const std::int64_t length = std::max<std::int64_t>(to_length, 1);
    if (beyond < 0 || beyond >= length * input::kFraction) inside = false;
    const std::int64_t first = std::int64_t{from} * input::kFraction;
    const std::int64_t mapped = first + beyond * from_length / length;
    const std::int64_t last = first + std::int64_t{from_length} * input::kFraction - 1;
    return static_cast<std::int32_t>(std::clamp(mapped, first, std::max(first, last)));
}

// `x`, `y`: in 1/256 pixels of the window.
inline PicturePoint to_picture(const Placement& placement, std::int32_t x, std::int32_t y) {
    PicturePoint point;
    point.x = map_axis(x, placement.from.x, placement.from.width, placement.to.x,
                       placement.to.width, point.inside);
    point.y = map_axis(y, placement.from.y, placement.from.height, placement.to.y,
                       placement.to.height, point.inside);
    return point;
}

}  // namespace vdmabuf::viewer
