// SPDX-License-Identifier: MIT
#include "runtime/consumer/gpu/device.hpp"

#include <algorithm>
#include <cctype>
#include <cstring>
#include <optional>
#include <string_view>
#include <vector>

#include "runtime/common/log.hpp"
#include "runtime/consumer/gpu/result.hpp"

namespace vdmabuf::gpu {
namespace {

// A queue family that can draw, and show on `surface` where there is one.
std::optional<std::uint32_t> find_family(VkPhysicalDevice gpu, VkSurfaceKHR surface) {
    std::uint32_t count = 0;
    vkGetPhysicalDeviceQueueFamilyProperties(gpu, &count, nullptr);
    std::vector<VkQueueFamilyProperties> families(count);
    vkGetPhysicalDeviceQueueFamilyProperties(gpu, &count, families.data());
    for (std::uint32_t i = 0; i < count; ++i) {
        if (!(families[i].queueFlags & VK_QUEUE_GRAPHICS_BIT)) continue;
        if (surface == VK_NULL_HANDLE) return i;
        VkBool32 can_present = VK_FALSE;
        vkGetPhysicalDeviceSurfaceSupportKHR(gpu, i, surface, &can_present);
        if (can_present) return i;
    }
    return std::nullopt;
}

std::vector<VkExtensionProperties> extensions_of(VkPhysicalDevice gpu) {
    std::uint32_t count = 0;
    vkEnumerateDeviceExtensionProperties(gpu, nullptr, &count, nullptr);
    std::vector<VkExtensionProperties> extensions(count);
    vkEnumerateDeviceExtensionProperties(gpu, nullptr, &count, extensions.data());
    return extensions;
}

bool imports_sync_files(VkPhysicalDevice gpu) {
    VkPhysicalDeviceExternalSemaphoreInfo info{};
    info.sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_EXTERNAL_SEMAPHORE_INFO;
    info.handleType = VK_EXTERNAL_SEMAPHORE_HANDLE_TYPE_SYNC_FD_BIT;
    VkExternalSemaphoreProperties offered{};
    offered.sType = VK_STRUCTURE_TYPE_EXTERNAL_SEMAPHORE_PROPERTIES;
    vkGetPhysicalDeviceExternalSemaphoreProperties(gpu, &info, &offered);
    return offered.externalSemaphoreFeatures & VK_EXTERNAL_SEMAPHORE_FEATURE_IMPORTABLE_BIT;
}

bool matches(const std::string& wanted, std::size_t index, const std::string& name) {
    if (std::all_of(wanted.begin(), wanted.end(), [](unsigned char c) { return std::isdigit(c); }))
        return wanted == std::to_string(index);
    const auto equal = [](unsigned char a, unsigned char b) {
        return std::tolower(a) == std::tolower(b);
    };
    return std::search(name.begin(), name.end(), wanted.begin(), wanted.end(), equal) != name.end();
}

}  // namespace

Result<std::shared_ptr<Device>> Device::create(std::shared_ptr<Instance> instance,
                                               const std::string& wanted, VkSurfaceKHR surface) {
    std::uint32_t count = 0;
    vkEnumeratePhysicalDevices(instance->get(), &count, nullptr);
    std::vector<VkPhysicalDevice> gpus(count);
    vkEnumeratePhysicalDevices(instance->get(), &count, gpus.data());

    std::shared_ptr<Device> device(new Device);
    std::string names;
    bool chosen_is_software = true;
    for (std::size_t i = 0; i < gpus.size(); ++i) {
        VkPhysicalDeviceProperties properties{};
        vkGetPhysicalDeviceProperties(gpus[i], &properties);
        const std::string name = properties.deviceName;
        names += (names.empty() ? "" : ", ") + std::to_string(i) + ": " + name;
        if (properties.apiVersion < VK_API_VERSION_1_1) continue;
        if (!wanted.empty() && !matches(wanted, i, name)) continue;
        const auto family = find_family(gpus[i], surface);
        if (!family) continue;
        const bool is_software = properties.deviceType == VK_PHYSICAL_DEVICE_TYPE_CPU;
        if (device->physical_ != VK_NULL_HANDLE && !(chosen_is_software && !is_software)) continue;
        device->physical_ = gpus[i];
        device->queue_family_ = *family;
        device->name_ = name;
        chosen_is_software = is_software;
    }
    if (device->physical_ == VK_NULL_HANDLE) {
        const std::string which =
            wanted.empty() ? "no GPU can be used" : "no GPU is '" + wanted + "'";
        return Error{ENODEV, which + (surface ? " with this display" : "") +
                                 "; there are: " + (names.empty() ? "none" : names)};
    }
    device->instance_ = std::move(instance);

    std::vector<const char*> enabled;
    const auto extensions = extensions_of(device->physical_);
    const auto has = [&](const char* name) {
        return std::any_of(extensions.begin(), extensions.end(),
                           [&](const auto& e) { return std::strcmp(e.extensionName, name) == 0; });
    };
    const auto enable = [&](const char* name) {
        if (!has(name)) return false;
        enabled.push_back(name);
        return true;
    };
    ImportAbilities& abilities = device->abilities_;
    abilities.host_pointer = enable(VK_EXT_EXTERNAL_MEMORY_HOST_EXTENSION_NAME);
    abilities.queue_family_foreign = enable(VK_EXT_QUEUE_FAMILY_FOREIGN_EXTENSION_NAME);
    abilities.dmabuf = enable(VK_KHR_EXTERNAL_MEMORY_FD_EXTENSION_NAME) &&
                       enable(VK_EXT_EXTERNAL_MEMORY_DMA_BUF_EXTENSION_NAME);
    // VK_KHR_image_format_list is what it needs of Vulkan 1.2.
    abilities.drm_modifier = abilities.dmabuf && enable(VK_KHR_IMAGE_FORMAT_LIST_EXTENSION_NAME) &&
                             enable(VK_EXT_IMAGE_DRM_FORMAT_MODIFIER_EXTENSION_NAME);
    abilities.sync_file = imports_sync_files(device->physical_) &&
                          enable(VK_KHR_EXTERNAL_SEMAPHORE_FD_EXTENSION_NAME);
    device->knows_driver_ = enable(VK_KHR_DRIVER_PROPERTIES_EXTENSION_NAME);
    if (surface != VK_NULL_HANDLE && !enable(VK_KHR_SWAPCHAIN_EXTENSION_NAME)) {
        return Error{ENODEV, device->name_ + " has no " + VK_KHR_SWAPCHAIN_EXTENSION_NAME};
    }
    const bool takes_metadata =
        surface != VK_NULL_HANDLE && enable(VK_EXT_HDR_METADATA_EXTENSION_NAME);
    if (abilities.host_pointer) {
        VkPhysicalDeviceExternalMemoryHostPropertiesEXT host{};
        host.sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_EXTERNAL_MEMORY_HOST_PROPERTIES_EXT;
        VkPhysicalDeviceProperties2 properties{};
        properties.sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_PROPERTIES_2;
        properties.pNext = &host;
        vkGetPhysicalDeviceProperties2(device->physical_, &properties);
        abilities.host_pointer_align = host.minImportedHostPointerAlignment;
    }

    // Both are optional, and having the extension is not having the feature.
    VkPhysicalDevicePresentIdFeaturesKHR present_id{};
    present_id.sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_PRESENT_ID_FEATURES_KHR;
    VkPhysicalDevicePresentWaitFeaturesKHR present_wait{};
    present_wait.sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_PRESENT_WAIT_FEATURES_KHR;
    present_wait.pNext = &present_id;
    bool tells_when_shown = false;
    if (surface != VK_NULL_HANDLE && has(VK_KHR_PRESENT_ID_EXTENSION_NAME) &&
        has(VK_KHR_PRESENT_WAIT_EXTENSION_NAME)) {
        VkPhysicalDeviceFeatures2 features{};
        features.sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_FEATURES_2;
        features.pNext = &present_wait;
        vkGetPhysicalDeviceFeatures2(device->physical_, &features);
        tells_when_shown = present_id.presentId && present_wait.presentWait &&
                           enable(VK_KHR_PRESENT_ID_EXTENSION_NAME) &&
                           enable(VK_KHR_PRESENT_WAIT_EXTENSION_NAME);
    }

    const float priority = 1.0F;
    VkDeviceQueueCreateInfo queue{};
    queue.sType = VK_STRUCTURE_TYPE_DEVICE_QUEUE_CREATE_INFO;
    queue.queueFamilyIndex = device->queue_family_;
    queue.queueCount = 1;
    queue.pQueuePriorities = &priority;
    VkDeviceCreateInfo info{};
    info.sType = VK_STRUCTURE_TYPE_DEVICE_CREATE_INFO;
    info.queueCreateInfoCount = 1;
    info.pQueueCreateInfos = &queue;
    info.enabledExtensionCount = static_cast<std::uint32_t>(enabled.size());
    info.ppEnabledExtensionNames = enabled.data();
    if (tells_when_shown) info.pNext = &present_wait;
    const VkResult created = vkCreateDevice(device->physical_, &info, nullptr, &device->device_);
    if (created != VK_SUCCESS) return vulkan_error("cannot use " + device->name_, created);
    vkGetDeviceQueue(device->device_, device->queue_family_, 0, &device->queue_);
    if (abilities.host_pointer) {
        device->host_pointer_properties_ =
            reinterpret_cast<PFN_vkGetMemoryHostPointerPropertiesEXT>(
                vkGetDeviceProcAddr(device->device_, "vkGetMemoryHostPointerPropertiesEXT"));
    }
    if (abilities.dmabuf) {
        device->memory_fd_properties_ = reinterpret_cast<PFN_vkGetMemoryFdPropertiesKHR>(
            vkGetDeviceProcAddr(device->device_, "vkGetMemoryFdPropertiesKHR"));
    }
    if (abilities.sync_file) {
        device->import_semaphore_fd_ = reinterpret_cast<PFN_vkImportSemaphoreFdKHR>(
            vkGetDeviceProcAddr(device->device_, "vkImportSemaphoreFdKHR"));
    }
    if (tells_when_shown) {
        device->wait_for_present_ = reinterpret_cast<PFN_vkWaitForPresentKHR>(
            vkGetDeviceProcAddr(device->device_, "vkWaitForPresentKHR"));
    }
    if (takes_metadata) {
        device->set_hdr_metadata_ = reinterpret_cast<PFN_vkSetHdrMetadataEXT>(
            vkGetDeviceProcAddr(device->device_, "vkSetHdrMetadataEXT"));
    }
    LOG_INFO("GPU: %s%s", device->name_.c_str(),
             device->tells_when_shown() ? ", tells when pictures are shown" : "");
    return device;
}

Device::~Device() {
    if (device_ == VK_NULL_HANDLE) return;
    vkDeviceWaitIdle(device_);
    vkDestroyDevice(device_, nullptr);
}

VkFormatFeatureFlags Device::linear_features(VkFormat format) const {
    VkFormatProperties properties{};
    vkGetPhysicalDeviceFormatProperties(physical_, format, &properties);
    return properties.linearTilingFeatures;
}

VkFormatFeatureFlags Device::optimal_features(VkFormat format) const {
    VkFormatProperties properties{};
    vkGetPhysicalDeviceFormatProperties(physical_, format, &properties);
    return properties.optimalTilingFeatures;
}

VkResult Device::submit(const VkSubmitInfo& info, VkFence fence) {
    const std::lock_guard lock(queue_mutex_);
    return vkQueueSubmit(queue_, 1, &info, fence);
}

VkResult Device::present(const VkPresentInfoKHR& info) {
    const std::lock_guard lock(queue_mutex_);
    return vkQueuePresentKHR(queue_, &info);
}

VkResult Device::wait_for_present(VkSwapchainKHR swapchain, std::uint64_t id,
                                  std::uint64_t timeout_ns) const {
    if (!wait_for_present_) return VK_ERROR_EXTENSION_NOT_PRESENT;
    return wait_for_present_(device_, swapchain, id, timeout_ns);
}

void Device::set_hdr_metadata(VkSwapchainKHR swapchain, const VkHdrMetadataEXT& metadata) const {
    if (set_hdr_metadata_) set_hdr_metadata_(device_, 1, &swapchain, &metadata);
}

void Device::wait_idle() {
    const std::lock_guard lock(queue_mutex_);
    vkQueueWaitIdle(queue_);
}

std::uint32_t Device::host_pointer_types(const void* address) const {
    if (!host_pointer_properties_) return 0;
    VkMemoryHostPointerPropertiesEXT properties{};
    properties.sType = VK_STRUCTURE_TYPE_MEMORY_HOST_POINTER_PROPERTIES_EXT;
    const VkResult asked = host_pointer_properties_(
        device_, VK_EXTERNAL_MEMORY_HANDLE_TYPE_HOST_ALLOCATION_BIT_EXT, address, &properties);
    return asked == VK_SUCCESS ? properties.memoryTypeBits : 0;
}

std::uint32_t Device::dmabuf_types(int dmabuf) const {
    if (!memory_fd_properties_) return 0;
    VkMemoryFdPropertiesKHR properties{};
    properties.sType = VK_STRUCTURE_TYPE_MEMORY_FD_PROPERTIES_KHR;
    const VkResult asked = memory_fd_properties_(
        device_, VK_EXTERNAL_MEMORY_HANDLE_TYPE_DMA_BUF_BIT_EXT, dmabuf, &properties);
    return asked == VK_SUCCESS ? properties.memoryTypeBits : 0;
}

VkResult Device::import_sync_file(VkSemaphore semaphore, int sync_file) const {
    if (!import_semaphore_fd_) return VK_ERROR_EXTENSION_NOT_PRESENT;
    VkImportSemaphoreFdInfoKHR info{};
    info.sType = VK_STRUCTURE_TYPE_IMPORT_SEMAPHORE_FD_INFO_KHR;
    info.semaphore = semaphore;
    info.flags = VK_SEMAPHORE_IMPORT_TEMPORARY_BIT;  // the only way for SYNC_FD
    info.handleType = VK_EXTERNAL_SEMAPHORE_HANDLE_TYPE_SYNC_FD_BIT;
    info.fd = sync_file;
    return import_semaphore_fd_(device_, &info);
}

Identity Device::identity() const {
    VkPhysicalDeviceDriverProperties driver{};
    driver.sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_DRIVER_PROPERTIES;
    VkPhysicalDeviceIDProperties ids{};
    ids.sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_ID_PROPERTIES;
    ids.pNext = knows_driver_ ? &driver : nullptr;
    VkPhysicalDeviceProperties2 properties{};
    properties.sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_PROPERTIES_2;
    properties.pNext = &ids;
    vkGetPhysicalDeviceProperties2(physical_, &properties);
    Identity identity;
    std::copy(std::begin(ids.deviceUUID), std::end(ids.deviceUUID), identity.device.begin());
    std::copy(std::begin(ids.driverUUID), std::end(ids.driverUUID), identity.driver.begin());
    identity.driver_id = static_cast<std::uint32_t>(driver.driverID);
    identity.driver_version = properties.properties.driverVersion;
    identity.driver_info =
        std::string(driver.driverInfo, ::strnlen(driver.driverInfo, VK_MAX_DRIVER_INFO_SIZE));
    return identity;
}

}  // namespace vdmabuf::gpu
