// SPDX-License-Identifier: MIT
#pragma once

#include "runtime/common/cursor_messages.hpp"

namespace vdmabuf::viewer {

// The cursor of a screen without a display server, over apps that show none of their own: a black
// triangle with a white edge.
inline cursor::Image arrow_cursor() {
    constexpr std::uint16_t kSide = 14;
    constexpr std::uint32_t kBlack = 0xFF000000;
    constexpr std::uint32_t kWhite = 0xFFFFFFFF;
    cursor::Image image;
    image.shape = {kSide, kSide, 0, 0};
    for (std::uint16_t y = 0; y < kSide; ++y) {
        for (std::uint16_t x = 0; x < kSide; ++x) {
            const bool edge = x == 0 || x == y || y == kSide - 1;
            image.pixels.push_back(x > y ? 0 : edge ? kWhite : kBlack);
        }
    }
    return image;
}

}  // namespace vdmabuf::viewer
