// SPDX-License-Identifier: MIT
// The driver's own surfaces and swapchains: what is used where the layer steps aside. They show
// nothing; that they are used, and with what, is in the log.
#include <algorithm>

#include "tests/layer/fake/driver.hpp"

// Needs what the other brings.
#include <vulkan/vulkan_wayland.h>

namespace vdmabuf::fake {
namespace {

VkResult make_surface(VkInstance handle, const VkAllocationCallbacks* allocator,
                      VkSurfaceKHR* out) {
    auto* instance = dispatched<Instance>(handle, "instance");
    auto* surface = driver().make<Surface>("surface", instance, allocator);
    if (!surface) return VK_ERROR_OUT_OF_HOST_MEMORY;
    *out = handle_of<VkSurfaceKHR>(surface->id);
    return VK_SUCCESS;
}

VkResult CreateXcbSurfaceKHR(VkInstance instance, const VkXcbSurfaceCreateInfoKHR*,
                             const VkAllocationCallbacks* allocator, VkSurfaceKHR* out) {
    return make_surface(instance, allocator, out);
}

VkResult CreateXlibSurfaceKHR(VkInstance instance, const VkXlibSurfaceCreateInfoKHR*,
                              const VkAllocationCallbacks* allocator, VkSurfaceKHR* out) {
    return make_surface(instance, allocator, out);
}

VkResult CreateWaylandSurfaceKHR(VkInstance instance, const VkWaylandSurfaceCreateInfoKHR*,
                                 const VkAllocationCallbacks* allocator, VkSurfaceKHR* out) {
    return make_surface(instance, allocator, out);
}

VkResult CreateHeadlessSurfaceEXT(VkInstance instance, const VkHeadlessSurfaceCreateInfoEXT*,
                                  const VkAllocationCallbacks* allocator, VkSurfaceKHR* out) {
    return make_surface(instance, allocator, out);
}

void DestroySurfaceKHR(VkInstance instance, VkSurfaceKHR surface,
                       const VkAllocationCallbacks* allocator) {
    if (surface == VK_NULL_HANDLE) return;
    auto* found =
        driver().find<Surface>(surface, "surface", dispatched<Instance>(instance, "instance"));
    if (found) driver().end(*found, allocator);
}

const Surface* surface_of(VkPhysicalDevice physical, VkSurfaceKHR surface) {
    return driver().find<Surface>(surface, "surface", physical_of(physical).instance);
}

bool presents(const PhysicalDevice& physical, std::uint32_t family) {
    return family < physical.config.families.size() &&
           (physical.config.families[family].flags & VK_QUEUE_GRAPHICS_BIT);
}

VkResult GetPhysicalDeviceSurfaceSupportKHR(VkPhysicalDevice physical, std::uint32_t family,
                                            VkSurfaceKHR surface, VkBool32* out) {
    (void)surface_of(physical, surface);
    *out = presents(physical_of(physical), family);
    return VK_SUCCESS;
}

VkResult GetPhysicalDeviceSurfaceCapabilitiesKHR(VkPhysicalDevice physical, VkSurfaceKHR surface,
                                                 VkSurfaceCapabilitiesKHR* out) {
    (void)surface_of(physical, surface);
    *out = {};
    out->minImageCount = 3;
    out->currentExtent = {UINT32_MAX, UINT32_MAX};
    out->minImageExtent = {1, 1};
    out->maxImageExtent = {16384, 16384};
    out->maxImageArrayLayers = 1;
    out->supportedTransforms = VK_SURFACE_TRANSFORM_IDENTITY_BIT_KHR;
    out->currentTransform = VK_SURFACE_TRANSFORM_IDENTITY_BIT_KHR;
    out->supportedCompositeAlpha = VK_COMPOSITE_ALPHA_OPAQUE_BIT_KHR;
    out->supportedUsageFlags = VK_IMAGE_USAGE_COLOR_ATTACHMENT_BIT |
                               VK_IMAGE_USAGE_TRANSFER_DST_BIT | VK_IMAGE_USAGE_TRANSFER_SRC_BIT;
    return VK_SUCCESS;
}

VkResult GetPhysicalDeviceSurfaceCapabilities2KHR(VkPhysicalDevice physical,
                                                  const VkPhysicalDeviceSurfaceInfo2KHR* info,
                                                  VkSurfaceCapabilities2KHR* out) {
    return GetPhysicalDeviceSurfaceCapabilitiesKHR(physical, info->surface,
                                                   &out->surfaceCapabilities);
}

VkResult GetPhysicalDeviceSurfaceFormatsKHR(VkPhysicalDevice physical, VkSurfaceKHR surface,
                                            std::uint32_t* count, VkSurfaceFormatKHR* out) {
    (void)surface_of(physical, surface);
    if (out && *count > 0) {
        out[0] = {VK_FORMAT_B8G8R8A8_UNORM, VK_COLOR_SPACE_SRGB_NONLINEAR_KHR};
    }
    *count = 1;
    return VK_SUCCESS;
}

VkResult GetPhysicalDeviceSurfacePresentModesKHR(VkPhysicalDevice physical, VkSurfaceKHR surface,
                                                 std::uint32_t* count, VkPresentModeKHR* out) {
    (void)surface_of(physical, surface);
    if (out && *count > 0) out[0] = VK_PRESENT_MODE_FIFO_KHR;
    *count = 1;
    return VK_SUCCESS;
}

VkResult GetPhysicalDevicePresentRectanglesKHR(VkPhysicalDevice physical, VkSurfaceKHR surface,
                                               std::uint32_t* count, VkRect2D*) {
    (void)surface_of(physical, surface);
    *count = 0;
    return VK_SUCCESS;
}

VkBool32 GetPhysicalDeviceXcbPresentationSupportKHR(VkPhysicalDevice physical, std::uint32_t family,
                                                    xcb_connection_t*, xcb_visualid_t) {
    return presents(physical_of(physical), family);
}

VkBool32 GetPhysicalDeviceXlibPresentationSupportKHR(VkPhysicalDevice physical,
                                                     std::uint32_t family, Display*, VisualID) {
    return presents(physical_of(physical), family);
}

VkResult CreateSwapchainKHR(VkDevice handle, const VkSwapchainCreateInfoKHR* info,
                            const VkAllocationCallbacks* allocator, VkSwapchainKHR* out) {
    Device& device = device_of(handle);
    note_chain(info->pNext, &device);
    if (!driver().find<Surface>(info->surface, "surface", device.physical->instance)) {
        return VK_ERROR_SURFACE_LOST_KHR;
    }
    if (info->oldSwapchain != VK_NULL_HANDLE) {
        (void)driver().find<Swapchain>(info->oldSwapchain, "swapchain", &device);
    }
    auto* swapchain = driver().make<Swapchain>("swapchain", &device, allocator);
    if (!swapchain) return VK_ERROR_OUT_OF_HOST_MEMORY;
    VkImageCreateInfo image_info{};
    image_info.sType = VK_STRUCTURE_TYPE_IMAGE_CREATE_INFO;
    image_info.imageType = VK_IMAGE_TYPE_2D;
    image_info.format = info->imageFormat;
    image_info.extent = {info->imageExtent.width, info->imageExtent.height, 1};
    image_info.usage = info->imageUsage;
    for (std::uint32_t i = 0; i < std::max(info->minImageCount, 3u); ++i) {
        VkResult result = VK_SUCCESS;
        Image* image = make_image(device, image_info, nullptr, result);
        if (!image) return result;
        image->of_swapchain = true;
        image->memory = make_memory(device, image->size, 0);
        swapchain->images.push_back(image);
        swapchain->memory.push_back(image->memory);
        swapchain->acquired.push_back(false);
    }
    *out = handle_of<VkSwapchainKHR>(swapchain->id);
    return VK_SUCCESS;
}

void DestroySwapchainKHR(VkDevice handle, VkSwapchainKHR swapchain,
                         const VkAllocationCallbacks* allocator) {
    if (swapchain == VK_NULL_HANDLE) return;
    auto* found = driver().find<Swapchain>(swapchain, "swapchain", &device_of(handle));
    if (!found) return;
    for (Image* image : found->images) driver().end(*image, nullptr);
    for (Memory* memory : found->memory) driver().end(*memory, nullptr);
    driver().end(*found, allocator);
}

VkResult GetSwapchainImagesKHR(VkDevice handle, VkSwapchainKHR swapchain, std::uint32_t* count,
                               VkImage* out) {
    const auto* found = driver().find<Swapchain>(swapchain, "swapchain", &device_of(handle));
    if (!found) return VK_ERROR_OUT_OF_HOST_MEMORY;
    const auto available = static_cast<std::uint32_t>(found->images.size());
    if (!out) {
        *count = available;
        return VK_SUCCESS;
    }
    *count = std::min(*count, available);
    for (std::uint32_t i = 0; i < *count; ++i) out[i] = handle_of<VkImage>(found->images[i]->id);
    return *count < available ? VK_INCOMPLETE : VK_SUCCESS;
}

VkResult acquire(Device& device, VkSwapchainKHR swapchain, VkSemaphore semaphore, VkFence fence,
                 std::uint32_t* index) {
    auto* found = driver().find<Swapchain>(swapchain, "swapchain", &device);
    if (!found) return VK_ERROR_OUT_OF_DATE_KHR;
    Submit work;
    Queue& queue = *device.queues.front();
    if (semaphore != VK_NULL_HANDLE) promise_signal(queue, semaphore, work);
    if (fence != VK_NULL_HANDLE) promise_signal(queue, fence, work);
    for (const auto& payload : work.signals) signal(*payload);
    for (Object* object : work.used) --object->pending;
    for (std::size_t i = 0; i < found->images.size(); ++i) {
        const auto at = static_cast<std::uint32_t>(found->next++ % found->images.size());
        if (found->acquired[at]) continue;
        found->acquired[at] = true;
        *index = at;
        return VK_SUCCESS;
    }
    return VK_NOT_READY;
}

VkResult AcquireNextImageKHR(VkDevice handle, VkSwapchainKHR swapchain, std::uint64_t,
                             VkSemaphore semaphore, VkFence fence, std::uint32_t* index) {
    return acquire(device_of(handle), swapchain, semaphore, fence, index);
}

VkResult AcquireNextImage2KHR(VkDevice handle, const VkAcquireNextImageInfoKHR* info,
                              std::uint32_t* index) {
    return acquire(device_of(handle), info->swapchain, info->semaphore, info->fence, index);
}

VkResult QueuePresentKHR(VkQueue handle, const VkPresentInfoKHR* info) {
    Queue& queue = queue_of(handle);
    if (static_cast<const Device*>(queue.parent)->lost) return VK_ERROR_DEVICE_LOST;
    note("swapchains", info->swapchainCount);
    note("waits", info->waitSemaphoreCount);
    Served::current().note_chain(info->pNext);
    Submit work;
    for (std::uint32_t i = 0; i < info->waitSemaphoreCount; ++i) {
        consume_wait(queue, info->pWaitSemaphores[i], work);
    }
    submit(queue, std::move(work));
    VkResult result = VK_SUCCESS;
    for (std::uint32_t i = 0; i < info->swapchainCount; ++i) {
        auto* swapchain = driver().find<Swapchain>(info->pSwapchains[i], "swapchain", queue.parent);
        VkResult own = VK_SUCCESS;
        if (!swapchain || info->pImageIndices[i] >= swapchain->images.size() ||
            !swapchain->acquired[info->pImageIndices[i]]) {
            error("presents an image that was not acquired");
            own = VK_ERROR_OUT_OF_DATE_KHR;
        } else {
            swapchain->acquired[info->pImageIndices[i]] = false;
        }
        if (info->pResults) info->pResults[i] = own;
        if (own != VK_SUCCESS) result = own;
    }
    return result;
}

VkResult GetDeviceGroupSurfacePresentModesKHR(VkDevice handle, VkSurfaceKHR surface,
                                              VkDeviceGroupPresentModeFlagsKHR* out) {
    (void)driver().find<Surface>(surface, "surface", device_of(handle).physical->instance);
    *out = VK_DEVICE_GROUP_PRESENT_MODE_LOCAL_BIT_KHR;
    return VK_SUCCESS;
}

VkResult GetDeviceGroupPresentCapabilitiesKHR(VkDevice, VkDeviceGroupPresentCapabilitiesKHR* out) {
    std::fill(std::begin(out->presentMask), std::end(out->presentMask), 0u);
    out->presentMask[0] = 1;
    out->modes = VK_DEVICE_GROUP_PRESENT_MODE_LOCAL_BIT_KHR;
    return VK_SUCCESS;
}

}  // namespace

std::vector<Function> surface_functions() {
    return {
        FAKE(CreateXcbSurfaceKHR),
        FAKE(CreateXlibSurfaceKHR),
        FAKE(CreateWaylandSurfaceKHR),
        FAKE(CreateHeadlessSurfaceEXT),
        FAKE(DestroySurfaceKHR),
        FAKE(GetPhysicalDeviceSurfaceSupportKHR),
        FAKE(GetPhysicalDeviceSurfaceCapabilitiesKHR),
        FAKE(GetPhysicalDeviceSurfaceCapabilities2KHR),
        FAKE(GetPhysicalDeviceSurfaceFormatsKHR),
        FAKE(GetPhysicalDeviceSurfacePresentModesKHR),
        FAKE(GetPhysicalDevicePresentRectanglesKHR),
        FAKE(GetPhysicalDeviceXcbPresentationSupportKHR),
        FAKE(GetPhysicalDeviceXlibPresentationSupportKHR),
    };
}

std::vector<Function> swapchain_functions() {
    const char* const swapchains = "VK_KHR_swapchain";
    return {
        FAKE_IN(CreateSwapchainKHR, swapchains, 0),
        FAKE_IN(DestroySwapchainKHR, swapchains, 0),
        FAKE_IN(GetSwapchainImagesKHR, swapchains, 0),
        FAKE_IN(AcquireNextImageKHR, swapchains, 0),
        FAKE_IN(AcquireNextImage2KHR, swapchains, 0),
        FAKE_IN(QueuePresentKHR, swapchains, 0),
        FAKE_IN(GetDeviceGroupSurfacePresentModesKHR, swapchains, 0),
        FAKE_IN(GetDeviceGroupPresentCapabilitiesKHR, swapchains, 0),
    };
}

}  // namespace vdmabuf::fake
