// SPDX-License-Identifier: MIT
#include "tests/layer/support/wayland_server.hpp"

#include <chrono>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <thread>

#include "viewporter-client-protocol.h"
#include "xdg-shell-client-protocol.h"

namespace vdmabuf::test {

WaylandServer::WaylandServer() {
    std::string name = (std::filesystem::temp_directory_path() / "vdmabuf-XXXXXX").string();
    if (!::mkdtemp(name.data())) return;
    directory_ = name;
    ::setenv("XDG_RUNTIME_DIR", directory_.c_str(), 1);
    process_ = std::make_unique<Process>(
        std::vector<std::string>{"weston", "--backend=headless-backend.so", "--use-pixman",
                                 "--no-config", "--idle-time=0", "--socket=wayland"});
    for (int i = 0; i < 400 && !running_; ++i) {
        wl_display* display = wl_display_connect(socket().c_str());
        running_ = display != nullptr;
        if (display) wl_display_disconnect(display);
        if (!running_) std::this_thread::sleep_for(std::chrono::milliseconds(50));
    }
}

WaylandServer::~WaylandServer() {
    process_.reset();
    std::error_code ignored;
    if (!directory_.empty()) std::filesystem::remove_all(directory_, ignored);
}

struct WaylandWindow::Events {
    static WaylandWindow& of(void* self) { return *static_cast<WaylandWindow*>(self); }
    static void global(void* self, wl_registry* registry, std::uint32_t name, const char* interface,
                       std::uint32_t) {
        const auto bind = [&](const wl_interface& wanted) {
            return wl_registry_bind(registry, name, &wanted, 1);
        };
        if (std::strcmp(interface, wl_compositor_interface.name) == 0) {
            of(self).compositor_ = static_cast<wl_compositor*>(bind(wl_compositor_interface));
        } else if (std::strcmp(interface, xdg_wm_base_interface.name) == 0) {
            of(self).shell_ = static_cast<xdg_wm_base*>(bind(xdg_wm_base_interface));
        } else if (std::strcmp(interface, wp_viewporter_interface.name) == 0) {
            of(self).viewporter_ = static_cast<wp_viewporter*>(bind(wp_viewporter_interface));
        } else if (std::strcmp(interface, wl_output_interface.name) == 0) {
            of(self).output_ = static_cast<wl_output*>(bind(wl_output_interface));
        }
    }
    static void global_remove(void*, wl_registry*, std::uint32_t) {}
    static void ping(void*, xdg_wm_base* shell, std::uint32_t serial) {
        xdg_wm_base_pong(shell, serial);
    }
    static void configure(void* self, xdg_surface* role, std::uint32_t serial) {
        xdg_surface_ack_configure(role, serial);
        of(self).configured_ = true;
    }
    static void toplevel_configure(void*, xdg_toplevel*, std::int32_t, std::int32_t, wl_array*) {}
    static void close(void*, xdg_toplevel*) {}
    static void enter(void* self, wl_surface*, wl_output*) { of(self).entered_ = true; }
    static void leave(void* self, wl_surface*, wl_output*) { of(self).entered_ = false; }
    static void frame(void* self, wl_callback* callback, std::uint32_t) {
        wl_callback_destroy(callback);
        std::erase(of(self).frames_asked_, callback);
        ++of(self).frames_called_;
    }

    static constexpr wl_registry_listener registry{global, global_remove};
    static constexpr xdg_wm_base_listener shell{ping};
    static constexpr xdg_surface_listener role{configure};
    static constexpr wl_surface_listener surface{enter, leave};
    static constexpr wl_callback_listener callback{frame};
};

WaylandWindow::WaylandWindow(const std::string& socket)
    : display_(wl_display_connect(socket.c_str())) {
    static constexpr xdg_toplevel_listener toplevel = [] {
        xdg_toplevel_listener listener{};
        listener.configure = Events::toplevel_configure;
        listener.close = Events::close;
        return listener;
    }();
    if (!display_) return;
    wl_registry* registry = wl_display_get_registry(display_);
    wl_registry_add_listener(registry, &Events::registry, this);
    roundtrip();
    wl_registry_destroy(registry);
    if (!compositor_ || !shell_) return;
    xdg_wm_base_add_listener(shell_, &Events::shell, this);
    surface_ = wl_compositor_create_surface(compositor_);
    wl_surface_add_listener(surface_, &Events::surface, this);
    role_ = xdg_wm_base_get_xdg_surface(shell_, surface_);
    xdg_surface_add_listener(role_, &Events::role, this);
    toplevel_ = xdg_surface_get_toplevel(role_);
    xdg_toplevel_add_listener(toplevel_, &toplevel, this);
    wl_surface_commit(surface_);
    roundtrip();
}

WaylandWindow::~WaylandWindow() {
    if (!display_) return;
    for (wl_callback* callback : frames_asked_) wl_callback_destroy(callback);
    if (viewport_) wp_viewport_destroy(viewport_);
    if (toplevel_) xdg_toplevel_destroy(toplevel_);
    if (role_) xdg_surface_destroy(role_);
    if (surface_) wl_surface_destroy(surface_);
    if (output_) wl_output_destroy(output_);
    if (viewporter_) wp_viewporter_destroy(viewporter_);
    if (shell_) xdg_wm_base_destroy(shell_);
    if (compositor_) wl_compositor_destroy(compositor_);
    wl_display_disconnect(display_);
}

void WaylandWindow::ask_frame() {
    frames_asked_.push_back(wl_surface_frame(surface_));
    wl_callback_add_listener(frames_asked_.back(), &Events::callback, this);
}

void WaylandWindow::make_viewport() {
    viewport_ = wp_viewporter_get_viewport(viewporter_, surface_);
    wp_viewport_set_destination(viewport_, 10, 10);
}

}  // namespace vdmabuf::test
