// SPDX-License-Identifier: MIT
// copy_bench [--size WxH] [--seconds S]: the least that showing a picture costs on a driver: one
// copy of an image to a swapchain's of a window as large, and its presentation, IMMEDIATE where
// there is that. One JSON object on standard output. Runs on the X server of $DISPLAY, without the
// layer. In this order.
#include <vulkan/vulkan.h>
#include <xcb/xcb.h>

#include <vulkan/vulkan_xcb.h>

#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <vector>

#include "tests/bench/flip/figures.hpp"
#include "tests/bench/flip/options.hpp"

namespace {

using vdmabuf::flip::cpu_us;
using vdmabuf::flip::fail;
using vdmabuf::flip::now_us;

void check(VkResult result, const char* what) {
    if (result < 0) fail(std::string(what) + " failed: " + std::to_string(result));
}
#define CHECK(call) check(call, #call)

constexpr VkFormat kFormat = VK_FORMAT_B8G8R8A8_UNORM;

void barrier(VkCommandBuffer commands, VkImage image, VkImageLayout from, VkImageLayout to) {
    VkImageMemoryBarrier change{};
    change.sType = VK_STRUCTURE_TYPE_IMAGE_MEMORY_BARRIER;
    change.dstAccessMask = VK_ACCESS_MEMORY_READ_BIT | VK_ACCESS_MEMORY_WRITE_BIT;
    change.srcAccessMask = VK_ACCESS_MEMORY_WRITE_BIT;
    change.oldLayout = from;
    change.newLayout = to;
    change.srcQueueFamilyIndex = change.dstQueueFamilyIndex = VK_QUEUE_FAMILY_IGNORED;
    change.image = image;
    change.subresourceRange = {VK_IMAGE_ASPECT_COLOR_BIT, 0, 1, 0, 1};
    vkCmdPipelineBarrier(commands, VK_PIPELINE_STAGE_ALL_COMMANDS_BIT,
                         VK_PIPELINE_STAGE_ALL_COMMANDS_BIT, 0, 0, nullptr, 0, nullptr, 1, &change);
}

// What ends with the process is not destroyed: this program measures, then exits.
class Copying {
  public:
    explicit Copying(const vdmabuf::flip::Options& options)
        : extent_{options.width, options.height} {
        make_device();
        make_swapchain();
        VkCommandPoolCreateInfo pool_info{};
        pool_info.sType = VK_STRUCTURE_TYPE_COMMAND_POOL_CREATE_INFO;
        CHECK(vkCreateCommandPool(device_, &pool_info, nullptr, &pool_));
        make_source();
        record();
        VkSemaphoreCreateInfo semaphore_info{};
        semaphore_info.sType = VK_STRUCTURE_TYPE_SEMAPHORE_CREATE_INFO;
        CHECK(vkCreateSemaphore(device_, &semaphore_info, nullptr, &acquired_));
        CHECK(vkCreateSemaphore(device_, &semaphore_info, nullptr, &copied_));
        VkFenceCreateInfo fence_info{};
        fence_info.sType = VK_STRUCTURE_TYPE_FENCE_CREATE_INFO;
        CHECK(vkCreateFence(device_, &fence_info, nullptr, &done_));
    }

    void frame() {
        std::uint32_t index = 0;
        CHECK(vkAcquireNextImageKHR(device_, swapchain_, UINT64_MAX, acquired_, VK_NULL_HANDLE,
                                    &index));
        const VkPipelineStageFlags stage = VK_PIPELINE_STAGE_TRANSFER_BIT;
        VkSubmitInfo submit{};
        submit.sType = VK_STRUCTURE_TYPE_SUBMIT_INFO;
        submit.waitSemaphoreCount = submit.commandBufferCount = submit.signalSemaphoreCount = 1;
        submit.pWaitSemaphores = &acquired_;
        submit.pWaitDstStageMask = &stage;
        submit.pCommandBuffers = &commands_[index];
        submit.pSignalSemaphores = &copied_;
        CHECK(vkQueueSubmit(queue_, 1, &submit, done_));
        VkPresentInfoKHR present{};
        present.sType = VK_STRUCTURE_TYPE_PRESENT_INFO_KHR;
        present.waitSemaphoreCount = present.swapchainCount = 1;
        present.pWaitSemaphores = &copied_;
        present.pSwapchains = &swapchain_;
        present.pImageIndices = &index;
        CHECK(vkQueuePresentKHR(queue_, &present));
        CHECK(vkWaitForFences(device_, 1, &done_, VK_TRUE, UINT64_MAX));
        CHECK(vkResetFences(device_, 1, &done_));
    }

