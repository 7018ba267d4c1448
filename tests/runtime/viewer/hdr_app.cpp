// SPDX-License-Identifier: MIT
// hdr_app: a Vulkan program that makes a swapchain of HDR10 as games do: by what the surface
// offers, with metadata, ten bits, cleared to a grey of so many cd/m2. Makes another one, of sRGB,
// when it is told that this one is out of date and HDR10 is offered no more. Knows nothing of
// vdmabuf. For tests.
#include <vulkan/vulkan_core.h>

#include <chrono>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <thread>

#include "tests/layer/support/app.hpp"

namespace {

using namespace vdmabuf::test;

float pq(double nits) {
    const double y = std::pow(nits / 10000, 0.1593017578125);
    return static_cast<float>(std::pow((0.8359375 + 18.8515625 * y) / (1 + 18.6875 * y), 78.84375));
}

bool offers_hdr10(const App& app, VkSurfaceKHR surface) {
    std::uint32_t count = 0;
    vkGetPhysicalDeviceSurfaceFormatsKHR(app.physical, surface, &count, nullptr);
    std::vector<VkSurfaceFormatKHR> formats(count);
    vkGetPhysicalDeviceSurfaceFormatsKHR(app.physical, surface, &count, formats.data());
    for (const auto& format : formats) {
        if (format.format == VK_FORMAT_A2B10G10R10_UNORM_PACK32 &&
            format.colorSpace == VK_COLOR_SPACE_HDR10_ST2084_EXT) {
            return true;
        }
    }
    return false;
}

// One frame, wholly of this value.
VkResult show(const App& app, VkSwapchainKHR swapchain, const std::vector<VkImage>& images,
              float value) {
    const VkSemaphoreCreateInfo semaphore_info{VK_STRUCTURE_TYPE_SEMAPHORE_CREATE_INFO};
    VkSemaphore acquired = VK_NULL_HANDLE, drawn = VK_NULL_HANDLE;
    vkCreateSemaphore(app.device, &semaphore_info, nullptr, &acquired);
    vkCreateSemaphore(app.device, &semaphore_info, nullptr, &drawn);
    std::uint32_t index = 0;
    VkResult result = vkAcquireNextImageKHR(app.device, swapchain, 5'000'000'000, acquired,
                                            VK_NULL_HANDLE, &index);
    if (result == VK_SUCCESS) {
        VkCommandBufferAllocateInfo allocate{VK_STRUCTURE_TYPE_COMMAND_BUFFER_ALLOCATE_INFO};
        allocate.commandPool = app.pool;
        allocate.commandBufferCount = 1;
        VkCommandBuffer commands = VK_NULL_HANDLE;
        vkAllocateCommandBuffers(app.device, &allocate, &commands);
        const VkCommandBufferBeginInfo begin{VK_STRUCTURE_TYPE_COMMAND_BUFFER_BEGIN_INFO};
        vkBeginCommandBuffer(commands, &begin);
        VkImageMemoryBarrier barrier{VK_STRUCTURE_TYPE_IMAGE_MEMORY_BARRIER};
        barrier.dstAccessMask = VK_ACCESS_TRANSFER_WRITE_BIT;
        barrier.newLayout = VK_IMAGE_LAYOUT_TRANSFER_DST_OPTIMAL;
        barrier.srcQueueFamilyIndex = barrier.dstQueueFamilyIndex = VK_QUEUE_FAMILY_IGNORED;
        barrier.image = images[index];
        barrier.subresourceRange = {VK_IMAGE_ASPECT_COLOR_BIT, 0, 1, 0, 1};
        vkCmdPipelineBarrier(commands, VK_PIPELINE_STAGE_TRANSFER_BIT,
                             VK_PIPELINE_STAGE_TRANSFER_BIT, 0, 0, nullptr, 0, nullptr, 1,
                             &barrier);
        const VkClearColorValue grey{{value, value, value, 1}};
        vkCmdClearColorImage(commands, images[index], barrier.newLayout, &grey, 1,
                             &barrier.subresourceRange);
        barrier.srcAccessMask = VK_ACCESS_TRANSFER_WRITE_BIT;
        barrier.dstAccessMask = 0;
        barrier.oldLayout = barrier.newLayout;
        barrier.newLayout = VK_IMAGE_LAYOUT_PRESENT_SRC_KHR;
        vkCmdPipelineBarrier(commands, VK_PIPELINE_STAGE_TRANSFER_BIT,
                             VK_PIPELINE_STAGE_BOTTOM_OF_PIPE_BIT, 0, 0, nullptr, 0, nullptr, 1,
                             &barrier);
        vkEndCommandBuffer(commands);
        const VkPipelineStageFlags stage = VK_PIPELINE_STAGE_TRANSFER_BIT;
        VkSubmitInfo submit{VK_STRUCTURE_TYPE_SUBMIT_INFO};
        submit.waitSemaphoreCount = submit.signalSemaphoreCount = submit.commandBufferCount = 1;
        submit.pWaitSemaphores = &acquired;
        submit.pWaitDstStageMask = &stage;
        submit.pSignalSemaphores = &drawn;
        submit.pCommandBuffers = &commands;
        vkQueueSubmit(app.queue, 1, &submit, VK_NULL_HANDLE);
        VkPresentInfoKHR info{VK_STRUCTURE_TYPE_PRESENT_INFO_KHR};
        info.waitSemaphoreCount = info.swapchainCount = 1;
        info.pWaitSemaphores = &drawn;
        info.pSwapchains = &swapchain;
        info.pImageIndices = &index;
        result = vkQueuePresentKHR(app.queue, &info);
        vkDeviceWaitIdle(app.device);
        vkFreeCommandBuffers(app.device, app.pool, 1, &commands);
    }
    vkDestroySemaphore(app.device, acquired, nullptr);
    vkDestroySemaphore(app.device, drawn, nullptr);
    return result;
}

}  // namespace

