// SPDX-License-Identifier: MIT
// Frames of a swapchain as an app shows them, with all that the layer offers in use, and the same
// work for the driver without a swapchain. Each call's time on the calling thread.
#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "tests/layer/support/app.hpp"

namespace vdmabuf::bench {

using test::App;

// vkQueueSubmit and the like, or the end of the program.
void check(VkResult result, const char* what);
#define CHECK(call) ::vdmabuf::bench::check(call, #call)

// The extensions that a present of these frames uses, chained to VkDeviceCreateInfo.
class Extensions {
  public:
    Extensions();
    std::vector<const char*> names() const;
    const void* features() const { return &id_; }

  private:
    VkPhysicalDevicePresentIdFeaturesKHR id_{};
    VkPhysicalDevicePresentWaitFeaturesKHR wait_{};
    VkPhysicalDeviceSwapchainMaintenance1FeaturesEXT maintenance_{};
};

class FrameLoop {
  public:
    // Of a device of `family` with these extensions. `size` of a MAILBOX swapchain of 4 images.
    FrameLoop(VkDevice device, VkQueue queue, std::uint32_t family, VkSurfaceKHR surface,
              VkExtent2D size);
    ~FrameLoop();
    FrameLoop(const FrameLoop&) = delete;
    FrameLoop& operator=(const FrameLoop&) = delete;

    // vkAcquireNextImageKHR, a submission of the app, vkQueuePresentKHR with an id, a damaged
    // rectangle, a mode and a fence; the time of the first and the last. Waits for the GPU.
    // `asks_again`: while all images are with the host, which is pacing and no cost of the call.
    std::uint64_t frame(bool asks_again);
    // What the driver has to do for that: the same submissions, of which one has a command buffer.
    // `acquire_submits`: without SYNC_FD a queue signals what the app waits for.
    std::uint64_t driver_alone(bool acquire_submits);

  private:
    VkCommandBuffer record(VkImage image);
    std::uint64_t submit(VkSemaphore wait, VkSemaphore signal, VkCommandBuffer commands,
                         VkFence fence);
    void wait(std::initializer_list<VkFence> fences);

    const VkDevice device_;
    const VkQueue queue_;
    VkSwapchainKHR swapchain_ = VK_NULL_HANDLE;
    VkCommandPool pool_ = VK_NULL_HANDLE;
    VkSemaphore acquired_ = VK_NULL_HANDLE;
    VkSemaphore rendered_ = VK_NULL_HANDLE;
    VkFence drawn_ = VK_NULL_HANDLE;
    VkFence shown_ = VK_NULL_HANDLE;  // VkSwapchainPresentFenceInfoEXT
    VkFence copied_ = VK_NULL_HANDLE;
    std::vector<VkCommandBuffer> commands_;
    VkCommandBuffer like_ours_ = VK_NULL_HANDLE;  // as the layer's for a present
    std::uint64_t id_ = 0;
};

std::uint64_t median(std::vector<std::uint64_t> values);

}  // namespace vdmabuf::bench
