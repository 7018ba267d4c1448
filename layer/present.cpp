// SPDX-License-Identifier: MIT
// vkQueuePresentKHR, for swapchains of ours and of the driver in one call.
#include <algorithm>
#include <vector>

#include "layer/guard.hpp"
#include "layer/physical_device.hpp"
#include "layer/present_info.hpp"
#include "layer/swapchain.hpp"
#include "runtime/common/log.hpp"

namespace vdmabuf::layer {
namespace {

// Semaphores of one submit; an app that waits for more gets several.
constexpr std::uint32_t kWaitChunk = 16;

constexpr auto kWaitStages = [] {
    std::array<VkPipelineStageFlags, kWaitChunk> stages{};
    stages.fill(VK_PIPELINE_STAGE_ALL_COMMANDS_BIT);
    return stages;
}();

// The result of a call is the worst of its swapchains' results.
int badness(VkResult result) {
    switch (static_cast<int>(result)) {
        case VK_SUCCESS:
            return 0;
        case VK_SUBOPTIMAL_KHR:
            return 1;
        case kTimingQueueFull:
            return 2;
        case VK_ERROR_OUT_OF_DATE_KHR:
            return 3;
        case VK_ERROR_SURFACE_LOST_KHR:
            return 4;
        case VK_ERROR_DEVICE_LOST:
            return 6;
        default:
            return 5;
    }
}

// The part of a call that is the driver's. Of the structures chained to it, those with an entry for
// each swapchain are cut to size; unknown ones are left out, as they may have such entries too.
VkResult present_below(const Device& device, Queue* queue, VkQueue handle,
                       const VkPresentInfoKHR& info, PresentWaits& waits,
                       const std::vector<std::uint32_t>& theirs, std::vector<VkResult>& results) {
    std::vector<VkSwapchainKHR> swapchains;
    std::vector<std::uint32_t> indices;
    std::vector<VkPresentRegionKHR> regions;
    std::vector<std::uint32_t> masks;
    const auto* all_regions =
        find_in_chain<VkPresentRegionsKHR>(info.pNext, VK_STRUCTURE_TYPE_PRESENT_REGIONS_KHR);
    const auto* group = find_in_chain<VkDeviceGroupPresentInfoKHR>(
        info.pNext, VK_STRUCTURE_TYPE_DEVICE_GROUP_PRESENT_INFO_KHR);
    for (const std::uint32_t i : theirs) {
        swapchains.push_back(info.pSwapchains[i]);
        indices.push_back(info.pImageIndices[i]);
        if (all_regions && all_regions->pRegions) regions.push_back(all_regions->pRegions[i]);
        if (group && group->swapchainCount > 0) masks.push_back(group->pDeviceMasks[i]);
    }
    const auto count = static_cast<std::uint32_t>(theirs.size());
    results.assign(count, VK_SUCCESS);
    VkPresentInfoKHR part{};
    part.sType = VK_STRUCTURE_TYPE_PRESENT_INFO_KHR;
    const VkPresentRegionsKHR part_regions{VK_STRUCTURE_TYPE_PRESENT_REGIONS_KHR, nullptr, count,
                                           regions.data()};
    if (!regions.empty()) part.pNext = &part_regions;
    VkDeviceGroupPresentInfoKHR part_group{VK_STRUCTURE_TYPE_DEVICE_GROUP_PRESENT_INFO_KHR,
                                           part.pNext, count, masks.data(),
                                           VK_DEVICE_GROUP_PRESENT_MODE_LOCAL_BIT_KHR};
    if (!masks.empty()) {
        part_group.mode = group->mode;
        part.pNext = &part_group;
    }
    if (!waits.done) {
        part.waitSemaphoreCount = waits.count;
        part.pWaitSemaphores = waits.semaphores;
        waits.done = true;
    } else if (waits.signal != VK_NULL_HANDLE) {
        part.waitSemaphoreCount = 1;
        part.pWaitSemaphores = &waits.signal;
    }
    part.swapchainCount = count;
    part.pSwapchains = swapchains.data();
    part.pImageIndices = indices.data();
    part.pResults = results.data();
    const auto lock = queue ? queue->lock() : std::unique_lock<std::mutex>();
    return device.down().QueuePresentKHR(handle, &part);
}

// VkSwapchainPresentFenceInfoEXT. The fences come last, in the order of the presents: what their
// presents have to do is in the queue before them, and those of failed presents are signalled too.
VkResult signal_fences(const Device& device, Queue& queue, const VkPresentInfoKHR& info,
                       const PresentInfo& extras) {
    VkResult worst = VK_SUCCESS;
    if (!extras.has_fences()) return worst;
    const auto lock = queue.lock();
    for (std::uint32_t i = 0; i < info.swapchainCount; ++i) {
        const VkFence fence = extras.fence(i);
        if (fence == VK_NULL_HANDLE) continue;
        const VkResult result = device.down().QueueSubmit(queue.handle, 0, nullptr, fence);
        if (badness(result) > badness(worst)) worst = result;
    }
    return worst;
}

// The app has enabled present fences, and the driver does not know them.
bool fences_are_ours_alone(const Device& device) {
    const auto ours_alone = [&](Extension extension) {
        return device.enabled(extension) && !has(device.physical().driver_has, extension);
    };
    return device.active() && (ours_alone(Extension::swapchain_maintenance1) ||
                               ours_alone(Extension::swapchain_maintenance1_khr));
}

VkResult present_mixed(const Device& device, Queue& queue, const VkPresentInfoKHR& info) {
    const PresentInfo extras(info);
    PresentWaits waits{info.pWaitSemaphores, info.waitSemaphoreCount};
    VkResult worst = VK_SUCCESS;
    std::uint32_t theirs_count = 0;
    for (std::uint32_t i = 0; i < info.swapchainCount; ++i) {
        if (!device.swapchain(info.pSwapchains[i])) ++theirs_count;
    }
    for (std::uint32_t i = 0; i < info.swapchainCount; ++i) {
        Swapchain* ours = device.swapchain(info.pSwapchains[i]);
        if (!ours) continue;
        if (theirs_count > 0 && !waits.done && waits.count > 0) {
            // Our submit takes the app's semaphores: the driver's present waits for us instead.
            waits.signal = ours->relay(info.pImageIndices[i]);
        }
        const auto timing = extras.timing(i);
        const VkResult result = ours->present(queue,
                                              {info.pImageIndices[i], extras.id(i), extras.mode(i),
                                               extras.damage(i), timing ? &*timing : nullptr},
                                              waits);
        if (info.pResults) info.pResults[i] = result;
        if (badness(result) > badness(worst)) worst = result;
    }
    if (theirs_count > 0) {
        std::vector<std::uint32_t> theirs;
        for (std::uint32_t i = 0; i < info.swapchainCount; ++i) {
            if (!device.swapchain(info.pSwapchains[i])) theirs.push_back(i);
        }
        std::vector<VkResult> results;
        const VkResult result =
            present_below(device, &queue, queue.handle, info, waits, theirs, results);
        for (std::size_t i = 0; info.pResults && i < theirs.size(); ++i) {
            info.pResults[theirs[i]] = results[i];
        }
        if (badness(result) > badness(worst)) worst = result;
    }
    // Presents that the engine refuses do their waits all the same, and DXVK relies on it; those
    // for which there was no memory have done nothing (Vulkan, "vkQueuePresentKHR").
    if (!waits.done && badness(worst) < badness(VK_ERROR_OUT_OF_DEVICE_MEMORY)) {
        waits.signal = VK_NULL_HANDLE;
        const VkResult result = submit(device, queue, {}, waits);
        if (badness(result) > badness(worst)) worst = result;
    }
    const VkResult signalled = signal_fences(device, queue, info, extras);
    return badness(signalled) > badness(worst) ? signalled : worst;
}

}  // namespace

VkResult submit(const Device& device, Queue& queue, const PresentSubmit& what,
                PresentWaits& waits) {
    const std::uint32_t waiting = waits.done ? 0 : waits.count;
    if (waiting == 0 && !what.commands && !what.fence && !what.semaphore) {
        waits.done = true;
        return VK_SUCCESS;
    }
    const auto lock = queue.lock();
    std::uint32_t first = 0;
    for (;;) {
        const std::uint32_t count = std::min(waiting - first, kWaitChunk);
        const bool last = first + count == waiting;
        std::array<VkSemaphore, 2> signals{};
        VkSubmitInfo info{};
        info.sType = VK_STRUCTURE_TYPE_SUBMIT_INFO;
        info.waitSemaphoreCount = count;
        info.pWaitSemaphores = waits.semaphores + first;
        info.pWaitDstStageMask = kWaitStages.data();
        info.pSignalSemaphores = signals.data();
        if (last && what.commands) {
            info.commandBufferCount = 1;
            info.pCommandBuffers = &what.commands;
        }
        if (last && what.semaphore) signals[info.signalSemaphoreCount++] = what.semaphore;
        if (last && waiting > 0 && waits.signal) {
            signals[info.signalSemaphoreCount++] = waits.signal;
        }
        const VkResult result =
            device.down().QueueSubmit(queue.handle, 1, &info, last ? what.fence : VK_NULL_HANDLE);
        if (result != VK_SUCCESS) return result;
        if (last) break;
        first += count;
    }
    // Later submits to this queue come after the waits: a semaphore's second scope takes in all
    // that is later in submission order.
    waits.done = true;
    return VK_SUCCESS;
}

VKAPI_ATTR VkResult VKAPI_CALL QueuePresentKHR(VkQueue handle,
                                               const VkPresentInfoKHR* info) noexcept {
    return guarded([&] {
        const Device& device = *Device::of(handle);
        Queue* queue = device.queue(handle);
        bool ours = false;
        for (std::uint32_t i = 0; i < info->swapchainCount && !ours; ++i) {
            ours = device.swapchain(info->pSwapchains[i]) != nullptr;
        }
        if (ours && queue) return present_mixed(device, *queue, *info);
        if (!device.down().QueuePresentKHR) return VK_ERROR_EXTENSION_NOT_PRESENT;
        VkResult result = VK_SUCCESS;
        {
            const auto lock = queue ? queue->lock() : std::unique_lock<std::mutex>();
            result = device.down().QueuePresentKHR(handle, info);
        }
        if (!queue || !fences_are_ours_alone(device)) return result;
        const VkResult signalled = signal_fences(device, *queue, *info, PresentInfo(*info));
        return badness(signalled) > badness(result) ? signalled : result;
    });
}

}  // namespace vdmabuf::layer
