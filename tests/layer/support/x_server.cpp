// SPDX-License-Identifier: MIT
#include "tests/layer/support/x_server.hpp"

#include <cstdlib>
#include <cstring>

namespace vdmabuf::test {

XServer::XServer()
    : process_({"Xvfb", "-noreset", "-displayfd", "3", "-screen", "0", "1280x1024x24", "-nolisten",
                "tcp"},
               3) {
    const std::string number = process_.read_line(60000);
    if (!number.empty()) display_ = ":" + number;
}

XWindow::XWindow(const std::string& display, std::uint16_t width, std::uint16_t height)
    : connection_(xcb_connect(display.c_str(), nullptr)) {
    const xcb_screen_t* screen = xcb_setup_roots_iterator(xcb_get_setup(connection_)).data;
    visual_ = screen->root_visual;
    window_ = xcb_generate_id(connection_);
    xcb_create_window(connection_, XCB_COPY_FROM_PARENT, window_, screen->root, 0, 0, width, height,
                      0, XCB_WINDOW_CLASS_INPUT_OUTPUT, visual_, 0, nullptr);
    xcb_map_window(connection_, window_);
    // Not flushed: the layer must not depend on it.
}

XWindow::~XWindow() {
    xcb_disconnect(connection_);
}

void XWindow::resize(std::uint16_t width, std::uint16_t height) {
    const std::uint32_t values[] = {width, height};
    xcb_configure_window(connection_, window_, XCB_CONFIG_WINDOW_WIDTH | XCB_CONFIG_WINDOW_HEIGHT,
                         values);
    xcb_flush(connection_);
}

void XWindow::destroy() {
    xcb_destroy_window(connection_, window_);
    xcb_flush(connection_);
}

void XWindow::set_size_limits(std::uint32_t min_width, std::uint32_t min_height,
                              std::uint32_t max_width, std::uint32_t max_height) {
    const std::uint32_t hints[18] = {1 << 4 | 1 << 5, 0,          0,         0,         0,
                                     min_width,       min_height, max_width, max_height};
    xcb_change_property(connection_, XCB_PROP_MODE_REPLACE, window_, XCB_ATOM_WM_NORMAL_HINTS,
                        XCB_ATOM_WM_SIZE_HINTS, 32, 18, hints);
    // The server has it before anything that follows.
    std::free(xcb_get_input_focus_reply(connection_, xcb_get_input_focus(connection_), nullptr));
}

void XWindow::set_title(const std::string& title) {
    xcb_change_property(connection_, XCB_PROP_MODE_REPLACE, window_, XCB_ATOM_WM_NAME,
                        XCB_ATOM_STRING, 8, static_cast<std::uint32_t>(title.size()), title.data());
    xcb_flush(connection_);
}

xcb_atom_t XWindow::atom(const char* name) {
    const auto ask =
        xcb_intern_atom(connection_, 0, static_cast<std::uint16_t>(std::strlen(name)), name);
    xcb_intern_atom_reply_t* reply = xcb_intern_atom_reply(connection_, ask, nullptr);
    const xcb_atom_t found = reply ? reply->atom : static_cast<xcb_atom_t>(XCB_ATOM_NONE);
    std::free(reply);
    return found;
}

void XWindow::take_delete() {
    const xcb_atom_t wanted = atom("WM_DELETE_WINDOW");
    xcb_change_property(connection_, XCB_PROP_MODE_REPLACE, window_, atom("WM_PROTOCOLS"),
                        XCB_ATOM_ATOM, 32, 1, &wanted);
    xcb_flush(connection_);
}

bool XWindow::asked_to_close() {
    bool asked = false;
    while (xcb_generic_event_t* event = xcb_poll_for_event(connection_)) {
        const auto* message = reinterpret_cast<const xcb_client_message_event_t*>(event);
        asked = asked ||
                ((event->response_type & 0x7f) == XCB_CLIENT_MESSAGE &&
                 message->window == window_ && message->data.data32[0] == atom("WM_DELETE_WINDOW"));
        std::free(event);
    }
    return asked;
}

xcb_window_t XWindow::make_child(std::uint16_t width, std::uint16_t height) {
    const xcb_window_t child = xcb_generate_id(connection_);
    xcb_create_window(connection_, XCB_COPY_FROM_PARENT, child, window_, 0, 0, width, height, 0,
                      XCB_WINDOW_CLASS_INPUT_OUTPUT, visual_, 0, nullptr);
    return child;
}

std::vector<std::uint32_t> XWindow::pixels(std::uint16_t width, std::uint16_t height) {
    const auto ask =
        xcb_get_image(connection_, XCB_IMAGE_FORMAT_Z_PIXMAP, window_, 0, 0, width, height, ~0u);
    xcb_get_image_reply_t* reply = xcb_get_image_reply(connection_, ask, nullptr);
    if (!reply) return {};
    std::vector<std::uint32_t> pixels(static_cast<std::size_t>(width) * height);
    std::memcpy(pixels.data(), xcb_get_image_data(reply), pixels.size() * 4);
    std::free(reply);
    return pixels;
}

}  // namespace vdmabuf::test
