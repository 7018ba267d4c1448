// SPDX-License-Identifier: MIT
// present_bench [--rounds N] [--frames N] WxH...: time that vkQueuePresentKHR and
// vkAcquireNextImageKHR take on the calling thread, at several sizes in one run, interleaved. The
// app's own work for a frame is one empty submission, so that what is measured is the layer's.
// One JSON object on standard output; nanoseconds, medians over all frames.
//
// Needs VK_EXT_headless_surface: run it through vdmabuf-run with a consumer attached.
#include <vulkan/vulkan.h>

#include <algorithm>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <map>
#include <string>
#include <vector>

#include "runtime/common/clock.hpp"

namespace {

using vdmabuf::now_ns;

void check(VkResult result, const char* what) {
    if (result >= 0) return;
    std::fprintf(stderr, "present_bench: %s failed (%d)\n", what, static_cast<int>(result));
    std::exit(1);
}
#define CHECK(call) check(call, #call)

struct Size {
    std::uint32_t width;
    std::uint32_t height;
    std::string name;
};

struct Times {
    std::vector<std::uint64_t> present;
    std::vector<std::uint64_t> acquire;
    std::vector<std::uint64_t> submit;
};

std::uint64_t median(std::vector<std::uint64_t> values) {
    if (values.empty()) return 0;
    const auto middle = values.begin() + static_cast<std::ptrdiff_t>(values.size() / 2);
    std::nth_element(values.begin(), middle, values.end());
    return *middle;
}

class Bench {
  public:
    Bench() {
        const char* instance_extensions[] = {VK_KHR_SURFACE_EXTENSION_NAME,
                                             VK_EXT_HEADLESS_SURFACE_EXTENSION_NAME};
        VkApplicationInfo app{};
        app.sType = VK_STRUCTURE_TYPE_APPLICATION_INFO;
        app.pApplicationName = "present_bench";
        app.apiVersion = VK_API_VERSION_1_1;
        VkInstanceCreateInfo instance_info{};
        instance_info.sType = VK_STRUCTURE_TYPE_INSTANCE_CREATE_INFO;
        instance_info.pApplicationInfo = &app;
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
        const auto create = reinterpret_cast<PFN_vkCreateHeadlessSurfaceEXT>(
            vkGetInstanceProcAddr(instance_, "vkCreateHeadlessSurfaceEXT"));
        VkHeadlessSurfaceCreateInfoEXT surface_info{};
        surface_info.sType = VK_STRUCTURE_TYPE_HEADLESS_SURFACE_CREATE_INFO_EXT;
        CHECK(create(instance_, &surface_info, nullptr, &surface_));
        VkCommandPoolCreateInfo pool_info{};
        pool_info.sType = VK_STRUCTURE_TYPE_COMMAND_POOL_CREATE_INFO;
        CHECK(vkCreateCommandPool(device_, &pool_info, nullptr, &pool_));
        VkSemaphoreCreateInfo semaphore_info{};
        semaphore_info.sType = VK_STRUCTURE_TYPE_SEMAPHORE_CREATE_INFO;
        CHECK(vkCreateSemaphore(device_, &semaphore_info, nullptr, &acquired_));
        CHECK(vkCreateSemaphore(device_, &semaphore_info, nullptr, &rendered_));
        VkFenceCreateInfo fence_info{};
        fence_info.sType = VK_STRUCTURE_TYPE_FENCE_CREATE_INFO;
        CHECK(vkCreateFence(device_, &fence_info, nullptr, &done_));
    }

    ~Bench() {
        vkDeviceWaitIdle(device_);
        vkDestroyFence(device_, done_, nullptr);
        vkDestroySemaphore(device_, acquired_, nullptr);
        vkDestroySemaphore(device_, rendered_, nullptr);
        vkDestroyCommandPool(device_, pool_, nullptr);
        vkDestroySurfaceKHR(instance_, surface_, nullptr);
        vkDestroyDevice(device_, nullptr);
        vkDestroyInstance(instance_, nullptr);
    }
    Bench(const Bench&) = delete;
    Bench& operator=(const Bench&) = delete;

