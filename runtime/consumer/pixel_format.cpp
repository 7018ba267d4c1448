// SPDX-License-Identifier: MIT
#include "runtime/consumer/pixel_format.hpp"

#include <cmath>
#include <cstring>

namespace vdmabuf::consumer {
namespace {

using Byte = std::uint8_t;

// DRM names the components from the highest bit of a little-endian word down, so that the bytes of
// XRGB8888 in memory are B, G, R, X.
void bgra(const Byte* from, Byte* to) {
    to[0] = from[2];
    to[1] = from[1];
    to[2] = from[0];
    to[3] = from[3];
}
void rgba(const Byte* from, Byte* to) {
    std::memcpy(to, from, 4);
}

Byte ten_bits(std::uint32_t word, int shift) {
    return static_cast<Byte>(((word >> shift & 0x3ff) * 255 + 511) / 1023);
}
void rgb10(const Byte* from, Byte* to) {
    std::uint32_t word = 0;
    std::memcpy(&word, from, sizeof word);
    to[0] = ten_bits(word, 20);
    to[1] = ten_bits(word, 10);
    to[2] = ten_bits(word, 0);
    to[3] = static_cast<Byte>((word >> 30) * 85);
}
void bgr10(const Byte* from, Byte* to) {
    Byte swapped[4];
    rgb10(from, swapped);
    bgra(swapped, to);
}

void rgb565(const Byte* from, Byte* to) {
    const unsigned word = static_cast<unsigned>(from[0] | from[1] << 8);
    to[0] = static_cast<Byte>((word >> 11 & 31) * 255 / 31);
    to[1] = static_cast<Byte>((word >> 5 & 63) * 255 / 63);
    to[2] = static_cast<Byte>((word & 31) * 255 / 31);
    to[3] = 255;
}

Byte half_float(const Byte* from) {
    const unsigned bits = static_cast<unsigned>(from[0] | from[1] << 8);
    const int exponent = static_cast<int>(bits >> 10 & 31);
    const auto mantissa = static_cast<float>(bits & 1023);
    if (bits >> 15 || exponent == 0) return 0;  // negative, or too small to see
    const float value = std::ldexp(1.0F + mantissa / 1024.0F, exponent - 15);
    return value >= 1.0F ? Byte{255} : static_cast<Byte>(std::lround(value * 255.0F));
}
void half_rgba(const Byte* from, Byte* to) {
    for (int i = 0; i < 4; ++i) to[i] = half_float(from + 2 * i);
}

constexpr PixelFormat kFormats[] = {
    {fourcc_of("XR24"), VK_FORMAT_B8G8R8A8_UNORM, 4, false, bgra},
    {fourcc_of("AR24"), VK_FORMAT_B8G8R8A8_UNORM, 4, true, bgra},
    {fourcc_of("XB24"), VK_FORMAT_R8G8B8A8_UNORM, 4, false, rgba},
    {fourcc_of("AB24"), VK_FORMAT_R8G8B8A8_UNORM, 4, true, rgba},
    {fourcc_of("XR30"), VK_FORMAT_A2R10G10B10_UNORM_PACK32, 4, false, rgb10},
    {fourcc_of("AR30"), VK_FORMAT_A2R10G10B10_UNORM_PACK32, 4, true, rgb10},
    {fourcc_of("XB30"), VK_FORMAT_A2B10G10R10_UNORM_PACK32, 4, false, bgr10},
    {fourcc_of("AB30"), VK_FORMAT_A2B10G10R10_UNORM_PACK32, 4, true, bgr10},
    {fourcc_of("RG16"), VK_FORMAT_R5G6B5_UNORM_PACK16, 2, false, rgb565},
    {fourcc_of("XB4H"), VK_FORMAT_R16G16B16A16_SFLOAT, 8, false, half_rgba},
    {fourcc_of("AB4H"), VK_FORMAT_R16G16B16A16_SFLOAT, 8, true, half_rgba},
};

}  // namespace

const PixelFormat* find_format(std::uint32_t fourcc) {
    for (const PixelFormat& format : kFormats) {
        if (format.fourcc == fourcc) return &format;
    }
    return nullptr;
}

std::span<const PixelFormat> known_formats() {
    return kFormats;
}

}  // namespace vdmabuf::consumer
