// SPDX-License-Identifier: MIT
#include "egl/pixmap_copy.hpp"

#include <cstring>
#include <vector>

#include "egl/current.hpp"
#include "egl/read_back.hpp"
#include "runtime/common/drm_format.hpp"

namespace vdmabuf::egl {
namespace {

std::uint32_t swapped(std::uint32_t pixel, unsigned bits) {
    const std::uint32_t mask = (1u << bits) - 1;
    const std::uint32_t low = pixel & mask;
    const std::uint32_t high = pixel >> (2 * bits) & mask;
    return (pixel & ~(mask | mask << (2 * bits))) | low << (2 * bits) | high;
}

// A pixel of 8 bits a colour, red lowest, as one of 5, 6 and 5 bits, red highest.
std::uint16_t narrowed(std::uint32_t pixel) {
    return static_cast<std::uint16_t>((pixel & 0xF8) << 8 | (pixel >> 5 & 0x7E0) |
                                      (pixel >> 19 & 0x1F));
}

// Red is highest in pixmaps of every TrueColor visual there is. False: these do not go together.
bool convert(const std::byte* from, std::uint32_t fourcc, std::byte* to, unsigned depth,
             std::size_t to_bytes, std::uint32_t width) {
    if (fourcc == fourcc_of("RG16") && to_bytes == 2) {
        std::memcpy(to, from, std::size_t{width} * 2);
        return true;
    }
    if (fourcc == fourcc_of("XB24") && to_bytes == 2) {
        for (std::uint32_t x = 0; x < width; ++x) {
            std::uint32_t pixel = 0;
            std::memcpy(&pixel, from + std::size_t{x} * 4, 4);
            const std::uint16_t made = narrowed(pixel);
            std::memcpy(to + std::size_t{x} * 2, &made, 2);
        }
        return true;
    }
    if (fourcc == fourcc_of("RG16") || to_bytes != 4) return false;
    const bool red_low = fourcc == fourcc_of("XB24") || fourcc == fourcc_of("XB30");
    const unsigned bits = fourcc == fourcc_of("XB30") || fourcc == fourcc_of("XR30") ? 10 : 8;
    if ((bits == 10) != (depth == 30)) return false;
    for (std::uint32_t x = 0; x < width; ++x) {
        std::uint32_t pixel = 0;
        std::memcpy(&pixel, from + std::size_t{x} * 4, 4);
        if (red_low) pixel = swapped(pixel, bits);
        std::memcpy(to + std::size_t{x} * 4, &pixel, 4);
    }
    return true;
}

}  // namespace

EGLint red_of_depth(unsigned depth) noexcept {
    switch (depth) {
        case 24:
        case 32:
            return 8;
        case 30:
            return 10;
        case 16:
            return 5;
        default:
            return 0;
    }
}

EGLint copy_to_pixmap(EGLSurface below, window::X11Pixmap& target) {
    const window::Extent extent = target.extent();
    ReadBack read_back;
    std::vector<std::byte> read;
    std::size_t pitch = 0;
    {
        const ReadFromDraw readable(below);
        if (!read_back.prepare()) return EGL_BAD_MATCH;  // of no GL: OpenVG
        pitch = (extent.width * read_back.layout().bytes_per_pixel + 3) / 4 * 4;
        read.resize(pitch * extent.height);
        FramePages::Page page;
        page.pixels = read.data();
        page.pitch = pitch;
        page.rows = {0, extent.height};
        read_back.read(extent, page);
    }
    std::vector<std::byte> rows(target.pitch() * extent.height);
    for (std::uint32_t y = 0; y < extent.height; ++y) {
        const std::byte* from = read.data() + (extent.height - 1 - y) * pitch;
        if (!convert(from, read_back.layout().fourcc, rows.data() + y * target.pitch(),
                     target.depth(), target.bytes_per_pixel(), extent.width)) {
            return EGL_BAD_MATCH;
        }
    }
    return target.put(rows) ? EGL_SUCCESS : EGL_BAD_NATIVE_PIXMAP;
}

}  // namespace vdmabuf::egl
