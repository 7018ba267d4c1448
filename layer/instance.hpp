// SPDX-License-Identifier: MIT
#pragma once

#include <map>
#include <memory>
#include <mutex>
#include <shared_mutex>
#include <string>
#include <unordered_map>

#include "layer/dispatch.hpp"
#include "layer/physical_device.hpp"
#include "runtime/producer/connection.hpp"

namespace vdmabuf::window {
class X11Watcher;
}

namespace vdmabuf::layer {

class Surface;
class VirtualDisplay;

// An instance of the app. When it is passive the layer only hands calls through: the app does not
// present, or there was no host when the instance was made.
class Instance {
  public:
    Instance(PFN_GetPhysicalDeviceProcAddr next_for_physical, std::uint32_t version, bool presents);
    ~Instance();
    Instance(const Instance&) = delete;
    Instance& operator=(const Instance&) = delete;

    // It has been made below. Everything that can fail is done before: loaders (1.3.239) free an
    // instance twice that a layer destroys again.
    void made(VkInstance handle, PFN_vkGetInstanceProcAddr next) noexcept;

    // By an instance or physical device; nullptr only for a handle that is not one.
    template <typename Handle>
    static Instance* of(Handle handle) {
        return find(dispatch_key(handle));
    }
    static Instance* find(std::uint64_t key);

    VkInstance handle() const { return handle_; }
    const InstanceDispatch& down() const { return down_; }
    PFN_GetPhysicalDeviceProcAddr next_physical() const { return next_physical_; }
    std::uint32_t api_version() const { return api_version_; }
    bool active() const { return active_; }
    // VK_EXT_swapchain_colorspace: the app knows of colour spaces other than sRGB.
    bool knows_colour_spaces() const { return knows_colour_spaces_; }
    void set_knows_colour_spaces() { knows_colour_spaces_ = true; }

    const PhysicalDevice& physical(VkPhysicalDevice device);

    // The connection to the host, opened at the first call and again when it was lost for good.
    // Null, with the reason in the log, when there is nobody.
    std::shared_ptr<producer::Connection> connection();
    // Follows the windows of an X server, named as in DISPLAY. Null when it cannot be reached.
    std::shared_ptr<window::X11Watcher> watcher(const std::string& display);

    // The display of VK_KHR_display, where the app has enabled it and a host answers, which is
    // tried at the first call; else null: then a driver that has displays shows its own.
    VirtualDisplay* display() noexcept;
    void offer_display() { display_offered_ = true; }

    void add_surface(VkSurfaceKHR handle, std::shared_ptr<Surface> surface);
    std::shared_ptr<Surface> surface(VkSurfaceKHR handle) const;  // null: not ours
    std::shared_ptr<Surface> remove_surface(VkSurfaceKHR handle);

  private:
    VkInstance handle_ = VK_NULL_HANDLE;
    const PFN_GetPhysicalDeviceProcAddr next_physical_;
    const std::uint32_t api_version_;
    const bool active_;
    bool knows_colour_spaces_ = false;  // before it is made
    InstanceDispatch down_;

    std::mutex physical_mutex_;
    std::unordered_map<VkPhysicalDevice, std::unique_ptr<const PhysicalDevice>> physical_;

    std::mutex connection_mutex_;
    std::shared_ptr<producer::Connection> connection_;

    bool display_offered_ = false;  // before the first call of display()
    std::once_flag display_decided_;
    std::unique_ptr<VirtualDisplay> display_;

    std::mutex watcher_mutex_;
    std::map<std::string, std::weak_ptr<window::X11Watcher>> watchers_;

    mutable std::shared_mutex surface_mutex_;
    std::unordered_map<std::uint64_t, std::shared_ptr<Surface>> surfaces_;
};

VKAPI_ATTR VkResult VKAPI_CALL CreateInstance(const VkInstanceCreateInfo* info,
                                              const VkAllocationCallbacks* allocator,
                                              VkInstance* instance) noexcept;
VKAPI_ATTR void VKAPI_CALL DestroyInstance(VkInstance instance,
                                           const VkAllocationCallbacks* allocator) noexcept;
VKAPI_ATTR VkResult VKAPI_CALL EnumerateInstanceExtensionProperties(
    const char* layer, std::uint32_t* count, VkExtensionProperties* properties) noexcept;
VKAPI_ATTR VkResult VKAPI_CALL
EnumerateInstanceLayerProperties(std::uint32_t* count, VkLayerProperties* properties) noexcept;
VKAPI_ATTR VkResult VKAPI_CALL
EnumerateDeviceExtensionProperties(VkPhysicalDevice device, const char* layer, std::uint32_t* count,
                                   VkExtensionProperties* properties) noexcept;

}  // namespace vdmabuf::layer
