// SPDX-License-Identifier: MIT
// vkReleaseSwapchainImagesEXT: images that the app has acquired and will not present.
#include "layer/release_images.hpp"

#include "layer/guard.hpp"
#include "layer/swapchain.hpp"

namespace vdmabuf::layer {
namespace {

VkResult release(VkDevice handle, const VkReleaseSwapchainImagesInfoEXT& info,
                 PFN_vkReleaseSwapchainImagesEXT down) {
    return guarded([&] {
        Swapchain* ours = Device::of(handle)->swapchain(info.swapchain);
        if (!ours) return down ? down(handle, &info) : VK_SUCCESS;
        return ours->release(std::span(info.pImageIndices, info.imageIndexCount));
    });
}

}  // namespace

VKAPI_ATTR VkResult VKAPI_CALL
ReleaseSwapchainImagesEXT(VkDevice handle, const VkReleaseSwapchainImagesInfoEXT* info) noexcept {
    return release(handle, *info, Device::of(handle)->down().ReleaseSwapchainImagesEXT);
}

VKAPI_ATTR VkResult VKAPI_CALL
ReleaseSwapchainImagesKHR(VkDevice handle, const VkReleaseSwapchainImagesInfoEXT* info) noexcept {
#ifdef VK_KHR_swapchain_maintenance1
    return release(handle, *info, Device::of(handle)->down().ReleaseSwapchainImagesKHR);
#else
    return release(handle, *info, nullptr);
#endif
}

}  // namespace vdmabuf::layer
