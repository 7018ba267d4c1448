// SPDX-License-Identifier: MIT
#pragma once

#include <xcb/xcb.h>

#include <cstdint>
#include <string>
#include <vector>

#include "tests/layer/support/process.hpp"

namespace vdmabuf::test {

// An Xvfb on a display number that it finds itself.
class XServer {
  public:
    XServer();
    bool running() const { return !display_.empty(); }
    const std::string& display() const { return display_; }

  private:
    Process process_;
    std::string display_;
};

// A window of an app, with the app's connection.
class XWindow {
  public:
    XWindow(const std::string& display, std::uint16_t width, std::uint16_t height);
    ~XWindow();
    XWindow(const XWindow&) = delete;
    XWindow& operator=(const XWindow&) = delete;

    xcb_connection_t* connection() const { return connection_; }
    xcb_window_t id() const { return window_; }
    xcb_visualid_t visual() const { return visual_; }
    void resize(std::uint16_t width, std::uint16_t height);
    void destroy();
    void set_size_limits(std::uint32_t min_width, std::uint32_t min_height, std::uint32_t max_width,
                         std::uint32_t max_height);  // WM_NORMAL_HINTS
    void set_title(const std::string& title);
    // WM_PROTOCOLS with WM_DELETE_WINDOW, and whether the message has come.
    void take_delete();
    bool asked_to_close();
    // Pixels as the server has them, one of 32 bits each.
    std::vector<std::uint32_t> pixels(std::uint16_t width, std::uint16_t height);

    // Another window of this connection, inside of this one.
    xcb_window_t make_child(std::uint16_t width, std::uint16_t height);

  private:
    xcb_atom_t atom(const char* name);
    xcb_connection_t* connection_ = nullptr;
    xcb_window_t window_ = 0;
    xcb_visualid_t visual_ = 0;
};

}  // namespace vdmabuf::test
