// SPDX-License-Identifier: MIT
// What extensions chain to a present, for each of its swapchains.
#pragma once

#include <optional>

#include "layer/present_worker.hpp"

namespace vdmabuf::layer {

// The structures of a VkPresentInfoKHR; each may be null.
class PresentInfo {
  public:
    explicit PresentInfo(const VkPresentInfoKHR& info);

    // Of the swapchain with this index in the call.
    Damage damage(std::uint32_t swapchain) const;
    std::uint64_t id(std::uint32_t swapchain) const;  // 0: none
    VkFence fence(std::uint32_t swapchain) const;     // null: none
    // Null: as before.
    const VkPresentModeKHR* mode(std::uint32_t swapchain) const;
    std::optional<PresentTiming> timing(std::uint32_t swapchain) const;
    bool has_fences() const { return fences_ != nullptr; }

  private:
    const VkPresentRegionsKHR* regions_ = nullptr;
    const VkPresentIdKHR* ids_ = nullptr;
#ifdef VK_KHR_present_id2
    const VkPresentId2KHR* ids2_ = nullptr;
#endif
#ifdef VK_EXT_present_timing
    const VkPresentTimingsInfoEXT* timings_ = nullptr;
#endif
    const VkSwapchainPresentFenceInfoEXT* fences_ = nullptr;
    const VkSwapchainPresentModeInfoEXT* modes_ = nullptr;
};

}  // namespace vdmabuf::layer
