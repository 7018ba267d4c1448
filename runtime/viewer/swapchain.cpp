// SPDX-License-Identifier: MIT
#include "runtime/viewer/swapchain.hpp"

#include <algorithm>

#include "runtime/common/clock.hpp"
#include "runtime/common/vulkan_colour_space.hpp"
#include "runtime/consumer/gpu/result.hpp"

namespace vdmabuf::viewer {
namespace {

constexpr std::uint64_t kAcquireNs = 100 * kNsPerMs;
constexpr std::uint32_t kAnyExtent = 0xffffffff;

Result<gpu::Semaphore> make_semaphore(VkDevice device) {
    VkSemaphoreCreateInfo info{};
    info.sType = VK_STRUCTURE_TYPE_SEMAPHORE_CREATE_INFO;
    VkSemaphore semaphore = VK_NULL_HANDLE;
    const VkResult made = vkCreateSemaphore(device, &info, nullptr, &semaphore);
    if (made != VK_SUCCESS) return gpu::vulkan_error("vkCreateSemaphore", made);
    return gpu::Semaphore(device, semaphore);
}

VkCompositeAlphaFlagBitsKHR choose_alpha(VkCompositeAlphaFlagsKHR supported) {
    for (const auto alpha : {VK_COMPOSITE_ALPHA_OPAQUE_BIT_KHR, VK_COMPOSITE_ALPHA_INHERIT_BIT_KHR,
                             VK_COMPOSITE_ALPHA_PRE_MULTIPLIED_BIT_KHR}) {
        if (supported & alpha) return alpha;
    }
    return VK_COMPOSITE_ALPHA_POST_MULTIPLIED_BIT_KHR;
}

}  // namespace

Swapchain::~Swapchain() {
    reset();
}

void Swapchain::reset() {
    // What a present waits for cannot be asked in plain Vulkan, so: the whole queue.
    if (swapchain_) device_->wait_idle();
    ahead_.reset();
    drawn_.clear();
    acquired_.reset();
    images_.clear();
    present_id_ = 0;
    swapchain_.reset();
}

// False: the window has no area now.
Result<bool> Swapchain::create(VkExtent2D wanted) {
    VkSurfaceCapabilitiesKHR can{};
    VkResult asked = vkGetPhysicalDeviceSurfaceCapabilitiesKHR(device_->physical(), surface_, &can);
    if (asked != VK_SUCCESS) return gpu::vulkan_error("the window's surface", asked);
    VkExtent2D extent = can.currentExtent;
    if (extent.width == kAnyExtent) {
        extent.width = std::clamp(wanted.width, can.minImageExtent.width, can.maxImageExtent.width);
        extent.height =
            std::clamp(wanted.height, can.minImageExtent.height, can.maxImageExtent.height);
    }
    if (extent.width == 0 || extent.height == 0) return false;
    if (!(can.supportedUsageFlags & VK_IMAGE_USAGE_TRANSFER_DST_BIT)) {
        return Error{ENOTSUP, "this display's images cannot be copied to"};
    }
    std::uint32_t count = 0;
    vkGetPhysicalDeviceSurfaceFormatsKHR(device_->physical(), surface_, &count, nullptr);
    std::vector<VkSurfaceFormatKHR> formats(count);
    vkGetPhysicalDeviceSurfaceFormatsKHR(device_->physical(), surface_, &count, formats.data());
    const auto chosen = choose_surface_format(formats, pictures_, native_);
    if (!chosen) return Error{ENOTSUP, "this display offers no format of sRGB"};
    const VkSurfaceFormatKHR format = *chosen;

    VkSwapchainCreateInfoKHR info{};
    info.sType = VK_STRUCTURE_TYPE_SWAPCHAIN_CREATE_INFO_KHR;
    info.surface = surface_;
    info.minImageCount = std::max(can.minImageCount, 2U);
    if (can.maxImageCount != 0)
        info.minImageCount = std::min(info.minImageCount, can.maxImageCount);
    info.imageFormat = format.format;
    info.imageColorSpace = format.colorSpace;
    info.imageExtent = extent;
    info.imageArrayLayers = 1;
    info.imageUsage = VK_IMAGE_USAGE_TRANSFER_DST_BIT;
    if (drawn_on_) info.imageUsage |= VK_IMAGE_USAGE_COLOR_ATTACHMENT_BIT;  // all surfaces can
    info.imageSharingMode = VK_SHARING_MODE_EXCLUSIVE;
    info.preTransform = can.currentTransform;
    info.compositeAlpha = choose_alpha(can.supportedCompositeAlpha);
    info.presentMode = VK_PRESENT_MODE_FIFO_KHR;
    info.clipped = VK_TRUE;
    info.oldSwapchain = swapchain_.get();
    VkSwapchainKHR made = VK_NULL_HANDLE;
    const VkResult created = vkCreateSwapchainKHR(device_->get(), &info, nullptr, &made);
    reset();
    if (created != VK_SUCCESS) return gpu::vulkan_error("vkCreateSwapchainKHR", created);
    swapchain_ = gpu::Swapchain(device_->get(), made);
    extent_ = extent;
    look_ = {
        format.format,
        stream::colour_space_of(format.colorSpace).value_or(stream::ColourSpace::srgb_nonlinear)};
    metadata_ = {};

    vkGetSwapchainImagesKHR(device_->get(), made, &count, nullptr);
    images_.resize(count);
    asked = vkGetSwapchainImagesKHR(device_->get(), made, &count, images_.data());
    if (asked != VK_SUCCESS) return gpu::vulkan_error("vkGetSwapchainImagesKHR", asked);
    for (std::size_t i = 0; i <= images_.size(); ++i) {
        auto semaphore = make_semaphore(device_->get());
        if (!semaphore) return semaphore.error();
        if (i == images_.size()) {
            acquired_ = std::move(*semaphore);
        } else {
            drawn_.push_back(std::move(*semaphore));
        }
    }
    stale_ = false;
    return true;
}

Result<Swapchain::Target> Swapchain::acquire(VkExtent2D wanted, const Look& pictures, bool native) {
    stale_ = stale_ || pictures != pictures_ || native != native_;
    pictures_ = pictures;
    native_ = native;
    // A window that is being resized may be out of date again at once, but not for ever.
    for (int attempt = 0; attempt < 4; ++attempt) {
        if (stale_ || !swapchain_) {
            auto created = create(wanted);
            if (!created) return created.error();
            if (!*created) return Target{};
        }
        if (ahead_) {
            const Target target = *ahead_;
            ahead_.reset();
            return target;
        }
        Target target;
        const VkResult got = acquire_now(target);
        if (got == VK_ERROR_OUT_OF_DATE_KHR) {
            stale_ = true;
            continue;
        }
        if (got == VK_TIMEOUT || got == VK_NOT_READY) {
            target.busy = true;
            return target;
        }
        if (got != VK_SUCCESS && got != VK_SUBOPTIMAL_KHR) {
            stale_ = true;
            return gpu::vulkan_error("vkAcquireNextImageKHR", got);
        }
        return target;
    }
    return Target{};
}

VkResult Swapchain::acquire_now(Target& target) {
    const VkResult got = vkAcquireNextImageKHR(device_->get(), swapchain_.get(), kAcquireNs,
                                               acquired_.get(), VK_NULL_HANDLE, &target.index);
    if (got == VK_SUCCESS || got == VK_SUBOPTIMAL_KHR) {
        target.image = images_[target.index];
        target.extent = extent_;
        target.look = look_;
        target.acquired = acquired_.get();
        target.drawn = drawn_[target.index].get();
    }
    return got;
}

void Swapchain::acquire_ahead() {
    if (stale_ || !swapchain_ || ahead_) return;
    Target target;
    const VkResult got = acquire_now(target);
    if (target.image != VK_NULL_HANDLE) {
        ahead_ = target;
    } else if (got != VK_TIMEOUT && got != VK_NOT_READY) {
        stale_ = true;  // the next acquire() says what is wrong, if it still is
    }
}

void Swapchain::set_metadata(const stream::HdrMetadata& metadata) {
    if (metadata == metadata_) return;
    metadata_ = metadata;
    device_->set_hdr_metadata(swapchain_.get(), vulkan_metadata(metadata));
}

Status Swapchain::present(const Target& target) {
    const VkSwapchainKHR swapchain = swapchain_.get();
    VkPresentInfoKHR info{};
    info.sType = VK_STRUCTURE_TYPE_PRESENT_INFO_KHR;
    info.waitSemaphoreCount = 1;
    info.pWaitSemaphores = &target.drawn;
    info.swapchainCount = 1;
    info.pSwapchains = &swapchain;
    info.pImageIndices = &target.index;
    const std::uint64_t id = present_id_ + 1;
    VkPresentIdKHR ids{};
    ids.sType = VK_STRUCTURE_TYPE_PRESENT_ID_KHR;
    ids.swapchainCount = 1;
    ids.pPresentIds = &id;
    if (device_->tells_when_shown()) info.pNext = &ids;
    const VkResult presented = device_->present(info);
    if (presented == VK_SUCCESS || presented == VK_SUBOPTIMAL_KHR) present_id_ = id;
    if (presented == VK_ERROR_OUT_OF_DATE_KHR || presented == VK_SUBOPTIMAL_KHR) {
        stale_ = true;  // the next frame, or the redraw that a resize brings, makes it new
        return {};
    }
    if (presented == VK_SUCCESS) return {};
    stale_ = true;
    return gpu::vulkan_error("vkQueuePresentKHR", presented);
}

bool Swapchain::wait_until_shown(std::uint64_t timeout_ns) const {
    if (present_id_ == 0 || !device_->tells_when_shown()) return false;
    const VkResult waited = device_->wait_for_present(swapchain_.get(), present_id_, timeout_ns);
    return waited == VK_SUCCESS || waited == VK_SUBOPTIMAL_KHR;
}

}  // namespace vdmabuf::viewer
