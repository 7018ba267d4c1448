// SPDX-License-Identifier: MIT
// What X11Input needs of the server. The requests of XTEST are written here: they are few, and so
// no guest needs libxcb-xtest.
#include <sys/uio.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <memory>
#include <string_view>
#include <utility>
#include <vector>

#include "runtime/common/log.hpp"
#include "runtime/window/x11_reply.hpp"
#include "runtime/window/x11_window.hpp"

namespace vdmabuf::window {
namespace {

constexpr std::string_view kXTest = "XTEST";
constexpr std::uint8_t kFakeInput = 2;  // XTEST Extension Protocol 2.2

struct FakeInput {
    std::uint8_t major = 0;
    std::uint8_t minor = kFakeInput;
    std::uint16_t length = 0;  // xcb's matter
    std::uint8_t type = 0;
    std::uint8_t detail = 0;
    std::uint16_t unused0 = 0;
    std::uint32_t time = XCB_CURRENT_TIME;
    std::uint32_t root = 0;
    std::uint8_t unused1[8] = {};
    std::int16_t x = 0;
    std::int16_t y = 0;
    std::uint8_t unused2[7] = {};
    std::uint8_t device = 0;
};
static_assert(sizeof(FakeInput) == 36);

std::int16_t narrow(std::int32_t value) {
    return static_cast<std::int16_t>(std::clamp(value, -32768, 32767));
}

void send(const Xcb& xcb, xcb_connection_t* connection, FakeInput request, std::uint8_t major) {
    // The two before the first part are xcb's own.
    std::array<iovec, 4> parts{};
    parts[2] = {&request, sizeof request};
    const xcb_protocol_request_t kind{1, nullptr, major, 1};
    (void)xcb.send_request(connection, 0, parts.data() + 2, &kind);
}

}  // namespace

void X11Watcher::find_xtest() {
    const Reply<xcb_query_extension_reply_t> reply(xcb_.query_extension_reply(
        connection_, xcb_.query_extension(connection_, kXTest.size(), kXTest.data()), nullptr));
    if (reply && reply->present) {
        xtest_ = reply->major_opcode;
    } else {
        LOG_INFO("the X server has no XTEST: its windows take no input from the host");
    }
}

void X11Watcher::fake_input(std::uint8_t type, std::uint8_t detail) {
    FakeInput request;
    request.type = type;
    request.detail = detail;
    send(xcb_, connection_, request, xtest_);
}

void X11Watcher::fake_motion(std::int32_t x, std::int32_t y, bool relative) {
    FakeInput request;
    request.type = XCB_MOTION_NOTIFY;
    request.detail = relative ? 1 : 0;
    request.root = root();
    request.x = narrow(x);
    request.y = narrow(y);
    send(xcb_, connection_, request, xtest_);
}

void X11Watcher::inject_input() {
    std::vector<std::pair<std::shared_ptr<X11Input>, Extent>> inputs;
    {
        const std::lock_guard lock(mutex_);
        for (const X11Window* window : windows_) {
            if (!window->lost()) inputs.emplace_back(window->input_, window->extent());
        }
    }
    for (auto& [input, extent] : inputs) input->inject(extent);
}

xcb_window_t X11Watcher::root() const {
    return xcb_.setup_roots_iterator(xcb_.get_setup(connection_)).data->root;
}

xcb_window_t X11Watcher::top_of(xcb_window_t window) {
    for (int depth = 0; depth < kMaxDepth; ++depth) {
        const xcb_window_t parent = parent_of(window);
        if (parent == XCB_WINDOW_NONE) break;
        window = parent;
    }
    return window;
}

// EWMH, "Root Window Properties".
bool X11Watcher::has_manager() {
    if (manager_check_ == XCB_ATOM_NONE) manager_check_ = atom("_NET_SUPPORTING_WM_CHECK");
    const auto ask =
        xcb_.get_property(connection_, 0, root(), manager_check_, XCB_ATOM_WINDOW, 0, 1);
    const Reply<xcb_get_property_reply_t> reply(xcb_.get_property_reply(connection_, ask, nullptr));
    return reply && reply->format == 32 && xcb_.get_property_value_length(reply.get()) == 4;
}

void X11Watcher::ask_manager_for_focus(xcb_window_t window) {
    constexpr std::uint32_t kPager = 2;  // on a user's behalf
    if (active_window_ == XCB_ATOM_NONE) active_window_ = atom("_NET_ACTIVE_WINDOW");
    xcb_client_message_event_t event{};
    event.response_type = XCB_CLIENT_MESSAGE;
    event.format = 32;
    event.window = window;
    event.type = active_window_;
    event.data.data32[0] = kPager;
    event.data.data32[1] = XCB_CURRENT_TIME;
    (void)xcb_.send_event(connection_, 0, root(),
                          XCB_EVENT_MASK_SUBSTRUCTURE_NOTIFY | XCB_EVENT_MASK_SUBSTRUCTURE_REDIRECT,
                          reinterpret_cast<const char*>(&event));
}

// The pointer cannot leave the screen: a window that does is moved, as far as it fits.
void X11Watcher::bring_into_view(xcb_window_t top) {
    const auto geometry_of = [this](xcb_window_t id) {
        return Reply<xcb_get_geometry_reply_t>(
            xcb_.get_geometry_reply(connection_, xcb_.get_geometry(connection_, id), nullptr));
    };
    const auto window = geometry_of(top);
    const auto screen = geometry_of(root());
    if (!window || !screen) return;
    const auto inside = [](std::int32_t at, std::int32_t length, std::int32_t whole) {
        return std::clamp(at, 0, std::max(whole - length, 0));
    };
    const std::int32_t x = inside(window->x, window->width, screen->width);
    const std::int32_t y = inside(window->y, window->height, screen->height);
    if (x == window->x && y == window->y) return;
    const std::uint32_t values[] = {static_cast<std::uint32_t>(x), static_cast<std::uint32_t>(y)};
    (void)xcb_.configure_window(connection_, top, XCB_CONFIG_WINDOW_X | XCB_CONFIG_WINDOW_Y,
                                values);
}

}  // namespace vdmabuf::window