int main(int argc, char** argv) {
    const double nits = argc > 1 ? std::atof(argv[1]) : 203;
    const float peak = argc > 2 ? static_cast<float>(std::atof(argv[2])) : 0;
    AppOptions options;
    options.instance_extensions = {"VK_EXT_swapchain_colorspace"};
    options.device_extensions = {"VK_EXT_hdr_metadata"};
    App app(options);
    if (app.created != VK_SUCCESS) return 2;
    const VkSurfaceKHR surface = app.headless_surface();
    std::unique_ptr<Swap> swap;
    bool hdr = false;
    for (int frame = 0;; ++frame) {
        if (!swap) {
            hdr = offers_hdr10(app, surface);
            VkSwapchainCreateInfoKHR info = swapchain_info(surface, 64, 48);
            if (hdr) {
                info.imageFormat = VK_FORMAT_A2B10G10R10_UNORM_PACK32;
                info.imageColorSpace = VK_COLOR_SPACE_HDR10_ST2084_EXT;
            }
            swap = std::make_unique<Swap>(app, info);
            if (swap->created != VK_SUCCESS) return 3;
            VkHdrMetadataEXT metadata{VK_STRUCTURE_TYPE_HDR_METADATA_EXT};
            metadata.maxContentLightLevel = peak;
            if (hdr && peak != 0) {
                app.device_function<PFN_vkSetHdrMetadataEXT>("vkSetHdrMetadataEXT")(
                    app.device, 1, &swap->handle, &metadata);
            }
            std::printf("%s\n", hdr ? "HDR10" : "sRGB");
            std::fflush(stdout);
        }
        const VkResult result = show(app, swap->handle, swap->images, hdr ? pq(nits) : 0.5F);
        if (result == VK_ERROR_OUT_OF_DATE_KHR) {
            swap.reset();
        } else if (result != VK_SUCCESS) {
            return 4;
        }
        std::this_thread::sleep_for(std::chrono::milliseconds(10));
    }
}
