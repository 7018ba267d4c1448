// SPDX-License-Identifier: MIT
// Presents whose times are asked for (VK_EXT_present_timing).
#pragma once

#include "layer/vulkan.hpp"
#include "tests/layer/support/app.hpp"

#ifdef VK_EXT_present_timing

#include <algorithm>
#include <chrono>
#include <map>
#include <thread>

namespace vdmabuf::test {

constexpr VkPresentStageFlagsEXT kGpuDone = VK_PRESENT_STAGE_QUEUE_OPERATIONS_END_BIT_EXT;
constexpr VkPresentStageFlagsEXT kPixelOut = VK_PRESENT_STAGE_IMAGE_FIRST_PIXEL_OUT_BIT_EXT;

// What it needs, added to `options`.
inline AppOptions with_present_timing(AppOptions options) {
    static const VkPhysicalDevicePresentTimingFeaturesEXT timing{
        VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_PRESENT_TIMING_FEATURES_EXT, nullptr, VK_TRUE, VK_TRUE,
        VK_TRUE};
    static const VkPhysicalDevicePresentId2FeaturesKHR id{
        VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_PRESENT_ID_2_FEATURES_KHR,
        const_cast<VkPhysicalDevicePresentTimingFeaturesEXT*>(&timing), VK_TRUE};
    for (const char* name :
         {"VK_KHR_present_id2", "VK_KHR_calibrated_timestamps", "VK_EXT_present_timing"}) {
        options.device_extensions.push_back(name);
    }
    options.device_next = &id;
    return options;
}

inline VkSwapchainCreateInfoKHR timed(VkSwapchainCreateInfoKHR info) {
    info.flags |=
        VK_SWAPCHAIN_CREATE_PRESENT_TIMING_BIT_EXT | VK_SWAPCHAIN_CREATE_PRESENT_ID_2_BIT_KHR;
    return info;
}

struct PastTiming {
    std::uint64_t id = 0;
    std::uint64_t target = 0;
    bool complete = false;
    VkTimeDomainKHR domain = VK_TIME_DOMAIN_DEVICE_KHR;
    std::map<VkPresentStageFlagsEXT, std::uint64_t> times;
};

// A swapchain of that flag. The functions of the extension, called.
class TimedPresents {
  public:
    explicit TimedPresents(Swap& the_swap) : swap(the_swap) {}

    VkResult resize(std::uint32_t size) const {
        return get<PFN_vkSetSwapchainPresentTimingQueueSizeEXT>(
            "vkSetSwapchainPresentTimingQueueSizeEXT")(swap.app.device, swap.handle, size);
    }
    // Draws and presents the picture `id`.
    VkResult show(std::uint64_t id, VkPresentStageFlagsEXT stages = kGpuDone | kPixelOut,
                  std::uint64_t target = 0, VkPresentTimingInfoFlagsEXT flags = 0) {
        const VkResult drawn = swap.draw(static_cast<std::uint32_t>(id), index, frame);
        if (drawn != VK_SUCCESS) return drawn;
        return present(id, stages, target, flags, true);
    }
    // What was drawn last. `waits`: for the drawing.
    VkResult present(std::uint64_t id, VkPresentStageFlagsEXT stages, std::uint64_t target,
                     VkPresentTimingInfoFlagsEXT flags, bool waits) const {
        VkPresentTimingInfoEXT info{VK_STRUCTURE_TYPE_PRESENT_TIMING_INFO_EXT};
        info.flags = flags;
        info.targetTime = target;
        info.timeDomainId = domain;
        info.presentStageQueries = stages;
        info.targetTimeDomainPresentStage = kPixelOut;
        const VkPresentTimingsInfoEXT timings{VK_STRUCTURE_TYPE_PRESENT_TIMINGS_INFO_EXT, nullptr,
                                              1, &info};
        const VkPresentId2KHR ids{VK_STRUCTURE_TYPE_PRESENT_ID_2_KHR, &timings, 1, &id};
        VkPresentInfoKHR what{VK_STRUCTURE_TYPE_PRESENT_INFO_KHR, &ids};
        what.waitSemaphoreCount = waits ? 1 : 0;
        what.pWaitSemaphores = &frame.rendered;
        what.swapchainCount = 1;
        what.pSwapchains = &swap.handle;
        what.pImageIndices = &index;
        return vkQueuePresentKHR(swap.app.queue, &what);
    }
    // Those that are there, with room for `room` of them.
    std::vector<PastTiming> past(VkResult& result, std::uint32_t room = 16,
                                 VkPastPresentationTimingFlagsEXT flags = 0) const {
        constexpr std::uint32_t kStages = 4;
        std::vector<VkPresentStageTimeEXT> stages(std::size_t{room} * kStages);
        std::vector<VkPastPresentationTimingEXT> timings(room);
        for (std::uint32_t i = 0; i < room; ++i) {
            timings[i] = {VK_STRUCTURE_TYPE_PAST_PRESENTATION_TIMING_EXT};
            timings[i].presentStageCount = kStages;
            timings[i].pPresentStages = &stages[std::size_t{i} * kStages];
        }
        const VkPastPresentationTimingInfoEXT info{
            VK_STRUCTURE_TYPE_PAST_PRESENTATION_TIMING_INFO_EXT, nullptr, flags, swap.handle};
        VkPastPresentationTimingPropertiesEXT out{
            VK_STRUCTURE_TYPE_PAST_PRESENTATION_TIMING_PROPERTIES_EXT};
        out.presentationTimingCount = room;
        out.pPresentationTimings = timings.data();
        result = get<PFN_vkGetPastPresentationTimingEXT>("vkGetPastPresentationTimingEXT")(
            swap.app.device, &info, &out);
        std::vector<PastTiming> found(out.presentationTimingCount);
        for (std::size_t i = 0; i < found.size(); ++i) {
            found[i] = {timings[i].presentId,
                        timings[i].targetTime,
                        timings[i].reportComplete == VK_TRUE,
                        timings[i].timeDomain,
                        {}};
            for (std::uint32_t s = 0; s < timings[i].presentStageCount; ++s) {
                const auto& stage = timings[i].pPresentStages[s];
                found[i].times[stage.stage] = stage.time;
            }
        }
        return found;
    }
    // Until there are `count` of them, or 5 s have passed.
    std::vector<PastTiming> wait(std::size_t count) const {
        std::vector<PastTiming> all;
        const auto start = std::chrono::steady_clock::now();
        while (all.size() < count &&
               std::chrono::steady_clock::now() - start < std::chrono::seconds(5)) {
            VkResult result = VK_SUCCESS;
            for (PastTiming& each : past(result)) all.push_back(std::move(each));
            if (result < 0) break;
            std::this_thread::sleep_for(std::chrono::milliseconds(1));
        }
        return all;
    }
    template <typename Function>
    Function get(const char* name) const {
        return swap.app.device_function<Function>(name);
    }

    Swap& swap;
    std::uint32_t index = 0;
    FrameObjects frame;
    std::uint64_t domain = 1;
};

}  // namespace vdmabuf::test

#endif
