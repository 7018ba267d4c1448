// SPDX-License-Identifier: MIT
#include "tests/runtime/viewer/host_cursor.hpp"

#include <X11/Xlib.h>
#include <X11/extensions/Xfixes.h>

namespace vdmabuf::test {

std::vector<std::uint32_t> cursor_of_host(std::uint32_t side) {
    std::vector<std::uint32_t> pixels;
    Display* display = XOpenDisplay(nullptr);
    if (!display) return pixels;
    XFixesCursorImage* image = XFixesGetCursorImage(display);
    if (image && image->width == side && image->height == side && image->xhot == 2 &&
        image->yhot == 1) {
        for (std::uint32_t i = 0; i < side * side; ++i) {
            pixels.push_back(static_cast<std::uint32_t>(image->pixels[i]));
        }
    }
    if (image) XFree(image);
    XCloseDisplay(display);
    return pixels;
}

}  // namespace vdmabuf::test
