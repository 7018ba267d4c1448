// SPDX-License-Identifier: MIT
// Features of the layer's extensions: told to apps, and kept from drivers that do not know them.
#pragma once

#include <cstddef>
#include <vector>

#include "layer/extensions.hpp"

namespace vdmabuf::layer {

// A chain to VkDeviceCreateInfo without the structures of ours that the driver does not have. The
// app's structures are not written to: those in front of one that is left out are copied. Points
// into itself and into the app's chain.
class DeviceChain {
  public:
    DeviceChain(const void* chain, const PhysicalDevice& physical);
    DeviceChain(const DeviceChain&) = delete;
    DeviceChain& operator=(const DeviceChain&) = delete;
    const void* get() const { return first_; }

  private:
    const void* first_ = nullptr;
    std::vector<std::vector<std::max_align_t>> copies_;
};

VKAPI_ATTR void VKAPI_CALL GetPhysicalDeviceFeatures2(VkPhysicalDevice device,
                                                      VkPhysicalDeviceFeatures2* features) noexcept;
VKAPI_ATTR void VKAPI_CALL GetPhysicalDeviceFeatures2KHR(
    VkPhysicalDevice device, VkPhysicalDeviceFeatures2* features) noexcept;

}  // namespace vdmabuf::layer
