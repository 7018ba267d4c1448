// SPDX-License-Identifier: MIT
#pragma once

#include <cstdint>
#include <vector>

#include "tests/layer/fake/fixture.hpp"
#include "tests/layer/support/timed_presents.hpp"
#include "tests/layer/support/wayland_server.hpp"

// Needs what the others bring.
#include <vulkan/vulkan_wayland.h>

namespace vdmabuf::fake {

// An app that has made all that it needs beforehand.
class ReadyApp {
  public:
    // On that window, else headless. `timed`: asks for each present's times, and takes them
    // (VK_EXT_present_timing, if the headers know it).
    ReadyApp(const test::WaylandWindow* window, VkPresentModeKHR mode, bool timed = false)
        : app_(options_of(timed)), swap_(app_, create(window, mode, timed)) {
        created = swap_.created;
        if (created != VK_SUCCESS) return;
#ifdef VK_EXT_present_timing
        timed_ = timed;
        past_ = app_.device_function<PFN_vkGetPastPresentationTimingEXT>(
            "vkGetPastPresentationTimingEXT");
        const auto resize = app_.device_function<PFN_vkSetSwapchainPresentTimingQueueSizeEXT>(
            "vkSetSwapchainPresentTimingQueueSizeEXT");
        if (timed) created = resize(app_.device, swap_.handle, 8);
#endif
        VkCommandBufferAllocateInfo allocate{VK_STRUCTURE_TYPE_COMMAND_BUFFER_ALLOCATE_INFO};
        allocate.commandPool = app_.pool;
        allocate.commandBufferCount = static_cast<std::uint32_t>(swap_.images.size());
        commands_.resize(swap_.images.size());
        vkAllocateCommandBuffers(app_.device, &allocate, commands_.data());
        for (std::size_t i = 0; i < commands_.size(); ++i) {
            const VkCommandBufferBeginInfo begin{VK_STRUCTURE_TYPE_COMMAND_BUFFER_BEGIN_INFO};
            vkBeginCommandBuffer(commands_[i], &begin);
            VkImageMemoryBarrier barrier{VK_STRUCTURE_TYPE_IMAGE_MEMORY_BARRIER};
            barrier.newLayout = VK_IMAGE_LAYOUT_PRESENT_SRC_KHR;
            barrier.srcQueueFamilyIndex = VK_QUEUE_FAMILY_IGNORED;
            barrier.dstQueueFamilyIndex = VK_QUEUE_FAMILY_IGNORED;
            barrier.image = swap_.images[i];
            barrier.subresourceRange = {VK_IMAGE_ASPECT_COLOR_BIT, 0, 1, 0, 1};
            vkCmdPipelineBarrier(commands_[i], VK_PIPELINE_STAGE_ALL_COMMANDS_BIT,
                                 VK_PIPELINE_STAGE_ALL_COMMANDS_BIT, 0, 0, nullptr, 0, nullptr, 1,
                                 &barrier);
            vkEndCommandBuffer(commands_[i]);
        }
    }
    ~ReadyApp() {
        swap_.destroy();
        vkDeviceWaitIdle(app_.device);
        if (wayland_ != VK_NULL_HANDLE) vkDestroySurfaceKHR(app_.instance, wayland_, nullptr);
    }