    void round(const Size& size, std::uint32_t frames, Times& times) {
        VkSwapchainCreateInfoKHR info{};
        info.sType = VK_STRUCTURE_TYPE_SWAPCHAIN_CREATE_INFO_KHR;
        info.surface = surface_;
        info.minImageCount = 4;
        info.imageFormat = VK_FORMAT_B8G8R8A8_UNORM;
        info.imageExtent = {size.width, size.height};
        info.imageArrayLayers = 1;
        info.imageUsage = VK_IMAGE_USAGE_COLOR_ATTACHMENT_BIT;
        info.preTransform = VK_SURFACE_TRANSFORM_IDENTITY_BIT_KHR;
        info.compositeAlpha = VK_COMPOSITE_ALPHA_OPAQUE_BIT_KHR;
        info.presentMode = VK_PRESENT_MODE_MAILBOX_KHR;
        VkSwapchainKHR swapchain = VK_NULL_HANDLE;
        CHECK(vkCreateSwapchainKHR(device_, &info, nullptr, &swapchain));
        std::uint32_t count = 0;
        CHECK(vkGetSwapchainImagesKHR(device_, swapchain, &count, nullptr));
        std::vector<VkImage> images(count);
        CHECK(vkGetSwapchainImagesKHR(device_, swapchain, &count, images.data()));
        const std::vector<VkCommandBuffer> commands = record(images);
        for (std::uint32_t frame = 0; frame < frames; ++frame) {
            std::uint32_t index = 0;
            const std::uint64_t t0 = now_ns();
            CHECK(vkAcquireNextImageKHR(device_, swapchain, UINT64_MAX, acquired_, VK_NULL_HANDLE,
                                        &index));
            const std::uint64_t t1 = now_ns();
            const VkPipelineStageFlags stage = VK_PIPELINE_STAGE_ALL_COMMANDS_BIT;
            VkSubmitInfo submit{};
            submit.sType = VK_STRUCTURE_TYPE_SUBMIT_INFO;
            submit.waitSemaphoreCount = 1;
            submit.pWaitSemaphores = &acquired_;
            submit.pWaitDstStageMask = &stage;
            submit.commandBufferCount = 1;
            submit.pCommandBuffers = &commands[index];
            submit.signalSemaphoreCount = 1;
            submit.pSignalSemaphores = &rendered_;
            CHECK(vkQueueSubmit(queue_, 1, &submit, done_));
            const std::uint64_t t2 = now_ns();
            VkPresentInfoKHR present{};
            present.sType = VK_STRUCTURE_TYPE_PRESENT_INFO_KHR;
            present.waitSemaphoreCount = 1;
            present.pWaitSemaphores = &rendered_;
            present.swapchainCount = 1;
            present.pSwapchains = &swapchain;
            present.pImageIndices = &index;
            CHECK(vkQueuePresentKHR(queue_, &present));
            const std::uint64_t t3 = now_ns();
            // The first frames touch fresh pages and wake sleeping threads.
            if (frame >= count) {
                times.acquire.push_back(t1 - t0);
                times.submit.push_back(t2 - t1);
                times.present.push_back(t3 - t2);
            }
            CHECK(vkWaitForFences(device_, 1, &done_, VK_TRUE, UINT64_MAX));
            CHECK(vkResetFences(device_, 1, &done_));
        }
        CHECK(vkDeviceWaitIdle(device_));
        vkFreeCommandBuffers(device_, pool_, count, commands.data());
        vkDestroySwapchainKHR(device_, swapchain, nullptr);
    }

