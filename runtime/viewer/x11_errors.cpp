// SPDX-License-Identifier: MIT
#include "runtime/viewer/x11_errors.hpp"

#include <X11/Xlib.h>
#include <X11/Xproto.h>

#include <array>
#include <atomic>

#include "runtime/common/log.hpp"

namespace vdmabuf::viewer {
namespace {

// Somebody whose windows fail all the time must not fill the log.
constexpr int kMostLines = 20;

int tell(Display* display, XErrorEvent* error) {
    static std::atomic<int> lines = 0;
    if (error->request_code == X_SendEvent && error->error_code == BadWindow) {
        LOG_DEBUG("X11: a message came after its window's end");
        return 0;
    }
    if (lines.fetch_add(1) >= kMostLines) return 0;
    std::array<char, 128> text{};
    XGetErrorText(display, error->error_code, text.data(), static_cast<int>(text.size()));
    LOG_WARNING("X11: request %d.%d: %s (0x%lx)", error->request_code, error->minor_code,
                text.data(), error->resourceid);
    return 0;  // ignored by Xlib
}

}  // namespace

void survive_x11_errors() {
    XSetErrorHandler(tell);
}

}  // namespace vdmabuf::viewer
