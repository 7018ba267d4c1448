// SPDX-License-Identifier: MIT
#include "tests/layer/support/app.hpp"

#include <algorithm>
#include <cstring>

namespace vdmabuf::test {

App::App(AppOptions options) {
    created = create(options);
}

void App::destroy_device() {
    if (!device) return;
    vkDeviceWaitIdle(device);
    vkDestroyCommandPool(device, pool, nullptr);
    vkDestroyDevice(device, allocator_);
    device = VK_NULL_HANDLE;
}

App::~App() {
    destroy_device();
    if (!instance) return;
    for (VkSurfaceKHR surface : surfaces_) vkDestroySurfaceKHR(instance, surface, nullptr);
    if (messenger_) {
        instance_function<PFN_vkDestroyDebugUtilsMessengerEXT>("vkDestroyDebugUtilsMessengerEXT")(
            instance, messenger_, nullptr);
    }
    vkDestroyInstance(instance, allocator_);
}

VkResult App::create(const AppOptions& options) {
    allocator_ = options.allocator;
    std::vector<const char*> extensions;
    if (options.surfaces) {
        extensions = {"VK_KHR_surface", "VK_KHR_xcb_surface", "VK_KHR_xlib_surface",
                      "VK_KHR_get_surface_capabilities2"};
        std::uint32_t count = 0;
        vkEnumerateInstanceExtensionProperties(nullptr, &count, nullptr);
        std::vector<VkExtensionProperties> available(count);
        vkEnumerateInstanceExtensionProperties(nullptr, &count, available.data());
        for (const auto& extension : available) {
            for (const char* name :
                 {"VK_EXT_headless_surface", "VK_KHR_wayland_surface", "VK_KHR_display",
                  "VK_KHR_get_display_properties2", "VK_EXT_direct_mode_display"}) {
                if (std::strcmp(extension.extensionName, name) == 0) extensions.push_back(name);
            }
        }
    }
    extensions.insert(extensions.end(), options.instance_extensions.begin(),
                      options.instance_extensions.end());
    if (options.validation) extensions.push_back("VK_EXT_debug_utils");
    VkApplicationInfo application{VK_STRUCTURE_TYPE_APPLICATION_INFO};
    application.apiVersion = options.api_version;
    const VkValidationFeatureEnableEXT sync =
        VK_VALIDATION_FEATURE_ENABLE_SYNCHRONIZATION_VALIDATION_EXT;
    VkValidationFeaturesEXT features{VK_STRUCTURE_TYPE_VALIDATION_FEATURES_EXT};
    features.enabledValidationFeatureCount = 1;
    features.pEnabledValidationFeatures = &sync;
    VkDebugUtilsMessengerCreateInfoEXT messenger{
        VK_STRUCTURE_TYPE_DEBUG_UTILS_MESSENGER_CREATE_INFO_EXT};
    messenger.messageSeverity = VK_DEBUG_UTILS_MESSAGE_SEVERITY_WARNING_BIT_EXT |
                                VK_DEBUG_UTILS_MESSAGE_SEVERITY_ERROR_BIT_EXT;
    messenger.messageType = VK_DEBUG_UTILS_MESSAGE_TYPE_VALIDATION_BIT_EXT;
    messenger.pfnUserCallback = on_message;
    messenger.pUserData = this;
    VkInstanceCreateInfo info{VK_STRUCTURE_TYPE_INSTANCE_CREATE_INFO};
    info.pApplicationInfo = &application;
    info.enabledLayerCount = static_cast<std::uint32_t>(options.layers.size());
    info.ppEnabledLayerNames = options.layers.data();
    info.enabledExtensionCount = static_cast<std::uint32_t>(extensions.size());
    info.ppEnabledExtensionNames = extensions.data();
    if (options.validation) info.pNext = &features;
    VkResult result = vkCreateInstance(&info, allocator_, &instance);
    if (result != VK_SUCCESS) return result;
    if (options.validation) {
        result = instance_function<PFN_vkCreateDebugUtilsMessengerEXT>(
            "vkCreateDebugUtilsMessengerEXT")(instance, &messenger, nullptr, &messenger_);
        if (result != VK_SUCCESS) return result;
    }
    std::uint32_t count = options.physical + 1;
    std::vector<VkPhysicalDevice> devices(count);
    result = vkEnumeratePhysicalDevices(instance, &count, devices.data());
    if (result < 0 || count <= options.physical) return VK_ERROR_INITIALIZATION_FAILED;
    physical = devices[options.physical];

    const float priority = 1.0f;
    std::vector<VkDeviceQueueCreateInfo> queue_infos;
    for (const std::uint32_t wanted : options.families) {
        VkDeviceQueueCreateInfo queue_info{VK_STRUCTURE_TYPE_DEVICE_QUEUE_CREATE_INFO};
        queue_info.queueFamilyIndex = wanted;
        queue_info.queueCount = 1;
        queue_info.pQueuePriorities = &priority;
        queue_infos.push_back(queue_info);
    }
    std::vector<const char*> names = options.device_extensions;
    if (options.swapchain) names.push_back("VK_KHR_swapchain");
    VkDeviceCreateInfo device_info{VK_STRUCTURE_TYPE_DEVICE_CREATE_INFO};
    device_info.pNext = options.device_next;
    device_info.queueCreateInfoCount = static_cast<std::uint32_t>(queue_infos.size());
    device_info.pQueueCreateInfos = queue_infos.data();
    device_info.enabledExtensionCount = static_cast<std::uint32_t>(names.size());
    device_info.ppEnabledExtensionNames = names.data();
    result = vkCreateDevice(physical, &device_info, allocator_, &device);
    if (result != VK_SUCCESS) return result;
    queues.resize(options.families.size());
    for (std::size_t i = 0; i < queues.size(); ++i) {
        vkGetDeviceQueue(device, options.families[i], 0, &queues[i]);
    }
    queue = queues[0];
    family = options.families[0];
    VkCommandPoolCreateInfo pool_info{VK_STRUCTURE_TYPE_COMMAND_POOL_CREATE_INFO};
    pool_info.queueFamilyIndex = family;
    return vkCreateCommandPool(device, &pool_info, nullptr, &pool);
}

VkSurfaceKHR App::xcb_surface(const XWindow& window) {
    return xcb_surface(window.connection(), window.id());
}

VkSurfaceKHR App::xcb_surface(xcb_connection_t* connection, xcb_window_t window) {
    VkXcbSurfaceCreateInfoKHR info{VK_STRUCTURE_TYPE_XCB_SURFACE_CREATE_INFO_KHR};
    info.connection = connection;
    info.window = window;
    VkSurfaceKHR surface = VK_NULL_HANDLE;
    const auto create = instance_function<PFN_vkCreateXcbSurfaceKHR>("vkCreateXcbSurfaceKHR");
    if (create(instance, &info, nullptr, &surface) == VK_SUCCESS) surfaces_.push_back(surface);
    return surface;
}

VkSurfaceKHR App::headless_surface() {
    VkHeadlessSurfaceCreateInfoEXT info{VK_STRUCTURE_TYPE_HEADLESS_SURFACE_CREATE_INFO_EXT};
    VkSurfaceKHR surface = VK_NULL_HANDLE;
    const auto create =
        instance_function<PFN_vkCreateHeadlessSurfaceEXT>("vkCreateHeadlessSurfaceEXT");
    if (create && create(instance, &info, nullptr, &surface) == VK_SUCCESS) {
        surfaces_.push_back(surface);
    }
    return surface;
}

void App::destroy(VkSurfaceKHR surface) {
    std::erase(surfaces_, surface);
    vkDestroySurfaceKHR(instance, surface, nullptr);
}

std::uint32_t App::memory_type(std::uint32_t bits, VkMemoryPropertyFlags flags) const {
    VkPhysicalDeviceMemoryProperties memory{};
    vkGetPhysicalDeviceMemoryProperties(physical, &memory);
    for (std::uint32_t i = 0; i < memory.memoryTypeCount; ++i) {
        if ((bits & (1u << i)) && (memory.memoryTypes[i].propertyFlags & flags) == flags) return i;
    }
    return 0;
}

bool App::has_device_extension(const char* name) const {
    std::uint32_t count = 0;
    vkEnumerateDeviceExtensionProperties(physical, nullptr, &count, nullptr);
    std::vector<VkExtensionProperties> available(count);
    vkEnumerateDeviceExtensionProperties(physical, nullptr, &count, available.data());
    return std::any_of(available.begin(), available.end(), [&](const auto& extension) {
        return std::strcmp(extension.extensionName, name) == 0;
    });
}

std::vector<std::string> App::messages() {
    const std::lock_guard lock(mutex_);
    return messages_;
}

void App::forget_messages() {
    const std::lock_guard lock(mutex_);
    messages_.clear();
}

VkBool32 VKAPI_PTR App::on_message(VkDebugUtilsMessageSeverityFlagBitsEXT,
                                   VkDebugUtilsMessageTypeFlagsEXT,
                                   const VkDebugUtilsMessengerCallbackDataEXT* data, void* self) {
    App& app = *static_cast<App*>(self);
    const std::lock_guard lock(app.mutex_);
    app.messages_.emplace_back(data->pMessage);
    return VK_FALSE;
}

VkSwapchainCreateInfoKHR swapchain_info(VkSurfaceKHR surface, std::uint32_t width,
                                        std::uint32_t height, std::uint32_t images) {
    VkSwapchainCreateInfoKHR info{VK_STRUCTURE_TYPE_SWAPCHAIN_CREATE_INFO_KHR};
    info.surface = surface;
    info.minImageCount = images;
    info.imageFormat = VK_FORMAT_B8G8R8A8_UNORM;
    info.imageColorSpace = VK_COLOR_SPACE_SRGB_NONLINEAR_KHR;
    info.imageExtent = {width, height};
    info.imageArrayLayers = 1;
    info.imageUsage = VK_IMAGE_USAGE_COLOR_ATTACHMENT_BIT | VK_IMAGE_USAGE_TRANSFER_DST_BIT;
    info.imageSharingMode = VK_SHARING_MODE_EXCLUSIVE;
    info.preTransform = VK_SURFACE_TRANSFORM_IDENTITY_BIT_KHR;
    info.compositeAlpha = VK_COMPOSITE_ALPHA_OPAQUE_BIT_KHR;
    info.presentMode = VK_PRESENT_MODE_FIFO_KHR;
    info.clipped = VK_TRUE;
    return info;
}

Swap::Swap(App& the_app, const VkSwapchainCreateInfoKHR& info)
    : app(the_app), extent(info.imageExtent) {
    created = vkCreateSwapchainKHR(app.device, &info, nullptr, &handle);
    if (created != VK_SUCCESS) return;
    std::uint32_t count = 0;
    vkGetSwapchainImagesKHR(app.device, handle, &count, nullptr);
    images.resize(count);
    vkGetSwapchainImagesKHR(app.device, handle, &count, images.data());
}

Swap::~Swap() {
    destroy();
    drop_frames();
}

void Swap::drop_frames() {
    if (frames_.empty()) return;
    vkDeviceWaitIdle(app.device);
    for (const FrameObjects& frame : frames_) {
        vkDestroySemaphore(app.device, frame.acquired, nullptr);
        vkDestroySemaphore(app.device, frame.rendered, nullptr);
        vkDestroyBuffer(app.device, frame.buffer, nullptr);
        vkFreeMemory(app.device, frame.memory, nullptr);
        vkFreeCommandBuffers(app.device, app.pool, 1, &frame.commands);
    }
    frames_.clear();
}

// As apps do it: when their own work is done, whatever the present engine does.
void Swap::destroy() {
    if (handle == VK_NULL_HANDLE) return;
    vkDeviceWaitIdle(app.device);
    vkDestroySwapchainKHR(app.device, handle, nullptr);
    handle = VK_NULL_HANDLE;
}

void Swap::forget() {
    handle = VK_NULL_HANDLE;
    frames_.clear();
}

FrameObjects Swap::make_frame(std::uint32_t seed) {
    FrameObjects frame;
    VkSemaphoreCreateInfo semaphore_info{VK_STRUCTURE_TYPE_SEMAPHORE_CREATE_INFO};
    vkCreateSemaphore(app.device, &semaphore_info, nullptr, &frame.acquired);
    vkCreateSemaphore(app.device, &semaphore_info, nullptr, &frame.rendered);
    VkBufferCreateInfo buffer_info{VK_STRUCTURE_TYPE_BUFFER_CREATE_INFO};
    buffer_info.size = VkDeviceSize{8} * extent.width * extent.height;  // pixels of 64 bits, too
    buffer_info.usage = VK_BUFFER_USAGE_TRANSFER_SRC_BIT;
    vkCreateBuffer(app.device, &buffer_info, nullptr, &frame.buffer);
    VkMemoryRequirements needs{};
    vkGetBufferMemoryRequirements(app.device, frame.buffer, &needs);
    VkMemoryAllocateInfo memory_info{VK_STRUCTURE_TYPE_MEMORY_ALLOCATE_INFO};
    memory_info.allocationSize = needs.size;
    memory_info.memoryTypeIndex =
        app.memory_type(needs.memoryTypeBits,
                        VK_MEMORY_PROPERTY_HOST_VISIBLE_BIT | VK_MEMORY_PROPERTY_HOST_COHERENT_BIT);
    vkAllocateMemory(app.device, &memory_info, nullptr, &frame.memory);
    vkBindBufferMemory(app.device, frame.buffer, frame.memory, 0);
    void* mapped = nullptr;
    vkMapMemory(app.device, frame.memory, 0, VK_WHOLE_SIZE, 0, &mapped);
    auto* pixel = static_cast<std::uint32_t*>(mapped);
    for (std::uint32_t y = 0; y < 2 * extent.height; ++y) {
        for (std::uint32_t x = 0; x < extent.width; ++x) *pixel++ = pattern(seed, x, y);
    }
    vkUnmapMemory(app.device, frame.memory);
    VkCommandBufferAllocateInfo allocate{VK_STRUCTURE_TYPE_COMMAND_BUFFER_ALLOCATE_INFO};
    allocate.commandPool = app.pool;
    allocate.commandBufferCount = 1;
    vkAllocateCommandBuffers(app.device, &allocate, &frame.commands);
    frames_.push_back(frame);
    return frame;
}

VkResult Swap::draw(std::uint32_t seed, std::uint32_t& index, FrameObjects& frame,
                    std::uint64_t timeout) {
    frame = make_frame(seed);
    const VkResult acquired =
        vkAcquireNextImageKHR(app.device, handle, timeout, frame.acquired, VK_NULL_HANDLE, &index);
    if (acquired != VK_SUCCESS && acquired != VK_SUBOPTIMAL_KHR) return acquired;
    record(frame, images[index], VK_IMAGE_LAYOUT_UNDEFINED, VK_IMAGE_LAYOUT_TRANSFER_DST_OPTIMAL,
           VK_IMAGE_LAYOUT_PRESENT_SRC_KHR);
    const VkResult submitted = submit(frame, true, true);
    return submitted == VK_SUCCESS ? acquired : submitted;
}

VkResult Swap::acquire_shared(FrameObjects& frame) {
    frame = make_frame(0);
    std::uint32_t index = UINT32_MAX;
    const VkResult acquired = vkAcquireNextImageKHR(app.device, handle, UINT64_MAX, frame.acquired,
                                                    VK_NULL_HANDLE, &index);
    if (acquired != VK_SUCCESS) return acquired;
    if (index != 0) return VK_ERROR_UNKNOWN;
    record(frame, images[0], VK_IMAGE_LAYOUT_UNDEFINED, VK_IMAGE_LAYOUT_SHARED_PRESENT_KHR,
           VK_IMAGE_LAYOUT_SHARED_PRESENT_KHR);
    return submit(frame, true, false);
}

VkResult Swap::draw_shared(std::uint32_t seed, FrameObjects& frame, bool presented) {
    frame = make_frame(seed);
    record(frame, images[0], VK_IMAGE_LAYOUT_SHARED_PRESENT_KHR, VK_IMAGE_LAYOUT_SHARED_PRESENT_KHR,
           VK_IMAGE_LAYOUT_SHARED_PRESENT_KHR);
    return submit(frame, false, presented);
}

void Swap::record(const FrameObjects& frame, VkImage image, VkImageLayout before,
                  VkImageLayout drawn, VkImageLayout after) const {
    VkCommandBufferBeginInfo begin{VK_STRUCTURE_TYPE_COMMAND_BUFFER_BEGIN_INFO};
    vkBeginCommandBuffer(frame.commands, &begin);
    VkImageMemoryBarrier barrier{VK_STRUCTURE_TYPE_IMAGE_MEMORY_BARRIER};
    barrier.dstAccessMask = VK_ACCESS_TRANSFER_WRITE_BIT;
    if (before == drawn) barrier.srcAccessMask = VK_ACCESS_TRANSFER_WRITE_BIT;
    barrier.oldLayout = before;
    barrier.newLayout = drawn;
    barrier.srcQueueFamilyIndex = VK_QUEUE_FAMILY_IGNORED;
    barrier.dstQueueFamilyIndex = VK_QUEUE_FAMILY_IGNORED;
    barrier.image = image;
    barrier.subresourceRange = {VK_IMAGE_ASPECT_COLOR_BIT, 0, 1, 0, 1};
    vkCmdPipelineBarrier(frame.commands, VK_PIPELINE_STAGE_TRANSFER_BIT,
                         VK_PIPELINE_STAGE_TRANSFER_BIT, 0, 0, nullptr, 0, nullptr, 1, &barrier);
    VkBufferImageCopy region{};
    region.imageSubresource = {VK_IMAGE_ASPECT_COLOR_BIT, 0, 0, 1};
    region.imageExtent = {extent.width, extent.height, 1};
    vkCmdCopyBufferToImage(frame.commands, frame.buffer, image, drawn, 1, &region);
    barrier.srcAccessMask = VK_ACCESS_TRANSFER_WRITE_BIT;
    barrier.dstAccessMask = 0;
    barrier.oldLayout = drawn;
    barrier.newLayout = after;
    vkCmdPipelineBarrier(frame.commands, VK_PIPELINE_STAGE_TRANSFER_BIT,
                         VK_PIPELINE_STAGE_BOTTOM_OF_PIPE_BIT, 0, 0, nullptr, 0, nullptr, 1,
                         &barrier);
    vkEndCommandBuffer(frame.commands);
}

VkResult Swap::submit(const FrameObjects& frame, bool waits, bool signals) {
    const VkPipelineStageFlags stage = VK_PIPELINE_STAGE_TRANSFER_BIT;
    VkSubmitInfo info{VK_STRUCTURE_TYPE_SUBMIT_INFO};
    info.waitSemaphoreCount = waits ? 1 : 0;
    info.pWaitSemaphores = &frame.acquired;
    info.pWaitDstStageMask = &stage;
    info.commandBufferCount = 1;
    info.pCommandBuffers = &frame.commands;
    info.signalSemaphoreCount = signals ? 1 : 0;
    info.pSignalSemaphores = &frame.rendered;
    const auto lock = lock_queue();
    return vkQueueSubmit(app.queue, 1, &info, VK_NULL_HANDLE);
}

VkResult Swap::present(std::uint32_t index, const FrameObjects& frame) {
    VkPresentInfoKHR info{VK_STRUCTURE_TYPE_PRESENT_INFO_KHR};
    info.waitSemaphoreCount = 1;
    info.pWaitSemaphores = &frame.rendered;
    info.swapchainCount = 1;
    info.pSwapchains = &handle;
    info.pImageIndices = &index;
    const auto lock = lock_queue();
    return vkQueuePresentKHR(app.queue, &info);
}

VkResult Swap::show(std::uint32_t seed) {
    std::uint32_t index = 0;
    FrameObjects frame;
    const VkResult drawn = draw(seed, index, frame);
    if (drawn != VK_SUCCESS && drawn != VK_SUBOPTIMAL_KHR) return drawn;
    const VkResult presented = present(index, frame);
    return presented == VK_SUCCESS ? drawn : presented;
}

std::size_t wrong_pixels(const std::vector<std::uint32_t>& pixels, std::uint32_t width,
                         std::uint32_t height, std::uint32_t seed) {
    if (pixels.size() != static_cast<std::size_t>(width) * height) return SIZE_MAX;
    std::size_t wrong = 0;
    for (std::uint32_t y = 0; y < height; ++y) {
        for (std::uint32_t x = 0; x < width; ++x) {
            // The fourth byte is not part of a window's picture.
            const std::uint32_t found = pixels[static_cast<std::size_t>(y) * width + x];
            if ((found ^ pattern(seed, x, y)) & 0x00ffffffu) ++wrong;
        }
    }
    return wrong;
}

}  // namespace vdmabuf::test