  private:
    std::vector<VkCommandBuffer> record(const std::vector<VkImage>& images) {
        std::vector<VkCommandBuffer> commands(images.size());
        VkCommandBufferAllocateInfo allocate{};
        allocate.sType = VK_STRUCTURE_TYPE_COMMAND_BUFFER_ALLOCATE_INFO;
        allocate.commandPool = pool_;
        allocate.level = VK_COMMAND_BUFFER_LEVEL_PRIMARY;
        allocate.commandBufferCount = static_cast<std::uint32_t>(images.size());
        CHECK(vkAllocateCommandBuffers(device_, &allocate, commands.data()));
        for (std::size_t i = 0; i < images.size(); ++i) {
            VkCommandBufferBeginInfo begin{};
            begin.sType = VK_STRUCTURE_TYPE_COMMAND_BUFFER_BEGIN_INFO;
            begin.flags = VK_COMMAND_BUFFER_USAGE_SIMULTANEOUS_USE_BIT;
            CHECK(vkBeginCommandBuffer(commands[i], &begin));
            VkImageMemoryBarrier barrier{};
            barrier.sType = VK_STRUCTURE_TYPE_IMAGE_MEMORY_BARRIER;
            barrier.oldLayout = VK_IMAGE_LAYOUT_UNDEFINED;
            barrier.newLayout = VK_IMAGE_LAYOUT_PRESENT_SRC_KHR;
            barrier.srcQueueFamilyIndex = VK_QUEUE_FAMILY_IGNORED;
            barrier.dstQueueFamilyIndex = VK_QUEUE_FAMILY_IGNORED;
            barrier.image = images[i];
            barrier.subresourceRange = {VK_IMAGE_ASPECT_COLOR_BIT, 0, 1, 0, 1};
            vkCmdPipelineBarrier(commands[i], VK_PIPELINE_STAGE_ALL_COMMANDS_BIT,
                                 VK_PIPELINE_STAGE_ALL_COMMANDS_BIT, 0, 0, nullptr, 0, nullptr, 1,
                                 &barrier);
            CHECK(vkEndCommandBuffer(commands[i]));
        }
        return commands;
    }

    VkInstance instance_ = VK_NULL_HANDLE;
    VkPhysicalDevice physical_ = VK_NULL_HANDLE;
    VkDevice device_ = VK_NULL_HANDLE;
    VkQueue queue_ = VK_NULL_HANDLE;
    VkSurfaceKHR surface_ = VK_NULL_HANDLE;
    VkCommandPool pool_ = VK_NULL_HANDLE;
    VkSemaphore acquired_ = VK_NULL_HANDLE;
    VkSemaphore rendered_ = VK_NULL_HANDLE;
    VkFence done_ = VK_NULL_HANDLE;
};

}  // namespace

int main(int argc, char** argv) {
    std::uint32_t rounds = 5;
    std::uint32_t frames = 300;
    std::vector<Size> sizes;
    for (int i = 1; i < argc; ++i) {
        Size size{0, 0, argv[i]};
        if (std::strcmp(argv[i], "--rounds") == 0 && i + 1 < argc) {
            rounds = static_cast<std::uint32_t>(std::strtoul(argv[++i], nullptr, 10));
        } else if (std::strcmp(argv[i], "--frames") == 0 && i + 1 < argc) {
            frames = static_cast<std::uint32_t>(std::strtoul(argv[++i], nullptr, 10));
        } else if (std::sscanf(argv[i], "%ux%u", &size.width, &size.height) == 2) {
            sizes.push_back(size);
        } else {
            std::fprintf(stderr, "usage: present_bench [--rounds N] [--frames N] WxH...\n");
            return 2;
        }
    }
    Bench bench;
    std::map<std::string, Times> times;
    for (std::uint32_t round = 0; round < rounds; ++round) {
        for (const Size& size : sizes) bench.round(size, frames, times[size.name]);
    }
    std::printf("{");
    for (std::size_t i = 0; i < sizes.size(); ++i) {
        const Times& time = times[sizes[i].name];
        std::printf("%s\"%s\": {\"present_ns\": %llu, \"acquire_ns\": %llu, \"submit_ns\": %llu}",
                    i ? ", " : "", sizes[i].name.c_str(),
                    static_cast<unsigned long long>(median(time.present)),
                    static_cast<unsigned long long>(median(time.acquire)),
                    static_cast<unsigned long long>(median(time.submit)));
    }
    std::printf("}\n");
    return 0;
}
