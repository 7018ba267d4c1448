// SPDX-License-Identifier: MIT
// The size that the window on the host has becomes that of the program's window.
#include <algorithm>
#include <utility>
#include <vector>

#include "runtime/window/x11_reply.hpp"
#include "runtime/window/x11_window.hpp"

namespace vdmabuf::window {
namespace {

// ICCCM 4.1.2.3: WM_NORMAL_HINTS.
constexpr std::uint32_t kHintWords = 18;
constexpr std::uint32_t kHasMinimum = 1 << 4;
constexpr std::uint32_t kHasMaximum = 1 << 5;
constexpr std::uint32_t kLongest = 32767;  // a size in X11 is a 15-bit number

std::uint32_t within(std::int64_t wanted, std::uint32_t least, std::uint32_t most) {
    most = std::clamp<std::uint32_t>(most, 1, kLongest);
    least = std::clamp<std::uint32_t>(least, 1, most);
    return static_cast<std::uint32_t>(std::clamp<std::int64_t>(wanted, least, most));
}

}  // namespace

void X11Watcher::resize_windows() {
    std::vector<std::pair<xcb_window_t, Extent>> asked;
    {
        const std::lock_guard lock(mutex_);
        for (X11Window* window : windows_) {
            const std::uint64_t packed = window->size_asked_.exchange(0, std::memory_order_acq_rel);
            if (packed == 0 || window->lost()) continue;
            asked.push_back({window->id_, Extent{static_cast<std::uint32_t>(packed >> 32),
                                                 static_cast<std::uint32_t>(packed)}});
        }
    }
    for (const auto& [window, extent] : asked) resize(window, extent);
}

// What is presented to may be a child of the program's window: that one grows by as much as the
// child should.
void X11Watcher::resize(xcb_window_t window, Extent extent) {
    xcb_window_t main = main_window(window);
    if (main == XCB_WINDOW_NONE) main = window;
    const auto geometry_of = [this](xcb_window_t id) {
        return Reply<xcb_get_geometry_reply_t>(
            xcb_.get_geometry_reply(connection_, xcb_.get_geometry(connection_, id), nullptr));
    };
    const auto own = geometry_of(window);
    const auto around = geometry_of(main);
    if (!own || !around) return;

    std::uint32_t hints[kHintWords] = {};
    const auto ask = xcb_.get_property(connection_, 0, main, XCB_ATOM_WM_NORMAL_HINTS,
                                       XCB_ATOM_WM_SIZE_HINTS, 0, kHintWords);
    const Reply<xcb_get_property_reply_t> reply(xcb_.get_property_reply(connection_, ask, nullptr));
    if (reply && reply->format == 32) {
        const auto* words = static_cast<const std::uint32_t*>(xcb_.get_property_value(reply.get()));
        const int bytes = xcb_.get_property_value_length(reply.get());
        std::copy_n(words, std::min<std::size_t>(static_cast<std::size_t>(bytes) / 4, kHintWords),
                    hints);
    }
    const auto size = [&](std::uint32_t wanted, std::uint32_t child, std::uint32_t whole,
                          std::size_t axis) {
        return within(std::int64_t{whole} + wanted - child,
                      hints[0] & kHasMinimum ? hints[5 + axis] : 1,
                      hints[0] & kHasMaximum ? hints[7 + axis] : kLongest);
    };
    const std::uint32_t values[] = {size(extent.width, own->width, around->width, 0),
                                    size(extent.height, own->height, around->height, 1)};
    (void)xcb_.configure_window(connection_, main,
                                XCB_CONFIG_WINDOW_WIDTH | XCB_CONFIG_WINDOW_HEIGHT, values);
    (void)xcb_.flush(connection_);
}

}  // namespace vdmabuf::window
