// SPDX-License-Identifier: MIT
#include "runtime/tools/doctor/probe_swapchains.hpp"

#include <cstdio>
#include <vector>

#include "runtime/consumer/gpu/device.hpp"
#include "runtime/consumer/pixel_format.hpp"

namespace vdmabuf::doctor {
namespace {

// Large enough not to be a special case of any driver.
constexpr VkExtent2D kExtent{256, 256};

void probe(const gpu::Device& device, VkSurfaceKHR surface, const VkSurfaceFormatKHR& format,
           const char* name) {
    std::printf("probe %s\t%s\n", device.name().c_str(), name);
    std::fflush(stdout);  // the layer's line, on another stream, comes after it
    VkSwapchainCreateInfoKHR info{};
    info.sType = VK_STRUCTURE_TYPE_SWAPCHAIN_CREATE_INFO_KHR;
    info.surface = surface;
    info.minImageCount = 3;
    info.imageFormat = format.format;
    info.imageColorSpace = format.colorSpace;
    info.imageExtent = kExtent;
    info.imageArrayLayers = 1;
    info.imageUsage = VK_IMAGE_USAGE_COLOR_ATTACHMENT_BIT;
    info.preTransform = VK_SURFACE_TRANSFORM_IDENTITY_BIT_KHR;
    info.compositeAlpha = VK_COMPOSITE_ALPHA_OPAQUE_BIT_KHR;
    info.presentMode = VK_PRESENT_MODE_FIFO_KHR;
    VkSwapchainKHR swapchain = VK_NULL_HANDLE;
    const VkResult result = vkCreateSwapchainKHR(device.get(), &info, nullptr, &swapchain);
    if (result == VK_SUCCESS) {
        vkDestroySwapchainKHR(device.get(), swapchain, nullptr);
    } else {
        std::printf("refused: VkResult %d\n", static_cast<int>(result));
    }
}

void probe_device(const gpu::Device& device, VkSurfaceKHR surface) {
    std::uint32_t count = 0;
    vkGetPhysicalDeviceSurfaceFormatsKHR(device.physical(), surface, &count, nullptr);
    std::vector<VkSurfaceFormatKHR> formats(count);
    vkGetPhysicalDeviceSurfaceFormatsKHR(device.physical(), surface, &count, formats.data());
    for (const consumer::PixelFormat& known : consumer::known_formats()) {
        for (std::uint32_t i = 0; i < count; ++i) {
            if (formats[i].format != known.vulkan) continue;
            probe(device, surface, formats[i], fourcc_name(known.fourcc).c_str());
            break;
        }
    }
}

}  // namespace

int probe_swapchains() {
    auto instance = gpu::Instance::create(
        {VK_KHR_SURFACE_EXTENSION_NAME, VK_EXT_HEADLESS_SURFACE_EXTENSION_NAME}, false);
    if (!instance) {
        std::printf("no instance: %s\n", instance.error().text.c_str());
        return 1;
    }
    const auto create = reinterpret_cast<PFN_vkCreateHeadlessSurfaceEXT>(
        vkGetInstanceProcAddr((*instance)->get(), "vkCreateHeadlessSurfaceEXT"));
    VkHeadlessSurfaceCreateInfoEXT info{};
    info.sType = VK_STRUCTURE_TYPE_HEADLESS_SURFACE_CREATE_INFO_EXT;
    VkSurfaceKHR surface = VK_NULL_HANDLE;
    if (!create || create((*instance)->get(), &info, nullptr, &surface) != VK_SUCCESS) return 1;
    std::uint32_t count = 0;
    vkEnumeratePhysicalDevices((*instance)->get(), &count, nullptr);
    for (std::uint32_t i = 0; i < count; ++i) {
        const auto device = gpu::Device::create(*instance, std::to_string(i), surface);
        if (device) probe_device(**device, surface);
    }
    vkDestroySurfaceKHR((*instance)->get(), surface, nullptr);
    return 0;
}

}  // namespace vdmabuf::doctor
