// SPDX-License-Identifier: MIT
#include "layer/present_modes.hpp"

#include <algorithm>

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
};

}  // namespace

std::span<const VkPresentModeKHR> present_modes() {
    return kModes;
}

std::span<const VkPresentModeKHR> modes_without_surface() {
    return std::span(kModes).first(1);
}

bool is_present_mode(VkPresentModeKHR mode) {
    return std::find(std::begin(kModes), std::end(kModes), mode) != std::end(kModes);
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

std::span<const VkPresentModeKHR> compatible_modes(VkPresentModeKHR mode) {
    if (!is_present_mode(mode)) return {};
    return kModes;
}

}  // namespace vdmabuf::layer
