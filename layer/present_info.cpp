// SPDX-License-Identifier: MIT
#include "layer/present_info.hpp"

namespace vdmabuf::layer {

PresentInfo::PresentInfo(const VkPresentInfoKHR& info) {
    for (auto* at = static_cast<const VkBaseInStructure*>(info.pNext); at; at = at->pNext) {
        switch (static_cast<int>(at->sType)) {
            case VK_STRUCTURE_TYPE_PRESENT_REGIONS_KHR:
                regions_ = reinterpret_cast<const VkPresentRegionsKHR*>(at);
                break;
            case VK_STRUCTURE_TYPE_PRESENT_ID_KHR:
                ids_ = reinterpret_cast<const VkPresentIdKHR*>(at);
                break;
#ifdef VK_KHR_present_id2
            case VK_STRUCTURE_TYPE_PRESENT_ID_2_KHR:
                ids2_ = reinterpret_cast<const VkPresentId2KHR*>(at);
                break;
#endif
#ifdef VK_EXT_present_timing
            case VK_STRUCTURE_TYPE_PRESENT_TIMINGS_INFO_EXT:
                timings_ = reinterpret_cast<const VkPresentTimingsInfoEXT*>(at);
                break;
#endif
            case VK_STRUCTURE_TYPE_SWAPCHAIN_PRESENT_FENCE_INFO_EXT:
                fences_ = reinterpret_cast<const VkSwapchainPresentFenceInfoEXT*>(at);
                break;
            case VK_STRUCTURE_TYPE_SWAPCHAIN_PRESENT_MODE_INFO_EXT:
                modes_ = reinterpret_cast<const VkSwapchainPresentModeInfoEXT*>(at);
                break;
            default:
                break;
        }
    }
}

Damage PresentInfo::damage(std::uint32_t swapchain) const {
    Damage damage;
    if (!regions_ || !regions_->pRegions || swapchain >= regions_->swapchainCount) return damage;
    const VkPresentRegionKHR& region = regions_->pRegions[swapchain];
    if (!region.pRectangles) return damage;
    for (std::uint32_t i = 0; i < region.rectangleCount; ++i) {
        const VkRectLayerKHR& rect = region.pRectangles[i];
        if (rect.offset.x < 0 || rect.offset.y < 0 || rect.extent.width == 0 ||
            rect.extent.height == 0) {
            continue;
        }
        // With more of them than there is room for, everything has changed.
        if (damage.count == damage.rects.size()) {
            damage.count = 0;
            break;
        }
        damage.rects[damage.count++] = {static_cast<std::uint32_t>(rect.offset.x),
                                        static_cast<std::uint32_t>(rect.offset.y),
                                        rect.extent.width, rect.extent.height};
    }
    return damage;
}

std::uint64_t PresentInfo::id(std::uint32_t swapchain) const {
    std::uint64_t id = 0;
    if (ids_ && ids_->pPresentIds && swapchain < ids_->swapchainCount) {
        id = ids_->pPresentIds[swapchain];
    }
#ifdef VK_KHR_present_id2
    if (ids2_ && ids2_->pPresentIds && swapchain < ids2_->swapchainCount) {
        id = ids2_->pPresentIds[swapchain];
    }
#endif
    return id;
}

std::optional<PresentTiming> PresentInfo::timing([[maybe_unused]] std::uint32_t swapchain) const {
#ifdef VK_EXT_present_timing
    if (timings_ && timings_->pTimingInfos && swapchain < timings_->swapchainCount) {
        const VkPresentTimingInfoEXT& info = timings_->pTimingInfos[swapchain];
        const auto flag = [&](VkPresentTimingInfoFlagsEXT bit) { return (info.flags & bit) != 0; };
        PresentTiming timing;
        timing.id = id(swapchain);
        timing.domain = info.timeDomainId;
        timing.stages = info.presentStageQueries & kAllStages;
        timing.target = {info.targetTime,
                         flag(VK_PRESENT_TIMING_INFO_PRESENT_AT_RELATIVE_TIME_BIT_EXT),
                         flag(VK_PRESENT_TIMING_INFO_PRESENT_AT_NEAREST_REFRESH_CYCLE_BIT_EXT)};
        return timing;
    }
#endif
    return std::nullopt;
}

VkFence PresentInfo::fence(std::uint32_t swapchain) const {
    return fences_ && fences_->pFences && swapchain < fences_->swapchainCount
               ? fences_->pFences[swapchain]
               : VK_NULL_HANDLE;
}

const VkPresentModeKHR* PresentInfo::mode(std::uint32_t swapchain) const {
    return modes_ && modes_->pPresentModes && swapchain < modes_->swapchainCount
               ? &modes_->pPresentModes[swapchain]
               : nullptr;
}

}  // namespace vdmabuf::layer
