// SPDX-License-Identifier: MIT
// VK_KHR_swapchain: making and ending swapchains.
#include "layer/guard.hpp"
#include "layer/instance.hpp"
#include "layer/swapchain.hpp"

namespace vdmabuf::layer {

VKAPI_ATTR VkResult VKAPI_CALL CreateSwapchainKHR(VkDevice handle,
                                                  const VkSwapchainCreateInfoKHR* info,
                                                  const VkAllocationCallbacks* allocator,
                                                  VkSwapchainKHR* out) noexcept {
    return guarded([&] {
        Device& device = *Device::of(handle);
        auto surface = device.instance().surface(info->surface);
        if (!surface) {
            if (!device.down().CreateSwapchainKHR) return VK_ERROR_EXTENSION_NOT_PRESENT;
            return device.down().CreateSwapchainKHR(handle, info, allocator, out);
        }
        *out = VK_NULL_HANDLE;
        if (!device.active()) return VK_ERROR_EXTENSION_NOT_PRESENT;
        // Retired even if the rest fails (Vulkan, "vkCreateSwapchainKHR").
        if (Swapchain* old = device.swapchain(info->oldSwapchain)) old->retire();
        std::unique_ptr<Swapchain> swapchain;
        const VkResult result = Swapchain::create(device, std::move(surface), *info, swapchain);
        if (result == VK_SUCCESS) *out = device.add_swapchain(std::move(swapchain));
        return result;
    });
}

VKAPI_ATTR void VKAPI_CALL DestroySwapchainKHR(VkDevice handle, VkSwapchainKHR swapchain,
                                               const VkAllocationCallbacks* allocator) noexcept {
    Device& device = *Device::of(handle);
    if (swapchain == VK_NULL_HANDLE) return;
    if (device.remove_swapchain(swapchain)) return;
    if (device.down().DestroySwapchainKHR) {
        device.down().DestroySwapchainKHR(handle, swapchain, allocator);
    }
}

VKAPI_ATTR VkResult VKAPI_CALL GetSwapchainImagesKHR(VkDevice handle, VkSwapchainKHR swapchain,
                                                     std::uint32_t* count,
                                                     VkImage* images) noexcept {
    const Device& device = *Device::of(handle);
    if (const Swapchain* ours = device.swapchain(swapchain)) {
        return return_array(ours->image_handles(), count, images);
    }
    if (!device.down().GetSwapchainImagesKHR) return VK_ERROR_EXTENSION_NOT_PRESENT;
    return device.down().GetSwapchainImagesKHR(handle, swapchain, count, images);
}

VKAPI_ATTR VkResult VKAPI_CALL GetSwapchainStatusKHR(VkDevice handle,
                                                     VkSwapchainKHR swapchain) noexcept {
    return guarded([&] {
        const Device& device = *Device::of(handle);
        if (Swapchain* ours = device.swapchain(swapchain)) return ours->status();
        if (!device.down().GetSwapchainStatusKHR) return VK_ERROR_EXTENSION_NOT_PRESENT;
        return device.down().GetSwapchainStatusKHR(handle, swapchain);
    });
}

}  // namespace vdmabuf::layer
