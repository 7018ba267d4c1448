// SPDX-License-Identifier: MIT
// VK_EXT_headless_surface: a window on the host and none in the guest. Served by the layer alone,
// since many drivers do not have it. A driver's headless surface shows nothing; so does ours when
// there is no host, which makes stepping aside needless here.
#include <unistd.h>

#include "layer/guard.hpp"
#include "layer/instance.hpp"
#include "layer/surface.hpp"
#include "runtime/common/log.hpp"

namespace vdmabuf::layer {
namespace {

class HeadlessSurface final : public Surface {
  public:
    explicit HeadlessSurface(std::shared_ptr<producer::Connection> connection)
        : Surface(std::move(connection), false) {}
    ~HeadlessSurface() override { end_stream(); }

    VkResult query_extent(std::optional<VkExtent2D>& extent) override {
        extent.reset();
        return VK_SUCCESS;
    }
    std::optional<VkExtent2D> known_extent() noexcept override { return std::nullopt; }
    bool lost() const noexcept override { return false; }
    std::string title() override { return program_name(); }
};

}  // namespace

VKAPI_ATTR VkResult VKAPI_CALL CreateHeadlessSurfaceEXT(VkInstance handle,
                                                        const VkHeadlessSurfaceCreateInfoEXT*,
                                                        const VkAllocationCallbacks*,
                                                        VkSurfaceKHR* out) noexcept {
    return guarded([&] {
        Instance& instance = *Instance::of(handle);
        auto surface = std::make_shared<HeadlessSurface>(instance.connection());
        *out = handle_of<VkSurfaceKHR>(surface.get());
        instance.add_surface(*out, std::move(surface));
        return VK_SUCCESS;
    });
}

}  // namespace vdmabuf::layer
