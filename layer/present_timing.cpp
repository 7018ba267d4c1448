// SPDX-License-Identifier: MIT
#include "layer/present_timing.hpp"

#ifdef VK_EXT_present_timing

#include <algorithm>

#include "layer/device.hpp"
#include "layer/guard.hpp"
#include "layer/swapchain.hpp"

namespace vdmabuf::layer {
namespace {

// The domains never change.
constexpr std::uint64_t kDomainsCounter = 1;

// An app's number of a domain of kTimeDomains: not 0, which structures that nobody filled have.
constexpr std::uint64_t domain_id(std::size_t index) {
    return index + 1;
}

VkTimeDomainKHR domain_of(std::uint64_t id) {
    return id >= 1 && id <= std::size(kTimeDomains) ? kTimeDomains[id - 1] : kTimeDomains[0];
}

std::uint64_t time_of(const TimingQueue::Result& result, std::uint32_t stage) {
    switch (stage) {
        case kStageGpuDone:
            return result.gpu_done_ns;
        case kStagePixelOut:
            return result.shown_ns;
        default:
            return 0;  // nobody knows
    }
}

// All stages that were asked for, with the time 0 where there is none (yet). True: there was room.
bool fill(const TimingQueue::Result& result, VkPastPresentationTimingEXT& out) {
    const std::uint32_t room = out.pPresentStages ? out.presentStageCount : 0;
    std::uint32_t written = 0;
    bool all = true;
    for (std::uint32_t stage = 1; stage <= kStagePixelVisible; stage <<= 1) {
        if (!(result.what.stages & stage)) continue;
        if (written == room) {
            all = false;
            break;
        }
        out.pPresentStages[written++] = {stage, time_of(result, stage)};
    }
    out.presentStageCount = written;
    out.presentId = result.what.id;
    out.targetTime = result.what.target.ns;
    out.timeDomain = domain_of(result.what.domain);
    out.timeDomainId = result.what.domain;
    out.reportComplete = result.complete ? VK_TRUE : VK_FALSE;
    return all;
}

VkResult past_timings(TimingQueue& timings, VkPastPresentationTimingFlagsEXT flags,
                      VkPastPresentationTimingPropertiesEXT& out) {
    const TimingQueue::Wanted wanted{
        (flags & VK_PAST_PRESENTATION_TIMING_ALLOW_OUT_OF_ORDER_RESULTS_BIT_EXT) != 0,
        (flags & VK_PAST_PRESENTATION_TIMING_ALLOW_PARTIAL_RESULTS_BIT_EXT) != 0};
    (void)timings.refresh_ns(&out.timingPropertiesCounter);
    out.timeDomainsCounter = kDomainsCounter;
    if (!out.pPresentationTimings) {
        out.presentationTimingCount = timings.available(wanted);
        return VK_SUCCESS;
    }
    std::uint32_t written = 0;
    bool all = true;
    const auto visit = [&](const TimingQueue::Result& result) {
        all &= fill(result, out.pPresentationTimings[written++]);
    };
    all &= !timings.collect(wanted, out.presentationTimingCount, visit);
    out.presentationTimingCount = written;
    return all ? VK_SUCCESS : VK_INCOMPLETE;
}

// Calls `ours` with what a swapchain of the layer has, or the driver's function.
template <typename Function, typename Ours, typename... Arguments>
VkResult serve(VkDevice handle, VkSwapchainKHR swapchain, Function DeviceDispatch::*below,
               Ours&& ours, Arguments... arguments) noexcept {
    return guarded([&] {
        const Device& device = *Device::of(handle);
        if (Swapchain* found = device.swapchain(swapchain)) {
            TimingQueue* timings = found->timings();
            // Made without VK_SWAPCHAIN_CREATE_PRESENT_TIMING_BIT_EXT: an app's error.
            return timings ? ours(*timings) : VK_ERROR_UNKNOWN;
        }
        const Function down = device.down().*below;
        return down ? down(handle, arguments...) : VK_ERROR_EXTENSION_NOT_PRESENT;
    });
}

}  // namespace

VKAPI_ATTR VkResult VKAPI_CALL SetSwapchainPresentTimingQueueSizeEXT(VkDevice device,
                                                                     VkSwapchainKHR swapchain,
                                                                     std::uint32_t size) noexcept {
    return serve(
        device, swapchain, &DeviceDispatch::SetSwapchainPresentTimingQueueSizeEXT,
        [&](TimingQueue& timings) { return timings.resize(size); }, swapchain, size);
}

VKAPI_ATTR VkResult VKAPI_CALL GetSwapchainTimingPropertiesEXT(
    VkDevice device, VkSwapchainKHR swapchain, VkSwapchainTimingPropertiesEXT* properties,
    std::uint64_t* counter) noexcept {
    const auto ours = [&](const TimingQueue& timings) {
        properties->refreshDuration = timings.refresh_ns(counter);
        properties->refreshInterval = 0;  // whether the display's rate varies is not known here
        return properties->refreshDuration == 0 ? VK_NOT_READY : VK_SUCCESS;
    };
    return serve(device, swapchain, &DeviceDispatch::GetSwapchainTimingPropertiesEXT, ours,
                 swapchain, properties, counter);
}

VKAPI_ATTR VkResult VKAPI_CALL GetSwapchainTimeDomainPropertiesEXT(
    VkDevice device, VkSwapchainKHR swapchain, VkSwapchainTimeDomainPropertiesEXT* properties,
    std::uint64_t* counter) noexcept {
    const auto ours = [&](const TimingQueue&) {
        if (counter) *counter = kDomainsCounter;
        constexpr auto kCount = static_cast<std::uint32_t>(std::size(kTimeDomains));
        if (!properties->pTimeDomains && !properties->pTimeDomainIds) {
            properties->timeDomainCount = kCount;
            return VK_SUCCESS;
        }
        const std::uint32_t given = std::min(properties->timeDomainCount, kCount);
        for (std::uint32_t i = 0; i < given; ++i) {
            if (properties->pTimeDomains) properties->pTimeDomains[i] = kTimeDomains[i];
            if (properties->pTimeDomainIds) properties->pTimeDomainIds[i] = domain_id(i);
        }
        properties->timeDomainCount = given;
        return given < kCount ? VK_INCOMPLETE : VK_SUCCESS;
    };
    return serve(device, swapchain, &DeviceDispatch::GetSwapchainTimeDomainPropertiesEXT, ours,
                 swapchain, properties, counter);
}

VKAPI_ATTR VkResult VKAPI_CALL
GetPastPresentationTimingEXT(VkDevice device, const VkPastPresentationTimingInfoEXT* info,
                             VkPastPresentationTimingPropertiesEXT* properties) noexcept {
    return serve(
        device, info->swapchain, &DeviceDispatch::GetPastPresentationTimingEXT,
        [&](TimingQueue& timings) { return past_timings(timings, info->flags, *properties); }, info,
        properties);
}

}  // namespace vdmabuf::layer

#endif
