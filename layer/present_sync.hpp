// SPDX-License-Identifier: MIT
#pragma once

#include "layer/vulkan.hpp"

namespace vdmabuf::layer {

// How a frame waits for the GPU after vkQueuePresentKHR has returned.
enum class PresentSync {
    fence,   // it is handed over at once, with a sync_file that the driver exports
    worker,  // a thread of the swapchain waits for a VkFence, then hands it over
};

struct PresentSyncInput {
    VkPhysicalDeviceType type = VK_PHYSICAL_DEVICE_TYPE_OTHER;
    bool exports_sync_fd = false;
    bool seen = false;       // there is a host to hand frames to
    bool needs_cpu = false;  // the strategy: something is left to do when the GPU is done
};

// `wanted`: "fence" or "worker" (VDMABUF_SYNC, for tests and for drivers that are not what they
// seem), else null.
PresentSync present_sync(const PresentSyncInput& input, const char* wanted);

}  // namespace vdmabuf::layer
