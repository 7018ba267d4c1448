// SPDX-License-Identifier: MIT
// What the app's cursor looks like, and whether it is to be seen: by the XFIXES extension.
#include <cstring>
#include <string_view>

#include "runtime/common/clock.hpp"
#include "runtime/window/x11_reply.hpp"
#include "runtime/window/x11_window.hpp"
#include "runtime/window/x11_xfixes.hpp"

namespace vdmabuf::window {
namespace {

constexpr std::string_view kXFixes = "XFIXES";
constexpr std::uint32_t kDisplayCursorNotify = 1;
constexpr std::uint64_t kCursorNs = 50 * kNsPerMs;

struct CursorImage {  // reply of GetCursorImage; the pixels follow
    std::uint8_t type = 0;
    std::uint8_t unused0 = 0;
    std::uint16_t sequence = 0;
    std::uint32_t length = 0;  // words after these 32 bytes
    std::int16_t x = 0;
    std::int16_t y = 0;
    std::uint16_t width = 0;
    std::uint16_t height = 0;
    std::uint16_t hot_x = 0;
    std::uint16_t hot_y = 0;
    std::uint32_t serial = 0;
    std::uint32_t unused1[2] = {};
};
static_assert(sizeof(CursorImage) == 32);

}  // namespace

void X11Watcher::find_xfixes() {
    const Reply<xcb_query_extension_reply_t> reply(xcb_.query_extension_reply(
        connection_, xcb_.query_extension(connection_, kXFixes.size(), kXFixes.data()), nullptr));
    if (!reply || !reply->present) return;
    // The server answers nothing else before it has been told the client's version.
    xfixes::Request request;
    request.minor = xfixes::kQueryVersion;
    request.words[0] = 2;
    const unsigned ask = xfixes::send(xcb_, connection_, request, 2, reply->major_opcode, true);
    const Reply<void> version(xcb_.wait_for_reply(connection_, ask, nullptr));
    if (!version) return;
    xfixes_ = reply->major_opcode;
    xfixes_event_ = reply->first_event;
}

void X11Watcher::watch_cursor(bool wanted) {
    if (xfixes_ == 0) return;
    xfixes::Request request;
    request.minor = xfixes::kSelectCursorInput;
    request.words[0] = root();
    request.words[1] = wanted ? kDisplayCursorNotify : 0;
    (void)xfixes::send(xcb_, connection_, request, 2, xfixes_, false);
    cursor_changed_ = wanted;
}

// What the server shows now. Nothing: it does not tell, or the image is too large to be shown.
std::optional<cursor::Image> X11Watcher::cursor_image() {
    xfixes::Request request;
    request.minor = xfixes::kGetCursorImage;
    const unsigned ask = xfixes::send(xcb_, connection_, request, 0, xfixes_, true);
    const Reply<void> reply(xcb_.wait_for_reply(connection_, ask, nullptr));
    if (!reply) return std::nullopt;
    CursorImage told;
    std::memcpy(&told, reply.get(), sizeof told);
    const std::size_t pixels = std::size_t{told.width} * told.height;
    if (pixels > told.length) return std::nullopt;
    cursor::Image image;
    image.pixels.resize(pixels);
    if (pixels != 0) {
        std::memcpy(image.pixels.data(), static_cast<const char*>(reply.get()) + sizeof told,
                    pixels * sizeof(std::uint32_t));
    }
    image.shape = {told.width, told.height, told.hot_x, told.hot_y};
    if (image.hidden() || image.sound()) return image;
    return std::nullopt;
}

int X11Watcher::cursor_timeout_ms() const {
    if (!cursor_changed_) return -1;
    return ms_until(cursor_told_ns_ + kCursorNs);
}

// Of cursors that change all the time, 20 a second.
void X11Watcher::tell_cursor() {
    if (!cursor_changed_ || cursor_timeout_ms() > 0) return;
    cursor_changed_ = false;
    cursor_told_ns_ = now_ns();
    const auto image = cursor_image();
    if (image) {
        const std::lock_guard lock(mutex_);
        for (X11Window* window : windows_) {
            if (window->input_->focused() && window->events_.cursor) window->events_.cursor(*image);
        }
    }
    kick();  // there may be events behind the reply
}

}  // namespace vdmabuf::window
