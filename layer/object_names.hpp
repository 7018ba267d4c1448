// SPDX-License-Identifier: MIT
// Names, tags and private data that apps attach to objects. For swapchains and headless surfaces of
// ours the driver would follow a handle that is not its own (Mesa writes to the object).
#pragma once

#include "layer/vulkan.hpp"

namespace vdmabuf::layer {

VKAPI_ATTR VkResult VKAPI_CALL
SetDebugUtilsObjectNameEXT(VkDevice device, const VkDebugUtilsObjectNameInfoEXT* info) noexcept;
VKAPI_ATTR VkResult VKAPI_CALL
SetDebugUtilsObjectTagEXT(VkDevice device, const VkDebugUtilsObjectTagInfoEXT* info) noexcept;
VKAPI_ATTR VkResult VKAPI_CALL
DebugMarkerSetObjectNameEXT(VkDevice device, const VkDebugMarkerObjectNameInfoEXT* info) noexcept;
VKAPI_ATTR VkResult VKAPI_CALL
DebugMarkerSetObjectTagEXT(VkDevice device, const VkDebugMarkerObjectTagInfoEXT* info) noexcept;
VKAPI_ATTR VkResult VKAPI_CALL SetPrivateData(VkDevice device, VkObjectType type,
                                              std::uint64_t object, VkPrivateDataSlot slot,
                                              std::uint64_t data) noexcept;
VKAPI_ATTR void VKAPI_CALL GetPrivateData(VkDevice device, VkObjectType type, std::uint64_t object,
                                          VkPrivateDataSlot slot, std::uint64_t* data) noexcept;
VKAPI_ATTR VkResult VKAPI_CALL SetPrivateDataEXT(VkDevice device, VkObjectType type,
                                                 std::uint64_t object, VkPrivateDataSlot slot,
                                                 std::uint64_t data) noexcept;
VKAPI_ATTR void VKAPI_CALL GetPrivateDataEXT(VkDevice device, VkObjectType type,
                                             std::uint64_t object, VkPrivateDataSlot slot,
                                             std::uint64_t* data) noexcept;
VKAPI_ATTR void VKAPI_CALL DestroyPrivateDataSlot(VkDevice device, VkPrivateDataSlot slot,
                                                  const VkAllocationCallbacks* allocator) noexcept;
VKAPI_ATTR void VKAPI_CALL DestroyPrivateDataSlotEXT(
    VkDevice device, VkPrivateDataSlot slot, const VkAllocationCallbacks* allocator) noexcept;

}  // namespace vdmabuf::layer
