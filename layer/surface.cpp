// SPDX-License-Identifier: MIT
#include "layer/surface.hpp"

#include <algorithm>
#include <cerrno>

#include "layer/instance.hpp"
#include "layer/swapchain.hpp"
#include "runtime/common/log.hpp"

namespace vdmabuf::layer {

std::string program_name() {
    return program_invocation_short_name;
}

Surface::Surface(std::shared_ptr<producer::Connection> connection, bool native)
    : connection_(std::move(connection)), native_(native) {}

Surface::~Surface() {
    end_stream();
}

producer::Stream* Surface::stream(VkExtent2D extent) {
    if (!connection_) return nullptr;
    std::string name = title();
    const std::lock_guard lock(stream_mutex_);
    if (stream_) return stream_.get();
    producer::StreamInfo info;
    info.app_id = program_name();
    info.title = name.empty() ? info.app_id : std::move(name);
    info.width = extent.width;
    info.height = extent.height;
    info.takes_input = takes_input();
    info.takes_clipboard = takes_clipboard();
    auto stream = connection_->create_stream(info, this);
    if (!stream) {
        LOG_WARNING("no stream for a window: %s", stream.error().text.c_str());
        return nullptr;
    }
    stream_ = *std::move(stream);
    return stream_.get();
}

stream::ColourSpaces Surface::offer_colours(bool enabled) noexcept {
    if (!enabled || !connection_) return stream::kSrgbAlone;
    const stream::ColourSpaces shown = connection_->colour_spaces();
    colours_offered_ |= shown;
    return shown;
}

void Surface::add(Swapchain* swapchain) {
    const std::lock_guard lock(swapchain_mutex_);
    swapchains_.push_back(swapchain);
    if (refresh_ns_ != 0) swapchain->set_refresh(refresh_ns_);
}

void Surface::remove(Swapchain* swapchain) noexcept {
    const std::lock_guard lock(swapchain_mutex_);
    std::erase(swapchains_, swapchain);
}

void Surface::wake_swapchains() noexcept {
    const std::lock_guard lock(swapchain_mutex_);
    for (Swapchain* swapchain : swapchains_) swapchain->wake();
}

void Surface::on_presented(const stream::Presented& message) {
    const std::lock_guard lock(swapchain_mutex_);
    for (Swapchain* swapchain : swapchains_) swapchain->on_presented(message);
}

void Surface::on_configure(const stream::Configure& message) {
    if (message.refresh_ns == 0) return;  // no wish, or the consumer has left
    const std::lock_guard lock(swapchain_mutex_);
    refresh_ns_ = message.refresh_ns;
    for (Swapchain* swapchain : swapchains_) swapchain->set_refresh(refresh_ns_);
}

void Surface::update_title() {
    const std::string name = title();
    const std::lock_guard lock(stream_mutex_);
    if (stream_ && !name.empty()) stream_->set_title(name);
}

void Surface::set_cursor(const cursor::Image& image) {
    const std::lock_guard lock(stream_mutex_);
    if (stream_) stream_->set_cursor(image);
}

void Surface::set_clipboard(const std::string& text) {
    const std::lock_guard lock(stream_mutex_);
    if (stream_) stream_->set_clipboard(text);
}

void Surface::end_stream() noexcept {
    std::unique_ptr<producer::Stream> stream;
    {
        const std::lock_guard lock(stream_mutex_);
        stream = std::move(stream_);
    }
}

VKAPI_ATTR void VKAPI_CALL DestroySurfaceKHR(VkInstance handle, VkSurfaceKHR surface,
                                             const VkAllocationCallbacks* allocator) noexcept {
    Instance& instance = *Instance::of(handle);
    if (surface == VK_NULL_HANDLE) return;
    const std::shared_ptr<Surface> ours = instance.remove_surface(surface);
    if (ours && !ours->native()) return;
    if (instance.down().DestroySurfaceKHR) {
        instance.down().DestroySurfaceKHR(handle, surface, allocator);
    }
}

}  // namespace vdmabuf::layer
