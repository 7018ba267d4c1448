// SPDX-License-Identifier: MIT
#include "layer/swapchain_request.hpp"

#include <algorithm>

#include "layer/colour_spaces.hpp"
#include "layer/physical_device.hpp"
#include "layer/present_modes.hpp"
#include "layer/surface_queries.hpp"
#include "runtime/common/vulkan_colour_space.hpp"

namespace vdmabuf::layer {
namespace {

constexpr VkSwapchainCreateFlagsKHR kKnownFlags =
    VK_SWAPCHAIN_CREATE_MUTABLE_FORMAT_BIT_KHR |
    // What "may" be deferred is not.
    VK_SWAPCHAIN_CREATE_DEFERRED_MEMORY_ALLOCATION_BIT_EXT
#if defined(VK_KHR_present_id2) && defined(VK_KHR_present_wait2)
    | VK_SWAPCHAIN_CREATE_PRESENT_ID_2_BIT_KHR | VK_SWAPCHAIN_CREATE_PRESENT_WAIT_2_BIT_KHR
#endif
#ifdef VK_EXT_present_timing
    | VK_SWAPCHAIN_CREATE_PRESENT_TIMING_BIT_EXT
#endif
    ;

// The modes that the app wants to change to (VkSwapchainPresentModesCreateInfoEXT) are all
// possible.
bool modes_are_compatible(const VkSwapchainCreateInfoKHR& info, const PhysicalDevice& physical) {
    const auto* wanted = find_in_chain<VkSwapchainPresentModesCreateInfoEXT>(
        info.pNext, VK_STRUCTURE_TYPE_SWAPCHAIN_PRESENT_MODES_CREATE_INFO_EXT);
    if (!wanted) return true;
    const auto possible = compatible_modes(physical, info.presentMode);
    return std::all_of(wanted->pPresentModes, wanted->pPresentModes + wanted->presentModeCount,
                       [&](VkPresentModeKHR mode) {
                           return std::find(possible.begin(), possible.end(), mode) !=
                                  possible.end();
                       });
}

}  // namespace

const char* refusal(const VkSwapchainCreateInfoKHR& info, const PhysicalDevice& physical,
                    stream::ColourSpaces colours) {
    const VkExtent2D extent = info.imageExtent;
    const std::uint32_t largest = std::min(physical.limits.maxImageDimension2D, stream::kMaxExtent);
    if (extent.width == 0 || extent.height == 0 || extent.width > largest ||
        extent.height > largest) {
        return "image extent";
    }
    const auto offered = surface_formats(physical, colours);
    const bool format =
        std::any_of(offered.begin(), offered.end(), [&](const VkSurfaceFormatKHR& known) {
            return known.format == info.imageFormat && known.colorSpace == info.imageColorSpace;
        });
    if (!format) return "image format and colour space";
    if (info.minImageCount > kMaxImages) return "number of images";
    if (info.imageArrayLayers != 1) return "array layers";
    if (info.imageUsage == 0) return "image usage";
    if (!is_present_mode(physical, info.presentMode)) return "present mode";
    if (!modes_are_compatible(info, physical)) return "present modes to change to";
    if (info.preTransform != VK_SURFACE_TRANSFORM_IDENTITY_BIT_KHR) return "transform";
    if ((info.flags & ~kKnownFlags) != 0) return "flags";
    return nullptr;
}

bool wants_timings([[maybe_unused]] const VkSwapchainCreateInfoKHR& info) {
#ifdef VK_EXT_present_timing
    return (info.flags & VK_SWAPCHAIN_CREATE_PRESENT_TIMING_BIT_EXT) != 0;
#else
    return false;
#endif
}

ImageRequest request_of(const VkSwapchainCreateInfoKHR& info) {
    ImageRequest request;
    request.format = *find_format(info.imageFormat);
    request.colour_space = *stream::colour_space_of(info.imageColorSpace);
    request.extent = info.imageExtent;
    request.usage = info.imageUsage;
    request.sharing = info.imageSharingMode;
    if (info.imageSharingMode == VK_SHARING_MODE_CONCURRENT) {
        request.families.assign(info.pQueueFamilyIndices,
                                info.pQueueFamilyIndices + info.queueFamilyIndexCount);
    }
    if (info.flags & VK_SWAPCHAIN_CREATE_MUTABLE_FORMAT_BIT_KHR) {
        // What the flag of the swapchain means for its images (VK_KHR_swapchain_mutable_format).
        request.flags = VK_IMAGE_CREATE_MUTABLE_FORMAT_BIT | VK_IMAGE_CREATE_EXTENDED_USAGE_BIT;
        const auto* list = find_in_chain<VkImageFormatListCreateInfo>(
            info.pNext, VK_STRUCTURE_TYPE_IMAGE_FORMAT_LIST_CREATE_INFO);
        if (list) {
            request.view_formats.assign(list->pViewFormats,
                                        list->pViewFormats + list->viewFormatCount);
        }
    }
    return request;
}

}  // namespace vdmabuf::layer
