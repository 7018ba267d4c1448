// SPDX-License-Identifier: MIT
#pragma once

#include <span>
#include <vector>

#include "layer/vulkan.hpp"
#include "runtime/common/stream_messages.hpp"

namespace vdmabuf::layer {

struct PhysicalDevice;

constexpr std::uint32_t kMinImages = 2;
// Four swapchains of this size fit into a stream's slots: retired ones keep theirs for a while.
constexpr std::uint32_t kMaxImages = 16;

// In the order in which apps are told of them.
std::span<const VkPresentModeKHR> present_modes(const PhysicalDevice& physical);
// VK_GOOGLE_surfaceless_query: FIFO and the modes of shared images, no other.
std::vector<VkPresentModeKHR> modes_without_surface(const PhysicalDevice& physical);
bool is_present_mode(const PhysicalDevice& physical, VkPresentModeKHR mode);
// VK_KHR_shared_presentable_image: one image, which the app and the host have at the same time.
bool is_shared_mode(VkPresentModeKHR mode);

// Frames are shown one after the other, and may have a time to be shown at.
bool is_queued_mode(VkPresentModeKHR mode);

// How the broker treats a frame of this mode. Relaxed FIFO tears when a frame is late: nothing here
// ever tears, which the mode allows. The latest ready one of a queue is what mailbox shows.
stream::PresentMode wire_mode(VkPresentModeKHR mode);

// The modes to which a swapchain of `mode` may change with each present, itself included: the
// broker looks at each frame's mode. One that shares its image goes on doing so.
std::span<const VkPresentModeKHR> compatible_modes(const PhysicalDevice& physical,
                                                   VkPresentModeKHR mode);

}  // namespace vdmabuf::layer
