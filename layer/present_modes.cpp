// SPDX-License-Identifier: MIT
#include "layer/present_modes.hpp"

#include <algorithm>

#include "layer/physical_device.hpp"

namespace vdmabuf::layer {
namespace {

constexpr VkPresentModeKHR kModes[] = {
    VK_PRESENT_MODE_FIFO_KHR,
    VK_PRESENT_MODE_MAILBOX_KHR,
    VK_PRESENT_MODE_IMMEDIATE_KHR,
    VK_PRESENT_MODE_FIFO_RELAXED_KHR,
#ifdef VK_EXT_present_mode_fifo_latest_ready
    VK_PRESENT_MODE_FIFO_LATEST_READY_EXT,
#endif
    VK_PRESENT_MODE_SHARED_DEMAND_REFRESH_KHR,
    VK_PRESENT_MODE_SHARED_CONTINUOUS_REFRESH_KHR,
};
constexpr std::size_t kSharedModes = 2;  // the last ones

}  // namespace

std::span<const VkPresentModeKHR> present_modes(const PhysicalDevice& physical) {
    const bool shared = has(physical.served, Extension::shared_presentable_image);
    return std::span(kModes).first(std::size(kModes) - (shared ? 0 : kSharedModes));
}

std::vector<VkPresentModeKHR> modes_without_surface(const PhysicalDevice& physical) {
    std::vector<VkPresentModeKHR> modes;
    for (const VkPresentModeKHR mode : present_modes(physical)) {
        if (mode == VK_PRESENT_MODE_FIFO_KHR || is_shared_mode(mode)) modes.push_back(mode);
    }
    return modes;
}

bool is_present_mode(const PhysicalDevice& physical, VkPresentModeKHR mode) {
    const auto modes = present_modes(physical);
    return std::find(modes.begin(), modes.end(), mode) != modes.end();
}

bool is_shared_mode(VkPresentModeKHR mode) {
    return mode == VK_PRESENT_MODE_SHARED_DEMAND_REFRESH_KHR ||
           mode == VK_PRESENT_MODE_SHARED_CONTINUOUS_REFRESH_KHR;
}

bool is_queued_mode(VkPresentModeKHR mode) {
    switch (mode) {
        case VK_PRESENT_MODE_FIFO_KHR:
        case VK_PRESENT_MODE_FIFO_RELAXED_KHR:
#ifdef VK_EXT_present_mode_fifo_latest_ready
        case VK_PRESENT_MODE_FIFO_LATEST_READY_EXT:
#endif
            return true;
        default:
            return false;
    }
}

stream::PresentMode wire_mode(VkPresentModeKHR mode) {
    switch (mode) {
        case VK_PRESENT_MODE_FIFO_KHR:
        case VK_PRESENT_MODE_FIFO_RELAXED_KHR:
            return stream::PresentMode::fifo;
        case VK_PRESENT_MODE_IMMEDIATE_KHR:
            return stream::PresentMode::immediate;
        default:
            return stream::PresentMode::mailbox;
    }
}

std::span<const VkPresentModeKHR> compatible_modes(const PhysicalDevice& physical,
                                                   VkPresentModeKHR mode) {
    if (!is_present_mode(physical, mode)) return {};
    if (is_shared_mode(mode)) return std::span(kModes).last(kSharedModes);
    return std::span(kModes).first(std::size(kModes) - kSharedModes);
}

}  // namespace vdmabuf::layer
