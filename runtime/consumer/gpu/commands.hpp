// SPDX-License-Identifier: MIT
#pragma once

#include <vulkan/vulkan_core.h>

#include <cstdint>
#include <functional>
#include <initializer_list>
#include <memory>

#include "runtime/common/result.hpp"
#include "runtime/consumer/gpu/device.hpp"
#include "runtime/consumer/gpu/handles.hpp"

namespace vdmabuf::gpu {

// Longest time that we give a GPU for one submission before it counts as lost. Drivers notice that
// a GPU hangs after ten seconds or so, and say VK_ERROR_DEVICE_LOST; this is for those that do not.
constexpr std::uint64_t kGpuTimeoutNs = 20'000'000'000;

// One command buffer, recorded anew for each use, and its fence. One thread at a time.
class Commands {
  public:
    static Result<Commands> create(std::shared_ptr<Device> device);

    // Begins recording, once the last submission is done.
    Result<VkCommandBuffer> begin();
    // Ends recording and submits. Transfers wait for the semaphores; those that are null are left
    // out.
    Status submit(std::initializer_list<VkSemaphore> waits = {},
                  VkSemaphore signal = VK_NULL_HANDLE);
    // Waits until the GPU is done with the last submission; ETIMEDOUT after kGpuTimeoutNs.
    Status wait();

    // begin(), record, submit() and wait().
    Status run(const std::function<void(VkCommandBuffer)>& record);

  private:
    Commands() = default;
    std::shared_ptr<Device> device_;
    CommandPool pool_;
    VkCommandBuffer buffer_ = VK_NULL_HANDLE;  // freed with the pool
    Fence fence_;
    bool submitted_ = false;
};

// A barrier on the whole of a colour image of one level and layer, without change of owner.
void image_barrier(VkCommandBuffer commands, VkImage image, VkImageLayout from, VkImageLayout to,
                   VkPipelineStageFlags before, VkAccessFlags written, VkPipelineStageFlags after,
                   VkAccessFlags read);

void memory_barrier(VkCommandBuffer commands, VkPipelineStageFlags before, VkAccessFlags written,
                    VkPipelineStageFlags after, VkAccessFlags read);

constexpr VkImageSubresourceLayers kColourLayer = {VK_IMAGE_ASPECT_COLOR_BIT, 0, 0, 1};
constexpr VkImageSubresourceRange kColourRange = {VK_IMAGE_ASPECT_COLOR_BIT, 0, 1, 0, 1};

}  // namespace vdmabuf::gpu