    VkResult acquire() {
        return vkAcquireNextImageKHR(app_.device, swap_.handle, UINT64_MAX, acquired_.handle,
                                     VK_NULL_HANDLE, &index_);
    }
    VkResult draw() {
        const VkPipelineStageFlags stage = VK_PIPELINE_STAGE_ALL_COMMANDS_BIT;
        VkSubmitInfo submit{VK_STRUCTURE_TYPE_SUBMIT_INFO};
        submit.waitSemaphoreCount = 1;
        submit.pWaitSemaphores = &acquired_.handle;
        submit.pWaitDstStageMask = &stage;
        submit.commandBufferCount = 1;
        submit.pCommandBuffers = &commands_[index_];
        submit.signalSemaphoreCount = 1;
        submit.pSignalSemaphores = &rendered_.handle;
        return vkQueueSubmit(app_.queue, 1, &submit, VK_NULL_HANDLE);
    }
    VkResult present() {
        VkPresentInfoKHR info{VK_STRUCTURE_TYPE_PRESENT_INFO_KHR};
        info.waitSemaphoreCount = 1;
        info.pWaitSemaphores = &rendered_.handle;
        info.swapchainCount = 1;
        info.pSwapchains = &swap_.handle;
        info.pImageIndices = &index_;
#ifdef VK_EXT_present_timing
        VkPresentTimingInfoEXT timing{VK_STRUCTURE_TYPE_PRESENT_TIMING_INFO_EXT};
        timing.presentStageQueries = test::kGpuDone | test::kPixelOut;
        timing.timeDomainId = 1;
        const VkPresentTimingsInfoEXT timings{VK_STRUCTURE_TYPE_PRESENT_TIMINGS_INFO_EXT, nullptr,
                                              1, &timing};
        if (timed_) {
            info.pNext = &timings;
            take_times();
        }
#endif
        return vkQueuePresentKHR(app_.queue, &info);
    }
    void wait() {
        vkDeviceWaitIdle(app_.device);
    }

    VkResult created = VK_ERROR_UNKNOWN;
    std::uint32_t times_taken = 0;

  private:
    static AppOptions options_of([[maybe_unused]] bool timed) {
#ifdef VK_EXT_present_timing
        if (timed) return test::with_present_timing({});
#endif
        return {};
    }
#ifdef VK_EXT_present_timing
    void take_times() {
        VkPresentStageTimeEXT stages[8][2]{};
        VkPastPresentationTimingEXT timings[8]{};
        for (std::size_t i = 0; i < std::size(timings); ++i) {
            timings[i].sType = VK_STRUCTURE_TYPE_PAST_PRESENTATION_TIMING_EXT;
            timings[i].presentStageCount = 2;
            timings[i].pPresentStages = stages[i];
        }
        const VkPastPresentationTimingInfoEXT info{
            VK_STRUCTURE_TYPE_PAST_PRESENTATION_TIMING_INFO_EXT, nullptr, 0, swap_.handle};
        VkPastPresentationTimingPropertiesEXT out{
            VK_STRUCTURE_TYPE_PAST_PRESENTATION_TIMING_PROPERTIES_EXT};
        out.presentationTimingCount = static_cast<std::uint32_t>(std::size(timings));
        out.pPresentationTimings = timings;
        EXPECT_EQ(past_(app_.device, &info, &out), VK_SUCCESS);
        times_taken += out.presentationTimingCount;
    }
    PFN_vkGetPastPresentationTimingEXT past_ = nullptr;
    bool timed_ = false;
#endif
    VkSwapchainCreateInfoKHR create(const test::WaylandWindow* window, VkPresentModeKHR mode,
                                    [[maybe_unused]] bool timed) {
        if (window) wayland_ = make_surface(*window);
        auto info = swapchain_info(window ? wayland_ : app_.headless_surface(), kWidth, kHeight, 4);
        info.presentMode = mode;
#ifdef VK_EXT_present_timing
        if (timed) info = test::timed(info);
#endif
        return info;
    }
    VkSurfaceKHR make_surface(const test::WaylandWindow& window) {
        VkWaylandSurfaceCreateInfoKHR info{VK_STRUCTURE_TYPE_WAYLAND_SURFACE_CREATE_INFO_KHR};
        info.display = window.display();
        info.surface = window.surface();
        VkSurfaceKHR surface = VK_NULL_HANDLE;
        const auto create =
            app_.instance_function<PFN_vkCreateWaylandSurfaceKHR>("vkCreateWaylandSurfaceKHR");
        EXPECT_EQ(create(app_.instance, &info, nullptr, &surface), VK_SUCCESS);
        return surface;
    }
    App app_;
    VkSurfaceKHR wayland_ = VK_NULL_HANDLE;
    AppSemaphore acquired_{app_};
    AppSemaphore rendered_{app_};
    Swap swap_;
    std::vector<VkCommandBuffer> commands_;
    std::uint32_t index_ = 0;
};

}  // namespace vdmabuf::fake
