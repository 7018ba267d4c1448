// SPDX-License-Identifier: MIT
#pragma once

#include <atomic>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "layer/vulkan.hpp"
#include "runtime/producer/connection.hpp"

namespace vdmabuf::layer {

class Instance;
class Swapchain;

// A surface that the layer serves. Those of X11 and Wayland exist below us as well, so that the
// loader knows their handle; a headless one is ours alone and its handle must not reach anybody
// below.
class Surface : public producer::StreamListener {
  public:
    // `connection` is null for a headless surface that nobody sees.
    Surface(std::shared_ptr<producer::Connection> connection, bool native);
    ~Surface() override;
    Surface(const Surface&) = delete;
    Surface& operator=(const Surface&) = delete;

    bool native() const { return native_; }  // the handle is known below

    // The window's size, asked now. Without a value the swapchain decides.
    virtual VkResult query_extent(std::optional<VkExtent2D>& extent) = 0;
    // The window's size as far as is known, without asking: called for each frame. Never newer than
    // what query_extent() answers afterwards.
    virtual std::optional<VkExtent2D> known_extent() noexcept = 0;
    virtual bool lost() const noexcept = 0;
    virtual std::string title() = 0;
    // The app's window takes what the user does on the host.
    virtual bool takes_input() const noexcept { return false; }
    // It copies to, and pastes from, the host's clipboard.
    virtual bool takes_clipboard() const noexcept { return false; }
    // An image of this size was presented: called from vkQueuePresentKHR on the app's thread. No
    // call to the system.
    virtual void presented(VkExtent2D) noexcept {}
    // Whether upkeep() is to be called after each present, by the swapchain's present worker.
    virtual bool has_upkeep() const noexcept { return false; }
    virtual void upkeep() noexcept {}

    const std::shared_ptr<producer::Connection>& connection() const { return connection_; }
    // What the surface offers now, where the app has enabled colour spaces.
    stream::ColourSpaces offer_colours(bool enabled) noexcept;
    // All that it has offered so far: what the host has stopped to show meanwhile the app may still
    // ask for.
    stream::ColourSpaces colours_offered() const noexcept { return colours_offered_; }
    // The surface's stream, made at the first call. Null, with the reason in the log, when the host
    // refuses.
    producer::Stream* stream(VkExtent2D extent);

    void add(Swapchain* swapchain);
    void remove(Swapchain* swapchain) noexcept;

    void on_release(std::uint32_t, std::uint64_t) override {}
    void on_presented(const stream::Presented& message) override;
    void on_configure(const stream::Configure& message) override;
    void on_close() override {}
    void on_lost() override {}

  protected:
    // Wakes whoever waits for an image: the window has gone.
    void wake_swapchains() noexcept;
    void update_title();
    void set_cursor(const cursor::Image& image);
    void set_clipboard(const std::string& text);
    // To be called by destructors before what title() and lost() need has gone.
    void end_stream() noexcept;

  private:
    const std::shared_ptr<producer::Connection> connection_;
    const bool native_;
    std::atomic<stream::ColourSpaces> colours_offered_{stream::kSrgbAlone};
    std::mutex stream_mutex_;
    std::unique_ptr<producer::Stream> stream_;
    std::mutex swapchain_mutex_;
    std::vector<Swapchain*> swapchains_;
    std::uint64_t refresh_ns_ = 0;  // of the consumer's display; 0: not known
};

// What the app's program is called.
std::string program_name();

VKAPI_ATTR VkResult VKAPI_CALL CreateXcbSurfaceKHR(VkInstance instance,
                                                   const VkXcbSurfaceCreateInfoKHR* info,
                                                   const VkAllocationCallbacks* allocator,
                                                   VkSurfaceKHR* surface) noexcept;
VKAPI_ATTR VkBool32 VKAPI_CALL GetPhysicalDeviceXcbPresentationSupportKHR(
    VkPhysicalDevice device, std::uint32_t family, xcb_connection_t* connection,
    xcb_visualid_t visual) noexcept;
VKAPI_ATTR VkResult VKAPI_CALL CreateXlibSurfaceKHR(VkInstance instance,
                                                    const VkXlibSurfaceCreateInfoKHR* info,
                                                    const VkAllocationCallbacks* allocator,
                                                    VkSurfaceKHR* surface) noexcept;
VKAPI_ATTR VkBool32 VKAPI_CALL GetPhysicalDeviceXlibPresentationSupportKHR(
    VkPhysicalDevice device, std::uint32_t family, Display* display, VisualID visual) noexcept;
VKAPI_ATTR VkResult VKAPI_CALL CreateWaylandSurfaceKHR(VkInstance instance,
                                                       const VkWaylandSurfaceCreateInfoKHR* info,
                                                       const VkAllocationCallbacks* allocator,
                                                       VkSurfaceKHR* surface) noexcept;
VKAPI_ATTR VkBool32 VKAPI_CALL GetPhysicalDeviceWaylandPresentationSupportKHR(
    VkPhysicalDevice device, std::uint32_t family, wl_display* display) noexcept;
VKAPI_ATTR VkResult VKAPI_CALL CreateHeadlessSurfaceEXT(VkInstance instance,
                                                        const VkHeadlessSurfaceCreateInfoEXT* info,
                                                        const VkAllocationCallbacks* allocator,
                                                        VkSurfaceKHR* surface) noexcept;
VKAPI_ATTR void VKAPI_CALL DestroySurfaceKHR(VkInstance instance, VkSurfaceKHR surface,
                                             const VkAllocationCallbacks* allocator) noexcept;

}  // namespace vdmabuf::layer