  private:
    void make_device() {
        const char* instance_extensions[] = {VK_KHR_SURFACE_EXTENSION_NAME,
                                             VK_KHR_XCB_SURFACE_EXTENSION_NAME};
        VkInstanceCreateInfo instance_info{};
        instance_info.sType = VK_STRUCTURE_TYPE_INSTANCE_CREATE_INFO;
        instance_info.enabledExtensionCount = 2;
        instance_info.ppEnabledExtensionNames = instance_extensions;
        CHECK(vkCreateInstance(&instance_info, nullptr, &instance_));
        std::uint32_t count = 1;
        CHECK(vkEnumeratePhysicalDevices(instance_, &count, &physical_));
        const float priority = 1;
        VkDeviceQueueCreateInfo queue_info{};
        queue_info.sType = VK_STRUCTURE_TYPE_DEVICE_QUEUE_CREATE_INFO;
        queue_info.queueCount = 1;
        queue_info.pQueuePriorities = &priority;
        const char* device_extensions[] = {VK_KHR_SWAPCHAIN_EXTENSION_NAME};
        VkDeviceCreateInfo device_info{};
        device_info.sType = VK_STRUCTURE_TYPE_DEVICE_CREATE_INFO;
        device_info.queueCreateInfoCount = 1;
        device_info.pQueueCreateInfos = &queue_info;
        device_info.enabledExtensionCount = 1;
        device_info.ppEnabledExtensionNames = device_extensions;
        CHECK(vkCreateDevice(physical_, &device_info, nullptr, &device_));
        vkGetDeviceQueue(device_, 0, 0, &queue_);
    }

    void make_swapchain() {
        xcb_connection_t* const x = xcb_connect(nullptr, nullptr);
        if (xcb_connection_has_error(x)) fail("no X server");
        const xcb_screen_t* const screen = xcb_setup_roots_iterator(xcb_get_setup(x)).data;
        const xcb_window_t window = xcb_generate_id(x);
        xcb_create_window(x, XCB_COPY_FROM_PARENT, window, screen->root, 0, 0,
                          static_cast<std::uint16_t>(extent_.width),
                          static_cast<std::uint16_t>(extent_.height), 0,
                          XCB_WINDOW_CLASS_INPUT_OUTPUT, screen->root_visual, 0, nullptr);
        xcb_map_window(x, window);
        xcb_flush(x);
        VkXcbSurfaceCreateInfoKHR surface_info{};
        surface_info.sType = VK_STRUCTURE_TYPE_XCB_SURFACE_CREATE_INFO_KHR;
        surface_info.connection = x;
        surface_info.window = window;
        CHECK(vkCreateXcbSurfaceKHR(instance_, &surface_info, nullptr, &surface_));
        VkBool32 supported = VK_FALSE;
        CHECK(vkGetPhysicalDeviceSurfaceSupportKHR(physical_, 0, surface_, &supported));
        VkSwapchainCreateInfoKHR info{};
        info.sType = VK_STRUCTURE_TYPE_SWAPCHAIN_CREATE_INFO_KHR;
        info.surface = surface_;
        info.minImageCount = 3;
        info.imageFormat = kFormat;
        info.imageColorSpace = VK_COLOR_SPACE_SRGB_NONLINEAR_KHR;
        info.imageExtent = extent_;
        info.imageArrayLayers = 1;
        info.imageUsage = VK_IMAGE_USAGE_TRANSFER_DST_BIT;
        info.preTransform = VK_SURFACE_TRANSFORM_IDENTITY_BIT_KHR;
        info.compositeAlpha = VK_COMPOSITE_ALPHA_OPAQUE_BIT_KHR;
        info.presentMode = VK_PRESENT_MODE_IMMEDIATE_KHR;
        CHECK(vkCreateSwapchainKHR(device_, &info, nullptr, &swapchain_));
        std::uint32_t count = 0;
        CHECK(vkGetSwapchainImagesKHR(device_, swapchain_, &count, nullptr));
        images_.resize(count);
        CHECK(vkGetSwapchainImagesKHR(device_, swapchain_, &count, images_.data()));
    }

