// SPDX-License-Identifier: MIT
#include "layer/surface_chain.hpp"

#include <algorithm>

#include "layer/physical_device.hpp"
#include "layer/present_modes.hpp"
#include "layer/scaling.hpp"
#include "layer/timing_queue.hpp"

namespace vdmabuf::layer {
namespace {

template <typename Structure>
Structure& as(VkBaseOutStructure* structure) {
    return *reinterpret_cast<Structure*>(structure);
}

// As far as there is room; too little of it is no error here
// (VkSurfacePresentModeCompatibilityEXT).
void fill(VkSurfacePresentModeCompatibilityEXT& out, const PhysicalDevice& physical,
          VkPresentModeKHR mode) {
    const auto modes = compatible_modes(physical, mode);
    const auto total = static_cast<std::uint32_t>(modes.size());
    if (!out.pPresentModes) {
        out.presentModeCount = total;
        return;
    }
    out.presentModeCount = std::min(out.presentModeCount, total);
    // The one that was asked about first: a list that is cut short has it, too.
    std::uint32_t written = 0;
    if (out.presentModeCount > 0) out.pPresentModes[written++] = mode;
    for (const VkPresentModeKHR other : modes) {
        if (written == out.presentModeCount) break;
        if (other != mode) out.pPresentModes[written++] = other;
    }
}

// A swapchain may have any size that an image can have: it is scaled to the window's.
void fill(VkSurfacePresentScalingCapabilitiesEXT& out, const PhysicalDevice& physical) {
    const std::uint32_t largest = std::min(physical.limits.maxImageDimension2D, stream::kMaxExtent);
    out.supportedPresentScaling = kScalings;
    out.supportedPresentGravityX = kGravities;
    out.supportedPresentGravityY = kGravities;
    out.minScaledImageExtent = {1, 1};
    out.maxScaledImageExtent = {largest, largest};
}

#ifdef VK_EXT_present_timing
// The host's consumer says when an image has left for a display; of displays themselves nobody here
// knows anything, nor when the broker took it out of its queue.
void fill(VkPresentTimingSurfaceCapabilitiesEXT& out, const PhysicalDevice& physical, bool seen) {
    const bool served = has(physical.served, Extension::present_timing);
    out.presentTimingSupported = served;
    out.presentAtAbsoluteTimeSupported = served && seen;
    out.presentAtRelativeTimeSupported = served && seen;
    out.presentStageQueries = 0;
    if (served) out.presentStageQueries |= kStageGpuDone;
    if (served && seen) out.presentStageQueries |= kStagePixelOut;
}
#endif

}  // namespace

void fill_chain(const PhysicalDevice& physical, [[maybe_unused]] bool seen, const void* info_chain,
                void* chain, VkSurfaceCapabilitiesKHR& plain) {
    const auto* named = find_in_chain<VkSurfacePresentModeEXT>(
        info_chain, VK_STRUCTURE_TYPE_SURFACE_PRESENT_MODE_EXT);
    const VkPresentModeKHR mode = named ? named->presentMode : VK_PRESENT_MODE_FIFO_KHR;
    // The image that is shared is the only one.
    if (named && is_shared_mode(mode)) plain.minImageCount = plain.maxImageCount = 1;
    const bool shares = has(physical.served, Extension::shared_presentable_image);
    for (auto* at = static_cast<VkBaseOutStructure*>(chain); at; at = at->pNext) {
        switch (static_cast<int>(at->sType)) {
            case VK_STRUCTURE_TYPE_SURFACE_PROTECTED_CAPABILITIES_KHR:
                as<VkSurfaceProtectedCapabilitiesKHR>(at).supportsProtected = VK_FALSE;
                break;
            case VK_STRUCTURE_TYPE_SHARED_PRESENT_SURFACE_CAPABILITIES_KHR:
                as<VkSharedPresentSurfaceCapabilitiesKHR>(at).sharedPresentSupportedUsageFlags =
                    shares ? physical.usage : 0;
                break;
            case VK_STRUCTURE_TYPE_SURFACE_PRESENT_MODE_COMPATIBILITY_EXT:
                fill(as<VkSurfacePresentModeCompatibilityEXT>(at), physical, mode);
                break;
            case VK_STRUCTURE_TYPE_SURFACE_PRESENT_SCALING_CAPABILITIES_EXT:
                fill(as<VkSurfacePresentScalingCapabilitiesEXT>(at), physical);
                break;
#if defined(VK_KHR_present_id2) && defined(VK_KHR_present_wait2)
            case VK_STRUCTURE_TYPE_SURFACE_CAPABILITIES_PRESENT_ID_2_KHR:
                as<VkSurfaceCapabilitiesPresentId2KHR>(at).presentId2Supported = VK_TRUE;
                break;
            case VK_STRUCTURE_TYPE_SURFACE_CAPABILITIES_PRESENT_WAIT_2_KHR:
                as<VkSurfaceCapabilitiesPresentWait2KHR>(at).presentWait2Supported = VK_TRUE;
                break;
#endif
#ifdef VK_EXT_present_timing
            case VK_STRUCTURE_TYPE_PRESENT_TIMING_SURFACE_CAPABILITIES_EXT:
                fill(as<VkPresentTimingSurfaceCapabilitiesEXT>(at), physical, seen);
                break;
#endif
            default:
                break;
        }
    }
}

void fill_format_chain(void* chain) {
    for (auto* at = static_cast<VkBaseOutStructure*>(chain); at; at = at->pNext) {
        if (at->sType != VK_STRUCTURE_TYPE_IMAGE_COMPRESSION_PROPERTIES_EXT) continue;
        // The pages are what the host reads: rows of pixels.
        auto& out = as<VkImageCompressionPropertiesEXT>(at);
        out.imageCompressionFlags = VK_IMAGE_COMPRESSION_DISABLED_EXT;
        out.imageCompressionFixedRateFlags = VK_IMAGE_COMPRESSION_FIXED_RATE_NONE_EXT;
    }
}

}  // namespace vdmabuf::layer
