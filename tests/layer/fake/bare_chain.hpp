// SPDX-License-Identifier: MIT
// Our layer right above the fake driver, without the loader: as much of one as instances and
// devices need. For calls that fail in the layer, which the loader (1.3.239) does not survive.
#pragma once

#include <vulkan/vulkan_core.h>

namespace vdmabuf::fake {

class BareChain {
  public:
    BareChain();
    ~BareChain();
    BareChain(const BareChain&) = delete;
    BareChain& operator=(const BareChain&) = delete;

    // The layer's functions, which go on to the driver's.
    VkResult create_instance(VkInstanceCreateInfo info, VkInstance* out);
    VkResult create_device(VkPhysicalDevice physical, VkDeviceCreateInfo info, VkDevice* out);
    template <typename Function>
    Function function(VkInstance instance, const char* name) const {
        return reinterpret_cast<Function>(layer_(instance, name));
    }
    template <typename Function>
    Function device_function(VkDevice device, const char* name) const {
        return reinterpret_cast<Function>(layer_device_(device, name));
    }
    // The layer gets this from the driver by itself; the app from the loader.
    VkPhysicalDevice first_physical(VkInstance instance) const;

  private:
    void* library_ = nullptr;
    PFN_vkGetInstanceProcAddr layer_ = nullptr;
    PFN_vkGetDeviceProcAddr layer_device_ = nullptr;
    VkInstance instance_ = VK_NULL_HANDLE;
};

}  // namespace vdmabuf::fake
