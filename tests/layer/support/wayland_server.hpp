// SPDX-License-Identifier: MIT
#pragma once

#include <wayland-client.h>

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "tests/layer/support/process.hpp"

struct wp_viewport;
struct wp_viewporter;
struct xdg_surface;
struct xdg_toplevel;
struct xdg_wm_base;

namespace vdmabuf::test {

// A Weston that shows its windows nowhere, on a socket in a directory of its own.
class WaylandServer {
  public:
    WaylandServer();
    ~WaylandServer();
    WaylandServer(const WaylandServer&) = delete;
    WaylandServer& operator=(const WaylandServer&) = delete;

    bool running() const { return running_; }
    std::string socket() const { return directory_ + "/wayland"; }
    void kill(int signal) { process_->kill(signal); }

  private:
    std::string directory_;
    std::unique_ptr<Process> process_;
    bool running_ = false;
};

// A toplevel window of an app, with the app's connection. Its events are dispatched by dispatch()
// alone, which never reads: that is left to the layer, or to roundtrip().
class WaylandWindow {
  public:
    explicit WaylandWindow(const std::string& socket);
    ~WaylandWindow();
    WaylandWindow(const WaylandWindow&) = delete;
    WaylandWindow& operator=(const WaylandWindow&) = delete;

    bool configured() const { return configured_; }
    wl_display* display() const { return display_; }
    wl_surface* surface() const { return surface_; }
    void roundtrip() { wl_display_roundtrip(display_); }
    void dispatch() { wl_display_dispatch_pending(display_); }
    // Asks for a frame callback; the next present commits it.
    void ask_frame();
    std::uint32_t frames_called() const { return frames_called_; }
    bool on_an_output() const { return entered_; }  // that is: mapped
    void make_viewport();                           // the only one that the surface can have
    int error() const { return wl_display_get_error(display_); }

  private:
    struct Events;
    wl_display* display_ = nullptr;
    wl_compositor* compositor_ = nullptr;
    xdg_wm_base* shell_ = nullptr;
    wp_viewporter* viewporter_ = nullptr;
    wl_output* output_ = nullptr;  // without it nobody is told of outputs
    wl_surface* surface_ = nullptr;
    xdg_surface* role_ = nullptr;
    xdg_toplevel* toplevel_ = nullptr;
    bool configured_ = false;
    bool entered_ = false;
    std::uint32_t frames_called_ = 0;
    std::vector<wl_callback*> frames_asked_;
    wp_viewport* viewport_ = nullptr;
};

}  // namespace vdmabuf::test
