// SPDX-License-Identifier: MIT
// Images that an app makes itself and binds to the memory of a swapchain's image
// (VkImageSwapchainCreateInfoKHR, VkBindImageMemorySwapchainInfoKHR): the driver must never see the
// swapchain that they name.
#include <vector>

#include "layer/guard.hpp"
#include "layer/swapchain.hpp"

namespace vdmabuf::layer {
namespace {

const VkBindImageMemorySwapchainInfoKHR* swapchain_info(const VkBindImageMemoryInfo& info) {
    const auto* found = find_in_chain<VkBindImageMemorySwapchainInfoKHR>(
        info.pNext, VK_STRUCTURE_TYPE_BIND_IMAGE_MEMORY_SWAPCHAIN_INFO_KHR);
    return found && found->swapchain != VK_NULL_HANDLE ? found : nullptr;
}

VkResult bind(const Device& device, PFN_vkBindImageMemory2 down, std::uint32_t count,
              const VkBindImageMemoryInfo* infos) {
    bool ours = false;
    for (std::uint32_t i = 0; i < count && !ours; ++i) {
        const auto* info = swapchain_info(infos[i]);
        ours = info && device.swapchain(info->swapchain);
    }
    if (!ours) return down(device.handle(), count, infos);
    VkResult worst = VK_SUCCESS;
    for (std::uint32_t i = 0; i < count; ++i) {
        const auto* info = swapchain_info(infos[i]);
        const Swapchain* swapchain = info ? device.swapchain(info->swapchain) : nullptr;
        const VkResult result = swapchain ? swapchain->bind_alias(infos[i].image, info->imageIndex)
                                          : down(device.handle(), 1, &infos[i]);
        if (result != VK_SUCCESS) worst = result;
    }
    return worst;
}

}  // namespace

VKAPI_ATTR VkResult VKAPI_CALL CreateImage(VkDevice handle, const VkImageCreateInfo* info,
                                           const VkAllocationCallbacks* allocator,
                                           VkImage* image) noexcept {
    return guarded([&] {
        const Device& device = *Device::of(handle);
        const auto* chained = find_in_chain<VkImageSwapchainCreateInfoKHR>(
            info->pNext, VK_STRUCTURE_TYPE_IMAGE_SWAPCHAIN_CREATE_INFO_KHR);
        const Swapchain* swapchain =
            chained && chained->swapchain ? device.swapchain(chained->swapchain) : nullptr;
        // The app's parameters are the swapchain's (VUID-VkImageSwapchainCreateInfoKHR-swapchain-
        // 00995), to which come ours.
        if (swapchain) return swapchain->create_alias(allocator, image);
        return device.down().CreateImage(handle, info, allocator, image);
    });
}

VKAPI_ATTR VkResult VKAPI_CALL BindImageMemory2(VkDevice handle, std::uint32_t count,
                                                const VkBindImageMemoryInfo* infos) noexcept {
    return guarded([&] {
        const Device& device = *Device::of(handle);
        return bind(device, device.down().BindImageMemory2, count, infos);
    });
}

VKAPI_ATTR VkResult VKAPI_CALL BindImageMemory2KHR(VkDevice handle, std::uint32_t count,
                                                   const VkBindImageMemoryInfo* infos) noexcept {
    return guarded([&] {
        const Device& device = *Device::of(handle);
        return bind(device, device.down().BindImageMemory2KHR, count, infos);
    });
}

}  // namespace vdmabuf::layer
