// SPDX-License-Identifier: MIT
#include "tests/bench/frame_loop.hpp"

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <thread>

#include "runtime/common/clock.hpp"

namespace vdmabuf::bench {

void check(VkResult result, const char* what) {
    if (result >= 0) return;
    std::fprintf(stderr, "%s failed (%d)\n", what, static_cast<int>(result));
    std::exit(1);
}

std::uint64_t median(std::vector<std::uint64_t> values) {
    if (values.empty()) return 0;
    const auto middle = values.begin() + static_cast<std::ptrdiff_t>(values.size() / 2);
    std::nth_element(values.begin(), middle, values.end());
    return *middle;
}

Extensions::Extensions() {
    maintenance_.sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_SWAPCHAIN_MAINTENANCE_1_FEATURES_EXT;
    maintenance_.swapchainMaintenance1 = VK_TRUE;
    wait_.sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_PRESENT_WAIT_FEATURES_KHR;
    wait_.pNext = &maintenance_;
    wait_.presentWait = VK_TRUE;
    id_.sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_PRESENT_ID_FEATURES_KHR;
    id_.pNext = &wait_;
    id_.presentId = VK_TRUE;
}

std::vector<const char*> Extensions::names() const {
    return {VK_KHR_INCREMENTAL_PRESENT_EXTENSION_NAME, VK_KHR_PRESENT_ID_EXTENSION_NAME,
            VK_KHR_PRESENT_WAIT_EXTENSION_NAME, VK_EXT_SWAPCHAIN_MAINTENANCE_1_EXTENSION_NAME};
}

FrameLoop::FrameLoop(VkDevice device, VkQueue queue, std::uint32_t family, VkSurfaceKHR surface,
                     VkExtent2D size)
    : device_(device), queue_(queue) {
    VkSwapchainCreateInfoKHR info = test::swapchain_info(surface, size.width, size.height, 4);
    info.presentMode = VK_PRESENT_MODE_MAILBOX_KHR;
    CHECK(vkCreateSwapchainKHR(device_, &info, nullptr, &swapchain_));
    std::uint32_t count = 0;
    CHECK(vkGetSwapchainImagesKHR(device_, swapchain_, &count, nullptr));
    std::vector<VkImage> images(count);
    CHECK(vkGetSwapchainImagesKHR(device_, swapchain_, &count, images.data()));
    VkCommandPoolCreateInfo pool_info{VK_STRUCTURE_TYPE_COMMAND_POOL_CREATE_INFO};
    pool_info.queueFamilyIndex = family;
    CHECK(vkCreateCommandPool(device_, &pool_info, nullptr, &pool_));
    const VkSemaphoreCreateInfo semaphore_info{VK_STRUCTURE_TYPE_SEMAPHORE_CREATE_INFO};
    for (VkSemaphore* semaphore : {&acquired_, &rendered_}) {
        CHECK(vkCreateSemaphore(device_, &semaphore_info, nullptr, semaphore));
    }
    const VkFenceCreateInfo fence_info{VK_STRUCTURE_TYPE_FENCE_CREATE_INFO};
    for (VkFence* fence : {&drawn_, &shown_, &copied_}) {
        CHECK(vkCreateFence(device_, &fence_info, nullptr, fence));
    }
    for (const VkImage image : images) commands_.push_back(record(image));
    like_ours_ = record(VK_NULL_HANDLE);
}

FrameLoop::~FrameLoop() {
    vkDeviceWaitIdle(device_);
    vkDestroySwapchainKHR(device_, swapchain_, nullptr);
    vkDestroyCommandPool(device_, pool_, nullptr);
    for (const VkSemaphore semaphore : {acquired_, rendered_}) {
        vkDestroySemaphore(device_, semaphore, nullptr);
    }
    for (const VkFence fence : {drawn_, shown_, copied_}) vkDestroyFence(device_, fence, nullptr);
}

// A barrier: of the image, or of memory in general.
VkCommandBuffer FrameLoop::record(VkImage image) {
    VkCommandBuffer commands = VK_NULL_HANDLE;
    VkCommandBufferAllocateInfo allocate{VK_STRUCTURE_TYPE_COMMAND_BUFFER_ALLOCATE_INFO};
    allocate.commandPool = pool_;
    allocate.commandBufferCount = 1;
    CHECK(vkAllocateCommandBuffers(device_, &allocate, &commands));
    VkCommandBufferBeginInfo begin{VK_STRUCTURE_TYPE_COMMAND_BUFFER_BEGIN_INFO};
    begin.flags = VK_COMMAND_BUFFER_USAGE_SIMULTANEOUS_USE_BIT;
    CHECK(vkBeginCommandBuffer(commands, &begin));
    VkMemoryBarrier memory{VK_STRUCTURE_TYPE_MEMORY_BARRIER};
    memory.srcAccessMask = VK_ACCESS_MEMORY_WRITE_BIT;
    memory.dstAccessMask = VK_ACCESS_HOST_READ_BIT;
    VkImageMemoryBarrier barrier{VK_STRUCTURE_TYPE_IMAGE_MEMORY_BARRIER};
    barrier.oldLayout = VK_IMAGE_LAYOUT_UNDEFINED;
    barrier.newLayout = VK_IMAGE_LAYOUT_PRESENT_SRC_KHR;
    barrier.srcQueueFamilyIndex = VK_QUEUE_FAMILY_IGNORED;
    barrier.dstQueueFamilyIndex = VK_QUEUE_FAMILY_IGNORED;
    barrier.image = image;
    barrier.subresourceRange = {VK_IMAGE_ASPECT_COLOR_BIT, 0, 1, 0, 1};
    const bool of_image = image != VK_NULL_HANDLE;
    vkCmdPipelineBarrier(commands, VK_PIPELINE_STAGE_ALL_COMMANDS_BIT,
                         of_image ? VK_PIPELINE_STAGE_ALL_COMMANDS_BIT : VK_PIPELINE_STAGE_HOST_BIT,
                         0, of_image ? 0 : 1, &memory, 0, nullptr, of_image ? 1 : 0, &barrier);
    CHECK(vkEndCommandBuffer(commands));
    return commands;
}

std::uint64_t FrameLoop::submit(VkSemaphore wait, VkSemaphore signal, VkCommandBuffer commands,
                                VkFence fence) {
    const VkPipelineStageFlags stage = VK_PIPELINE_STAGE_ALL_COMMANDS_BIT;
    VkSubmitInfo info{VK_STRUCTURE_TYPE_SUBMIT_INFO};
    info.waitSemaphoreCount = wait ? 1 : 0;
    info.pWaitSemaphores = &wait;
    info.pWaitDstStageMask = &stage;
    info.signalSemaphoreCount = signal ? 1 : 0;
    info.pSignalSemaphores = &signal;
    info.commandBufferCount = commands ? 1 : 0;
    info.pCommandBuffers = &commands;
    const bool empty = !wait && !signal && !commands;
    const std::uint64_t before = now_ns();
    CHECK(vkQueueSubmit(queue_, empty ? 0 : 1, &info, fence));
    return now_ns() - before;
}

void FrameLoop::wait(std::initializer_list<VkFence> fences) {
    const auto count = static_cast<std::uint32_t>(fences.size());
    CHECK(vkWaitForFences(device_, count, fences.begin(), VK_TRUE, UINT64_MAX));
    CHECK(vkResetFences(device_, count, fences.begin()));
}

std::uint64_t FrameLoop::frame(bool asks_again) {
    std::uint32_t index = 0;
    std::uint64_t before = 0;
    std::uint64_t acquired = 0;
    for (;;) {
        before = now_ns();
        const VkResult result = vkAcquireNextImageKHR(
            device_, swapchain_, asks_again ? 0 : UINT64_MAX, acquired_, VK_NULL_HANDLE, &index);
        acquired = now_ns();
        CHECK(result);
        if (result != VK_NOT_READY) break;
        std::this_thread::sleep_for(std::chrono::microseconds(200));
    }
    (void)submit(acquired_, rendered_, commands_[index], drawn_);

    ++id_;
    const VkPresentModeKHR mode = VK_PRESENT_MODE_MAILBOX_KHR;
    const VkRectLayerKHR rect{{0, 0}, {16, 16}, 0};
    const VkPresentRegionKHR region{1, &rect};
    VkSwapchainPresentModeInfoEXT modes{VK_STRUCTURE_TYPE_SWAPCHAIN_PRESENT_MODE_INFO_EXT};
    modes.swapchainCount = 1;
    modes.pPresentModes = &mode;
    VkSwapchainPresentFenceInfoEXT fences{VK_STRUCTURE_TYPE_SWAPCHAIN_PRESENT_FENCE_INFO_EXT};
    fences.pNext = &modes;
    fences.swapchainCount = 1;
    fences.pFences = &shown_;
    VkPresentRegionsKHR regions{VK_STRUCTURE_TYPE_PRESENT_REGIONS_KHR};
    regions.pNext = &fences;
    regions.swapchainCount = 1;
    regions.pRegions = &region;
    VkPresentIdKHR ids{VK_STRUCTURE_TYPE_PRESENT_ID_KHR};
    ids.pNext = &regions;
    ids.swapchainCount = 1;
    ids.pPresentIds = &id_;
    VkPresentInfoKHR present{VK_STRUCTURE_TYPE_PRESENT_INFO_KHR};
    present.pNext = &ids;
    present.waitSemaphoreCount = 1;
    present.pWaitSemaphores = &rendered_;
    present.swapchainCount = 1;
    present.pSwapchains = &swapchain_;
    present.pImageIndices = &index;
    const std::uint64_t presenting = now_ns();
    CHECK(vkQueuePresentKHR(queue_, &present));
    const std::uint64_t after = now_ns();
    wait({drawn_, shown_});
    return acquired - before + (after - presenting);
}

std::uint64_t FrameLoop::driver_alone(bool acquire_submits) {
    const std::uint64_t acquire = submit(VK_NULL_HANDLE, acquired_, VK_NULL_HANDLE, VK_NULL_HANDLE);
    (void)submit(acquired_, rendered_, like_ours_, drawn_);
    std::uint64_t present = submit(rendered_, VK_NULL_HANDLE, like_ours_, copied_);
    present += submit(VK_NULL_HANDLE, VK_NULL_HANDLE, VK_NULL_HANDLE, shown_);
    wait({drawn_, shown_, copied_});
    return acquire_submits ? acquire + present : present;
}

}  // namespace vdmabuf::bench
