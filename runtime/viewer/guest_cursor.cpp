// SPDX-License-Identifier: MIT
#include "runtime/viewer/guest_cursor.hpp"

#include <SDL.h>

#include <string_view>

#include "runtime/common/log.hpp"

namespace vdmabuf::viewer {
namespace {

constexpr std::uint32_t kAlpha = 0xFF000000;

// X servers take colours that are multiplied by alpha, and SDL hands them on as they are; for all
// others SDL multiplies.
std::uint32_t divided(std::uint32_t pixel) {
    const std::uint32_t alpha = pixel >> 24;
    if (alpha == 0 || alpha == 255) return pixel;
    std::uint32_t out = pixel & kAlpha;
    for (unsigned shift = 0; shift < 24; shift += 8) {
        const std::uint32_t colour = (pixel >> shift & 0xFF) * 255 / alpha;
        out |= (colour > 255 ? 255 : colour) << shift;
    }
    return out;
}

}  // namespace

void GuestCursor::show(const cursor::Image& image) {
    const cursor::Shape& shape = image.shape;
    std::vector<std::uint32_t> pixels = image.pixels;
    const char* driver = SDL_GetCurrentVideoDriver();
    if (!driver || std::string_view(driver) != "x11") {
        for (std::uint32_t& pixel : pixels) pixel = divided(pixel);
    }
    SDL_Surface* surface = SDL_CreateRGBSurfaceWithFormatFrom(
        pixels.data(), shape.width, shape.height, 32, shape.width * 4, SDL_PIXELFORMAT_ARGB8888);
    SDL_Cursor* cursor =
        surface ? SDL_CreateColorCursor(surface, shape.hot_x, shape.hot_y) : nullptr;
    SDL_FreeSurface(surface);
    if (!cursor) {
        LOG_DEBUG("the app's cursor cannot be shown: %s", SDL_GetError());
        return;
    }
    SDL_SetCursor(cursor);
    if (cursor_) SDL_FreeCursor(cursor_);
    cursor_ = cursor;
}

void GuestCursor::end() {
    if (!cursor_) return;
    SDL_SetCursor(SDL_GetDefaultCursor());
    SDL_FreeCursor(cursor_);
    cursor_ = nullptr;
}

}  // namespace vdmabuf::viewer
