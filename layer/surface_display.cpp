// SPDX-License-Identifier: MIT
// A surface on the virtual display (VK_KHR_display). Served by the layer alone, as a headless one.
#include "layer/display.hpp"
#include "layer/guard.hpp"
#include "layer/instance.hpp"
#include "layer/surface.hpp"
#include "layer/virtual_display.hpp"

namespace vdmabuf::layer {
namespace {

class DisplaySurface final : public Surface {
  public:
    DisplaySurface(std::shared_ptr<producer::Connection> connection, VkExtent2D extent)
        : Surface(std::move(connection), false), extent_(extent) {}
    ~DisplaySurface() override { end_stream(); }

    VkResult query_extent(std::optional<VkExtent2D>& extent) override {
        extent = extent_;
        return VK_SUCCESS;
    }
    std::optional<VkExtent2D> known_extent() noexcept override { return extent_; }
    bool lost() const noexcept override { return false; }
    std::string title() override { return program_name(); }

  private:
    const VkExtent2D extent_;
};

}  // namespace

VKAPI_ATTR VkResult VKAPI_CALL
CreateDisplayPlaneSurfaceKHR(VkInstance handle, const VkDisplaySurfaceCreateInfoKHR* info,
                             const VkAllocationCallbacks* allocator, VkSurfaceKHR* out) noexcept {
    return guarded([&] {
        Instance& instance = *Instance::of(handle);
        VirtualDisplay* display = instance.display();
        if (!display || !display->mode(info->displayMode)) {
            const auto create = instance.down().CreateDisplayPlaneSurfaceKHR;
            return create ? create(handle, info, allocator, out) : VK_ERROR_EXTENSION_NOT_PRESENT;
        }
        const auto surface =
            std::make_shared<DisplaySurface>(instance.connection(), info->imageExtent);
        *out = handle_of<VkSurfaceKHR>(surface.get());
        instance.add_surface(*out, surface);
        return VK_SUCCESS;
    });
}

}  // namespace vdmabuf::layer
