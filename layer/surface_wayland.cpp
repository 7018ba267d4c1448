// SPDX-License-Identifier: MIT
// VK_KHR_wayland_surface. The size of the surface is what the swapchain says.
#include "layer/guard.hpp"
#include "layer/instance.hpp"
#include "layer/surface.hpp"
#include "runtime/common/log.hpp"
#include "runtime/window/wayland_placeholder.hpp"

namespace vdmabuf::layer {
namespace {

class WaylandSurface final : public Surface {
  public:
    WaylandSurface(std::shared_ptr<producer::Connection> connection,
                   std::unique_ptr<window::WaylandPlaceholder> placeholder)
        : Surface(std::move(connection), true), placeholder_(std::move(placeholder)) {}
    ~WaylandSurface() override { end_stream(); }

    VkResult query_extent(std::optional<VkExtent2D>& extent) override {
        extent.reset();
        return VK_SUCCESS;
    }
    std::optional<VkExtent2D> known_extent() noexcept override { return std::nullopt; }
    bool lost() const noexcept override { return placeholder_->lost(); }
    // What the app calls its window is between the app and the compositor.
    std::string title() override { return program_name(); }
    void presented(VkExtent2D extent) noexcept override {
        placeholder_->commit({extent.width, extent.height});
    }
    bool has_upkeep() const noexcept override { return true; }
    void upkeep() noexcept override {
        placeholder_->exchange();
        if (placeholder_->lost()) wake_swapchains();
    }

  private:
    const std::unique_ptr<window::WaylandPlaceholder> placeholder_;
};

// Makes our surface for one that exists below; when there is no host the driver keeps it.
void adopt(Instance& instance, VkSurfaceKHR handle, const VkWaylandSurfaceCreateInfoKHR& info) {
    const window::Wayland* wayland = window::Wayland::get();
    if (!wayland) {
        LOG_WARNING("libwayland-client cannot be opened, the driver presents");
        return;
    }
    auto connection = instance.connection();
    if (!connection) return;
    auto placeholder = window::WaylandPlaceholder::make(*wayland, info.display, info.surface);
    if (!placeholder) return;
    instance.add_surface(
        handle, std::make_shared<WaylandSurface>(std::move(connection), std::move(placeholder)));
}

}  // namespace

VKAPI_ATTR VkResult VKAPI_CALL CreateWaylandSurfaceKHR(VkInstance handle,
                                                       const VkWaylandSurfaceCreateInfoKHR* info,
                                                       const VkAllocationCallbacks* allocator,
                                                       VkSurfaceKHR* surface) noexcept {
    Instance& instance = *Instance::of(handle);
    const auto create = instance.down().CreateWaylandSurfaceKHR;
    if (!create) return VK_ERROR_EXTENSION_NOT_PRESENT;
    const VkResult result = create(handle, info, allocator, surface);
    if (result != VK_SUCCESS) return result;
    const VkResult adopted = guarded([&] {
        adopt(instance, *surface, *info);
        return VK_SUCCESS;
    });
    if (adopted != VK_SUCCESS) instance.down().DestroySurfaceKHR(handle, *surface, allocator);
    return adopted;
}

VKAPI_ATTR VkBool32 VKAPI_CALL GetPhysicalDeviceWaylandPresentationSupportKHR(
    VkPhysicalDevice device, std::uint32_t family, wl_display* display) noexcept {
    Instance& instance = *Instance::of(device);
    VkBool32 supported = VK_FALSE;
    if (instance.down().GetPhysicalDeviceWaylandPresentationSupportKHR) {
        supported =
            instance.down().GetPhysicalDeviceWaylandPresentationSupportKHR(device, family, display);
    }
    (void)guarded([&] {
        if (instance.physical(device).can_present(family)) supported = VK_TRUE;
        return VK_SUCCESS;
    });
    return supported;
}

}  // namespace vdmabuf::layer
