// SPDX-License-Identifier: MIT
#include "runtime/consumer/gpu/commands.hpp"

#include <array>

#include "runtime/consumer/gpu/result.hpp"

namespace vdmabuf::gpu {
namespace {

constexpr std::size_t kMaxWaits = 2;  // of a submission: a window's image, and a frame's writers

}  // namespace

Result<Commands> Commands::create(std::shared_ptr<Device> device) {
    Commands commands;
    commands.device_ = std::move(device);
    const VkDevice vk = commands.device_->get();
    VkCommandPoolCreateInfo pool_info{};
    pool_info.sType = VK_STRUCTURE_TYPE_COMMAND_POOL_CREATE_INFO;
    pool_info.flags = VK_COMMAND_POOL_CREATE_TRANSIENT_BIT;
    pool_info.queueFamilyIndex = commands.device_->queue_family();
    VkCommandPool pool = VK_NULL_HANDLE;
    VkResult made = vkCreateCommandPool(vk, &pool_info, nullptr, &pool);
    if (made != VK_SUCCESS) return vulkan_error("vkCreateCommandPool", made);
    commands.pool_ = CommandPool(vk, pool);

    VkCommandBufferAllocateInfo info{};
    info.sType = VK_STRUCTURE_TYPE_COMMAND_BUFFER_ALLOCATE_INFO;
    info.commandPool = pool;
    info.level = VK_COMMAND_BUFFER_LEVEL_PRIMARY;
    info.commandBufferCount = 1;
    made = vkAllocateCommandBuffers(vk, &info, &commands.buffer_);
    if (made != VK_SUCCESS) return vulkan_error("vkAllocateCommandBuffers", made);

    VkFenceCreateInfo fence_info{};
    fence_info.sType = VK_STRUCTURE_TYPE_FENCE_CREATE_INFO;
    VkFence fence = VK_NULL_HANDLE;
    made = vkCreateFence(vk, &fence_info, nullptr, &fence);
    if (made != VK_SUCCESS) return vulkan_error("vkCreateFence", made);
    commands.fence_ = Fence(vk, fence);
    return commands;
}

Result<VkCommandBuffer> Commands::begin() {
    if (auto done = wait(); !done) return done.error();
    vkResetCommandPool(device_->get(), pool_.get(), 0);
    VkCommandBufferBeginInfo info{};
    info.sType = VK_STRUCTURE_TYPE_COMMAND_BUFFER_BEGIN_INFO;
    info.flags = VK_COMMAND_BUFFER_USAGE_ONE_TIME_SUBMIT_BIT;
    const VkResult begun = vkBeginCommandBuffer(buffer_, &info);
    if (begun != VK_SUCCESS) return vulkan_error("vkBeginCommandBuffer", begun);
    return buffer_;
}

Status Commands::submit(std::initializer_list<VkSemaphore> waits, VkSemaphore signal) {
    if (const VkResult ended = vkEndCommandBuffer(buffer_); ended != VK_SUCCESS) {
        return vulkan_error("vkEndCommandBuffer", ended);
    }
    const VkFence fence = fence_.get();
    vkResetFences(device_->get(), 1, &fence);
    std::array<VkSemaphore, kMaxWaits> semaphores{};
    std::array<VkPipelineStageFlags, kMaxWaits> stages{};
    stages.fill(VK_PIPELINE_STAGE_TRANSFER_BIT);
    std::uint32_t count = 0;
    for (const VkSemaphore wait : waits) {
        if (wait != VK_NULL_HANDLE && count < kMaxWaits) semaphores[count++] = wait;
    }
    VkSubmitInfo info{};
    info.sType = VK_STRUCTURE_TYPE_SUBMIT_INFO;
    info.waitSemaphoreCount = count;
    info.pWaitSemaphores = semaphores.data();
    info.pWaitDstStageMask = stages.data();
    info.commandBufferCount = 1;
    info.pCommandBuffers = &buffer_;
    info.signalSemaphoreCount = signal != VK_NULL_HANDLE ? 1 : 0;
    info.pSignalSemaphores = &signal;
    const VkResult sent = device_->submit(info, fence);
    submitted_ = sent == VK_SUCCESS;
    return submitted_ ? Status{} : vulkan_error("vkQueueSubmit", sent);
}

Status Commands::wait() {
    if (!submitted_) return {};
    const VkFence fence = fence_.get();
    const VkResult waited = vkWaitForFences(device_->get(), 1, &fence, VK_TRUE, kGpuTimeoutNs);
    if (waited != VK_SUCCESS) return vulkan_error("the GPU does not finish", waited);
    submitted_ = false;
    return {};
}

Status Commands::run(const std::function<void(VkCommandBuffer)>& record) {
    auto commands = begin();
    if (!commands) return commands.error();
    record(*commands);
    if (auto sent = submit(); !sent) return sent;
    return wait();
}

void image_barrier(VkCommandBuffer commands, VkImage image, VkImageLayout from, VkImageLayout to,
                   VkPipelineStageFlags before, VkAccessFlags written, VkPipelineStageFlags after,
                   VkAccessFlags read) {
    VkImageMemoryBarrier barrier{};
    barrier.sType = VK_STRUCTURE_TYPE_IMAGE_MEMORY_BARRIER;
    barrier.srcAccessMask = written;
    barrier.dstAccessMask = read;
    barrier.oldLayout = from;
    barrier.newLayout = to;
    barrier.srcQueueFamilyIndex = VK_QUEUE_FAMILY_IGNORED;
    barrier.dstQueueFamilyIndex = VK_QUEUE_FAMILY_IGNORED;
    barrier.image = image;
    barrier.subresourceRange = kColourRange;
    vkCmdPipelineBarrier(commands, before, after, 0, 0, nullptr, 0, nullptr, 1, &barrier);
}

void memory_barrier(VkCommandBuffer commands, VkPipelineStageFlags before, VkAccessFlags written,
                    VkPipelineStageFlags after, VkAccessFlags read) {
    VkMemoryBarrier barrier{};
    barrier.sType = VK_STRUCTURE_TYPE_MEMORY_BARRIER;
    barrier.srcAccessMask = written;
    barrier.dstAccessMask = read;
    vkCmdPipelineBarrier(commands, before, after, 0, 1, &barrier, 0, nullptr, 0, nullptr);
}

}  // namespace vdmabuf::gpu
