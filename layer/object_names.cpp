// SPDX-License-Identifier: MIT
#include "layer/object_names.hpp"

#include "layer/guard.hpp"
#include "layer/instance.hpp"
#include "layer/swapchain.hpp"

namespace vdmabuf::layer {
namespace {

template <typename Handle>
Handle handle_from_bits(std::uint64_t bits) {
    return handle_of<Handle>(reinterpret_cast<const void*>(static_cast<std::uintptr_t>(bits)));
}

Swapchain* our_swapchain(const Device& device, std::uint64_t object) {
    return device.swapchain(handle_from_bits<VkSwapchainKHR>(object));
}

// Nobody below knows this object.
bool ours_alone(const Device& device, bool is_swapchain, bool is_surface, std::uint64_t object) {
    if (is_swapchain) return our_swapchain(device, object) != nullptr;
    if (!is_surface) return false;
    const auto surface = device.instance().surface(handle_from_bits<VkSurfaceKHR>(object));
    return surface && !surface->native();
}

bool ours_alone(const Device& device, VkObjectType type, std::uint64_t object) {
    return ours_alone(device, type == VK_OBJECT_TYPE_SWAPCHAIN_KHR,
                      type == VK_OBJECT_TYPE_SURFACE_KHR, object);
}

bool ours_alone(const Device& device, VkDebugReportObjectTypeEXT type, std::uint64_t object) {
    return ours_alone(device, type == VK_DEBUG_REPORT_OBJECT_TYPE_SWAPCHAIN_KHR_EXT,
                      type == VK_DEBUG_REPORT_OBJECT_TYPE_SURFACE_KHR_EXT, object);
}

// Instances have these functions for the loader's sake, where a device's driver knows nothing of
// names: libplacebo calls them all the same.
template <typename Function, typename Info>
VkResult told(Function down, VkDevice device, const Info* info) {
    return down ? down(device, info) : VK_SUCCESS;
}

VkResult set_private_data(const Device& device, PFN_vkSetPrivateData down, VkObjectType type,
                          std::uint64_t object, VkPrivateDataSlot slot, std::uint64_t data) {
    Swapchain* swapchain =
        type == VK_OBJECT_TYPE_SWAPCHAIN_KHR ? our_swapchain(device, object) : nullptr;
    if (!swapchain) {
        return down ? down(device.handle(), type, object, slot, data)
                    : VK_ERROR_EXTENSION_NOT_PRESENT;
    }
    swapchain->set_private_data(handle_bits(slot), data);
    return VK_SUCCESS;
}

void get_private_data(const Device& device, PFN_vkGetPrivateData down, VkObjectType type,
                      std::uint64_t object, VkPrivateDataSlot slot, std::uint64_t* data) {
    Swapchain* swapchain =
        type == VK_OBJECT_TYPE_SWAPCHAIN_KHR ? our_swapchain(device, object) : nullptr;
    if (swapchain) {
        *data = swapchain->private_data(handle_bits(slot));
    } else if (down) {
        down(device.handle(), type, object, slot, data);
    }
}

// What swapchains had in the slot ends with it: another one may get its handle.
void destroy_slot(const Device& device, PFN_vkDestroyPrivateDataSlot down, VkPrivateDataSlot slot,
                  const VkAllocationCallbacks* allocator) {
    device.for_each_swapchain(
        [&](Swapchain& swapchain) { swapchain.forget_private_data(handle_bits(slot)); });
    if (down) down(device.handle(), slot, allocator);
}

}  // namespace

VKAPI_ATTR VkResult VKAPI_CALL
SetDebugUtilsObjectNameEXT(VkDevice handle, const VkDebugUtilsObjectNameInfoEXT* info) noexcept {
    const Device& device = *Device::of(handle);
    if (ours_alone(device, info->objectType, info->objectHandle)) return VK_SUCCESS;
    return told(device.down().SetDebugUtilsObjectNameEXT, handle, info);
}

VKAPI_ATTR VkResult VKAPI_CALL
SetDebugUtilsObjectTagEXT(VkDevice handle, const VkDebugUtilsObjectTagInfoEXT* info) noexcept {
    const Device& device = *Device::of(handle);
    if (ours_alone(device, info->objectType, info->objectHandle)) return VK_SUCCESS;
    return told(device.down().SetDebugUtilsObjectTagEXT, handle, info);
}

VKAPI_ATTR VkResult VKAPI_CALL
DebugMarkerSetObjectNameEXT(VkDevice handle, const VkDebugMarkerObjectNameInfoEXT* info) noexcept {
    const Device& device = *Device::of(handle);
    if (ours_alone(device, info->objectType, info->object)) return VK_SUCCESS;
    return told(device.down().DebugMarkerSetObjectNameEXT, handle, info);
}

VKAPI_ATTR VkResult VKAPI_CALL
DebugMarkerSetObjectTagEXT(VkDevice handle, const VkDebugMarkerObjectTagInfoEXT* info) noexcept {
    const Device& device = *Device::of(handle);
    if (ours_alone(device, info->objectType, info->object)) return VK_SUCCESS;
    return told(device.down().DebugMarkerSetObjectTagEXT, handle, info);
}

VKAPI_ATTR VkResult VKAPI_CALL SetPrivateData(VkDevice handle, VkObjectType type,
                                              std::uint64_t object, VkPrivateDataSlot slot,
                                              std::uint64_t data) noexcept {
    return guarded([&] {
        const Device& device = *Device::of(handle);
        return set_private_data(device, device.down().SetPrivateData, type, object, slot, data);
    });
}

VKAPI_ATTR VkResult VKAPI_CALL SetPrivateDataEXT(VkDevice handle, VkObjectType type,
                                                 std::uint64_t object, VkPrivateDataSlot slot,
                                                 std::uint64_t data) noexcept {
    return guarded([&] {
        const Device& device = *Device::of(handle);
        return set_private_data(device, device.down().SetPrivateDataEXT, type, object, slot, data);
    });
}

VKAPI_ATTR void VKAPI_CALL GetPrivateData(VkDevice handle, VkObjectType type, std::uint64_t object,
                                          VkPrivateDataSlot slot, std::uint64_t* data) noexcept {
    const Device& device = *Device::of(handle);
    get_private_data(device, device.down().GetPrivateData, type, object, slot, data);
}

VKAPI_ATTR void VKAPI_CALL GetPrivateDataEXT(VkDevice handle, VkObjectType type,
                                             std::uint64_t object, VkPrivateDataSlot slot,
                                             std::uint64_t* data) noexcept {
    const Device& device = *Device::of(handle);
    get_private_data(device, device.down().GetPrivateDataEXT, type, object, slot, data);
}

VKAPI_ATTR void VKAPI_CALL DestroyPrivateDataSlot(VkDevice handle, VkPrivateDataSlot slot,
                                                  const VkAllocationCallbacks* allocator) noexcept {
    const Device& device = *Device::of(handle);
    destroy_slot(device, device.down().DestroyPrivateDataSlot, slot, allocator);
}

VKAPI_ATTR void VKAPI_CALL DestroyPrivateDataSlotEXT(
    VkDevice handle, VkPrivateDataSlot slot, const VkAllocationCallbacks* allocator) noexcept {
    const Device& device = *Device::of(handle);
    destroy_slot(device, device.down().DestroyPrivateDataSlotEXT, slot, allocator);
}

}  // namespace vdmabuf::layer
