// SPDX-License-Identifier: MIT
#pragma once

#include "layer/instance.hpp"
#include "layer/surface.hpp"
#include "runtime/window/x11_window.hpp"

namespace vdmabuf::layer {

// What xcb and Xlib surfaces have in common.
class X11Surface final : public Surface {
  public:
    X11Surface(std::shared_ptr<producer::Connection> connection, const window::Xcb& xcb,
               xcb_connection_t* app, xcb_window_t window);
    ~X11Surface() override;

    // Follows the window, so that frames need not ask for its size.
    void watch(std::shared_ptr<window::X11Watcher> watcher);

    VkResult query_extent(std::optional<VkExtent2D>& extent) override;
    std::optional<VkExtent2D> known_extent() noexcept override;
    bool lost() const noexcept override;
    std::string title() override;
    void on_configure(const stream::Configure& message) override;
    void on_close() override;
    void on_input(std::span<const input::Event> events, std::uint32_t width,
                  std::uint32_t height) override;
    bool takes_input() const noexcept override;
    void on_clipboard(std::string text) override;
    bool takes_clipboard() const noexcept override;

  private:
    const window::Xcb& xcb_;
    xcb_connection_t* const app_;
    const xcb_window_t window_;
    std::shared_ptr<window::X11Watcher> watcher_;
    std::unique_ptr<window::X11Window>
        watched_;  // null: the server gives us no connection of our own
    std::atomic<bool> gone_{false};
};

// Makes our surface for one that exists below; when there is no host the driver keeps it.
void adopt_x11_surface(Instance& instance, VkSurfaceKHR handle, const window::Xcb* xcb,
                       xcb_connection_t* app, const std::string& display, xcb_window_t window);

}  // namespace vdmabuf::layer
