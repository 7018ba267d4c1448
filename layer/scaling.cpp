// SPDX-License-Identifier: MIT
#include "layer/scaling.hpp"

namespace vdmabuf::layer {
namespace {

bool gravity_of(VkPresentGravityFlagsEXT flags, stream::Gravity& out) {
    switch (flags) {
        case 0:
        case VK_PRESENT_GRAVITY_CENTERED_BIT_EXT:
            out = stream::Gravity::centre;
            return true;
        case VK_PRESENT_GRAVITY_MIN_BIT_EXT:
            out = stream::Gravity::min;
            return true;
        case VK_PRESENT_GRAVITY_MAX_BIT_EXT:
            out = stream::Gravity::max;
            return true;
        default:
            return false;
    }
}

}  // namespace

bool scaling_of(const VkSwapchainCreateInfoKHR& info, stream::Scaling& out) {
    out = {};
    const auto* wanted = find_in_chain<VkSwapchainPresentScalingCreateInfoEXT>(
        info.pNext, VK_STRUCTURE_TYPE_SWAPCHAIN_PRESENT_SCALING_CREATE_INFO_EXT);
    if (!wanted) return true;
    switch (wanted->scalingBehavior) {
        case 0:  // the app wants nothing in particular
            break;
        case VK_PRESENT_SCALING_ONE_TO_ONE_BIT_EXT:
            out.behaviour = stream::ScalingBehaviour::one_to_one;
            break;
        case VK_PRESENT_SCALING_ASPECT_RATIO_STRETCH_BIT_EXT:
            out.behaviour = stream::ScalingBehaviour::keep_shape;
            break;
        case VK_PRESENT_SCALING_STRETCH_BIT_EXT:
            out.behaviour = stream::ScalingBehaviour::stretch;
            break;
        default:
            return false;
    }
    return gravity_of(wanted->presentGravityX, out.gravity_x) &&
           gravity_of(wanted->presentGravityY, out.gravity_y);
}

}  // namespace vdmabuf::layer