    void make_source() {
        VkImageCreateInfo info{};
        info.sType = VK_STRUCTURE_TYPE_IMAGE_CREATE_INFO;
        info.imageType = VK_IMAGE_TYPE_2D;
        info.format = kFormat;
        info.extent = {extent_.width, extent_.height, 1};
        info.mipLevels = info.arrayLayers = 1;
        info.samples = VK_SAMPLE_COUNT_1_BIT;
        info.tiling = VK_IMAGE_TILING_LINEAR;  // as what comes from elsewhere
        info.usage = VK_IMAGE_USAGE_TRANSFER_SRC_BIT | VK_IMAGE_USAGE_TRANSFER_DST_BIT;
        CHECK(vkCreateImage(device_, &info, nullptr, &source_));
        VkMemoryRequirements needs{};
        vkGetImageMemoryRequirements(device_, source_, &needs);
        VkMemoryAllocateInfo memory_info{};
        memory_info.sType = VK_STRUCTURE_TYPE_MEMORY_ALLOCATE_INFO;
        memory_info.allocationSize = needs.size;
        while (!(needs.memoryTypeBits >> memory_info.memoryTypeIndex & 1))
            ++memory_info.memoryTypeIndex;
        VkDeviceMemory memory = VK_NULL_HANDLE;
        CHECK(vkAllocateMemory(device_, &memory_info, nullptr, &memory));
        CHECK(vkBindImageMemory(device_, source_, memory, 0));
        // Pages that were never written are all one page of zeroes.
        VkCommandBuffer commands = begin();
        barrier(commands, source_, VK_IMAGE_LAYOUT_UNDEFINED, VK_IMAGE_LAYOUT_GENERAL);
        const VkClearColorValue colour{{0.25F, 0.5F, 0.75F, 1}};
        const VkImageSubresourceRange range{VK_IMAGE_ASPECT_COLOR_BIT, 0, 1, 0, 1};
        vkCmdClearColorImage(commands, source_, VK_IMAGE_LAYOUT_GENERAL, &colour, 1, &range);
        CHECK(vkEndCommandBuffer(commands));
        VkSubmitInfo submit{};
        submit.sType = VK_STRUCTURE_TYPE_SUBMIT_INFO;
        submit.commandBufferCount = 1;
        submit.pCommandBuffers = &commands;
        CHECK(vkQueueSubmit(queue_, 1, &submit, VK_NULL_HANDLE));
        CHECK(vkQueueWaitIdle(queue_));
    }

    VkCommandBuffer begin() {
        VkCommandBufferAllocateInfo allocate{};
        allocate.sType = VK_STRUCTURE_TYPE_COMMAND_BUFFER_ALLOCATE_INFO;
        allocate.commandPool = pool_;
        allocate.commandBufferCount = 1;
        VkCommandBuffer commands = VK_NULL_HANDLE;
        CHECK(vkAllocateCommandBuffers(device_, &allocate, &commands));
        VkCommandBufferBeginInfo info{};
        info.sType = VK_STRUCTURE_TYPE_COMMAND_BUFFER_BEGIN_INFO;
        CHECK(vkBeginCommandBuffer(commands, &info));
        return commands;
    }

    void record() {
        for (const VkImage image : images_) {
            VkCommandBuffer commands = begin();
            barrier(commands, image, VK_IMAGE_LAYOUT_UNDEFINED,
                    VK_IMAGE_LAYOUT_TRANSFER_DST_OPTIMAL);
            VkImageCopy region{};
            region.srcSubresource = region.dstSubresource = {VK_IMAGE_ASPECT_COLOR_BIT, 0, 0, 1};
            region.extent = {extent_.width, extent_.height, 1};
            vkCmdCopyImage(commands, source_, VK_IMAGE_LAYOUT_GENERAL, image,
                           VK_IMAGE_LAYOUT_TRANSFER_DST_OPTIMAL, 1, &region);
            barrier(commands, image, VK_IMAGE_LAYOUT_TRANSFER_DST_OPTIMAL,
                    VK_IMAGE_LAYOUT_PRESENT_SRC_KHR);
            CHECK(vkEndCommandBuffer(commands));
            commands_.push_back(commands);
        }
    }

    const VkExtent2D extent_;
    VkInstance instance_ = VK_NULL_HANDLE;
    VkPhysicalDevice physical_ = VK_NULL_HANDLE;
    VkDevice device_ = VK_NULL_HANDLE;
    VkQueue queue_ = VK_NULL_HANDLE;
    VkSurfaceKHR surface_ = VK_NULL_HANDLE;
    VkSwapchainKHR swapchain_ = VK_NULL_HANDLE;
    VkCommandPool pool_ = VK_NULL_HANDLE;
    VkImage source_ = VK_NULL_HANDLE;
    std::vector<VkImage> images_;
    std::vector<VkCommandBuffer> commands_;
    VkSemaphore acquired_ = VK_NULL_HANDLE;
    VkSemaphore copied_ = VK_NULL_HANDLE;
    VkFence done_ = VK_NULL_HANDLE;
};

}  // namespace

int main(int argc, char** argv) {
    const auto options = vdmabuf::flip::parse(argc, argv);
    Copying copying(options);
    for (int i = 0; i < 6; ++i) copying.frame();
    const std::uint64_t start = now_us();
    const std::uint64_t start_cpu = cpu_us();
    std::uint64_t frames = 0;
    while (static_cast<double>(now_us() - start) < options.seconds * 1e6) {
        copying.frame();
        ++frames;
    }
    const double seconds = static_cast<double>(now_us() - start) / 1e6;
    std::printf(
        "{\"frames\": %llu, \"seconds\": %.3f, \"fps\": %.2f, \"cpu_us_per_frame\": %.1f}\n",
        static_cast<unsigned long long>(frames), seconds, static_cast<double>(frames) / seconds,
        static_cast<double>(cpu_us() - start_cpu) / static_cast<double>(frames));
    std::fflush(stdout);
    std::_Exit(0);
}
