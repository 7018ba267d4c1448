// SPDX-License-Identifier: MIT
#include "egl/srgb_encoding.hpp"

#include <array>
#include <cmath>
#include <cstring>

namespace vdmabuf::egl {
namespace {

using Table = std::array<std::uint8_t, 256>;

Table make_table() {
    Table table{};
    for (std::size_t i = 0; i < table.size(); ++i) {
        const double linear = static_cast<double>(i) / 255;
        const double encoded =
            linear <= 0.0031308 ? 12.92 * linear : 1.055 * std::pow(linear, 1 / 2.4) - 0.055;
        table[i] = static_cast<std::uint8_t>(std::lround(255 * encoded));
    }
    return table;
}

}  // namespace

void encode_srgb(std::byte* pixels, std::size_t pitch, std::uint32_t width,
                 std::uint32_t rows) noexcept {
    static const Table table = make_table();
    for (std::uint32_t y = 0; y < rows; ++y) {
        std::byte* at = pixels + y * pitch;
        for (std::uint32_t x = 0; x < width; ++x, at += 4) {
            std::uint32_t pixel = 0;
            std::memcpy(&pixel, at, 4);
            pixel = (pixel & 0xFF000000) | std::uint32_t{table[pixel >> 16 & 0xFF]} << 16 |
                    std::uint32_t{table[pixel >> 8 & 0xFF]} << 8 | table[pixel & 0xFF];
            std::memcpy(at, &pixel, 4);
        }
    }
}

}  // namespace vdmabuf::egl
