// SPDX-License-Identifier: MIT
#include <cstdlib>

#include "layer/guard.hpp"
#include "layer/surface_x11.hpp"
#include "runtime/common/log.hpp"

namespace vdmabuf::layer {

X11Surface::X11Surface(std::shared_ptr<producer::Connection> connection, const window::Xcb& xcb,
                       xcb_connection_t* app, xcb_window_t window)
    : Surface(std::move(connection), true), xcb_(xcb), app_(app), window_(window) {}

X11Surface::~X11Surface() {
    end_stream();  // on_close() asks the watched window
    watched_.reset();
}

void X11Surface::watch(std::shared_ptr<window::X11Watcher> watcher) {
    // The answer to a request on the app's connection means that the server knows the window: the
    // app need not have flushed the request that makes it.
    std::optional<VkExtent2D> extent;
    if (query_extent(extent) != VK_SUCCESS || !watcher) return;
    watcher_ = std::move(watcher);
    watched_ = window::X11Window::watch(watcher_, window_,
                                        {[this] { wake_swapchains(); }, [this] { update_title(); },
                                         [this](const cursor::Image& image) { set_cursor(image); },
                                         [this](const std::string& text) { set_clipboard(text); }});
}

VkResult X11Surface::query_extent(std::optional<VkExtent2D>& extent) {
    const auto ask = xcb_.get_geometry(app_, window_);
    xcb_generic_error_t* error = nullptr;
    xcb_get_geometry_reply_t* reply = xcb_.get_geometry_reply(app_, ask, &error);
    std::free(error);
    if (!reply) {
        gone_.store(true, std::memory_order_release);
        return VK_ERROR_SURFACE_LOST_KHR;
    }
    extent = VkExtent2D{reply->width, reply->height};
    std::free(reply);
    return VK_SUCCESS;
}

std::optional<VkExtent2D> X11Surface::known_extent() noexcept {
    if (watched_) {
        const window::Extent known = watched_->extent();
        return VkExtent2D{known.width, known.height};
    }
    std::optional<VkExtent2D> extent;
    (void)query_extent(extent);
    return extent;
}

bool X11Surface::lost() const noexcept {
    return gone_.load(std::memory_order_acquire) || (watched_ && watched_->lost());
}

std::string X11Surface::title() {
    return watcher_ ? watcher_->title(window_) : std::string();
}

// The window's new size makes the app's swapchain suboptimal, as on any desktop.
void X11Surface::on_configure(const stream::Configure& message) {
    Surface::on_configure(message);
    if (!watched_ || message.width == 0 || message.height == 0) return;
    watched_->ask_to_resize({message.width, message.height});
}

void X11Surface::on_close() {
    if (watched_) watched_->ask_to_close();
}

void X11Surface::on_input(std::span<const input::Event> events, std::uint32_t width,
                          std::uint32_t height) {
    if (watched_) watched_->take_input(events, {width, height});
}

bool X11Surface::takes_input() const noexcept {
    return watched_ && watched_->takes_input();
}

bool X11Surface::takes_clipboard() const noexcept {
    return watched_ && watched_->takes_clipboard();
}

void X11Surface::on_clipboard(std::string text) {
    if (watched_) watched_->offer_clipboard(std::move(text));
}

void adopt_x11_surface(Instance& instance, VkSurfaceKHR handle, const window::Xcb* xcb,
                       xcb_connection_t* app, const std::string& display, xcb_window_t window) {
    if (!xcb || !app) {
        LOG_WARNING("libxcb cannot be opened, the driver presents");
        return;
    }
    auto connection = instance.connection();
    if (!connection) return;
    auto surface = std::make_shared<X11Surface>(std::move(connection), *xcb, app, window);
    surface->watch(display.empty() ? nullptr : instance.watcher(display));
    instance.add_surface(handle, std::move(surface));
}

VKAPI_ATTR VkResult VKAPI_CALL CreateXcbSurfaceKHR(VkInstance handle,
                                                   const VkXcbSurfaceCreateInfoKHR* info,
                                                   const VkAllocationCallbacks* allocator,
                                                   VkSurfaceKHR* surface) noexcept {
    Instance& instance = *Instance::of(handle);
    const auto create = instance.down().CreateXcbSurfaceKHR;
    if (!create) return VK_ERROR_EXTENSION_NOT_PRESENT;
    const VkResult result = create(handle, info, allocator, surface);
    if (result != VK_SUCCESS) return result;
    const VkResult adopted = guarded([&] {
        const window::Xcb* xcb = window::Xcb::get();
        adopt_x11_surface(instance, *surface, xcb, info->connection,
                          xcb ? window::display_of(*xcb, info->connection) : std::string(),
                          info->window);
        return VK_SUCCESS;
    });
    if (adopted != VK_SUCCESS) instance.down().DestroySurfaceKHR(handle, *surface, allocator);
    return adopted;
}

VKAPI_ATTR VkBool32 VKAPI_CALL GetPhysicalDeviceXcbPresentationSupportKHR(
    VkPhysicalDevice device, std::uint32_t family, xcb_connection_t* connection,
    xcb_visualid_t visual) noexcept {
    Instance& instance = *Instance::of(device);
    VkBool32 supported = VK_FALSE;
    if (instance.down().GetPhysicalDeviceXcbPresentationSupportKHR) {
        supported = instance.down().GetPhysicalDeviceXcbPresentationSupportKHR(device, family,
                                                                               connection, visual);
    }
    (void)guarded([&] {
        if (instance.physical(device).can_present(family)) supported = VK_TRUE;
        return VK_SUCCESS;
    });
    return supported;
}

}  // namespace vdmabuf::layer
