// SPDX-License-Identifier: MIT
// A pixmap of an X server, which gets pixels that this process has drawn.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>

#include "runtime/window/extent.hpp"
#include "runtime/window/x11_window.hpp"

namespace vdmabuf::window {

class X11Pixmap {
  public:
    // Null when the server has none of this number, or keeps pixels of its depth as this machine
    // does not.
    static std::unique_ptr<X11Pixmap> open(std::shared_ptr<X11Watcher> watcher, xcb_pixmap_t id);
    ~X11Pixmap();
    X11Pixmap(const X11Pixmap&) = delete;
    X11Pixmap& operator=(const X11Pixmap&) = delete;

    xcb_pixmap_t id() const noexcept { return id_; }
    Extent extent() const noexcept { return extent_; }
    unsigned depth() const noexcept { return depth_; }
    std::size_t bytes_per_pixel() const noexcept { return bytes_per_pixel_; }
    // From one row to the next.
    std::size_t pitch() const noexcept;
    // All of its rows, from the top. Waits for the server: whoever asks it afterwards, on any
    // connection, finds them there. False: the pixmap has gone.
    bool put(std::span<const std::byte> rows) noexcept;

  private:
    X11Pixmap(std::shared_ptr<X11Watcher> watcher, xcb_pixmap_t id)
        : watcher_(std::move(watcher)), id_(id) {}

    const std::shared_ptr<X11Watcher> watcher_;
    const xcb_pixmap_t id_;
    Extent extent_{};
    std::uint8_t depth_ = 0;
    std::size_t bytes_per_pixel_ = 0;
    xcb_gcontext_t context_ = 0;
};

}  // namespace vdmabuf::window
