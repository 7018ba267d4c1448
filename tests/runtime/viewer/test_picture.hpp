// SPDX-License-Identifier: MIT
#pragma once

#include <cstdint>

namespace vdmabuf::test {

struct Rgb {
    std::uint8_t r = 0;
    std::uint8_t g = 0;
    std::uint8_t b = 0;
    bool operator==(const Rgb&) const = default;
};

// The picture that pattern_app shows, row 0 on top: four quarters of plain colours, so that it
// survives scaling, with a frame's number as a bar of 32 bits along the upper edge.
inline Rgb test_picture(std::uint32_t x, std::uint32_t y, std::uint32_t width, std::uint32_t height,
                        std::uint64_t serial) {
    const std::uint32_t bar = height / 16;
    if (y < bar) {
        const std::uint32_t bit = static_cast<std::uint32_t>(std::uint64_t{x} * 32 / width);
        return serial >> bit & 1 ? Rgb{255, 255, 255} : Rgb{0, 0, 0};
    }
    const bool right = x >= width / 2;
    const bool low = y >= height / 2;
    if (low) return right ? Rgb{240, 220, 20} : Rgb{30, 60, 220};
    return right ? Rgb{20, 180, 60} : Rgb{220, 40, 30};
}

// Its cursor: opaque, half transparent and empty pixels, as X servers have them.
inline std::uint32_t test_cursor(std::uint32_t x, std::uint32_t y) {
    if (x % 4 == 3) return 0;
    if (y % 4 == 3) return 0x80004020;
    return 0xFF000000 | (x & 0xFF) << 16 | (y & 0xFF) << 8 | 0x7F;
}

}  // namespace vdmabuf::test
