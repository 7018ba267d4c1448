// SPDX-License-Identifier: MIT
// Negotiation with the loader, instances, and what physical devices say of themselves.
#include <algorithm>
#include <cstring>

#include "tests/layer/fake/driver.hpp"

namespace vdmabuf::fake {
namespace {

VkResult return_extensions(const std::vector<std::string>& names, std::uint32_t* count,
                           VkExtensionProperties* out) {
    const auto available = static_cast<std::uint32_t>(names.size());
    if (!out) {
        *count = available;
        return VK_SUCCESS;
    }
    const std::uint32_t given = std::min(*count, available);
    for (std::uint32_t i = 0; i < given; ++i) {
        out[i] = {};
        std::strncpy(out[i].extensionName, names[i].c_str(), VK_MAX_EXTENSION_NAME_SIZE - 1);
        out[i].specVersion = 99;
    }
    *count = given;
    return given < available ? VK_INCOMPLETE : VK_SUCCESS;
}

VkResult EnumerateInstanceExtensionProperties(const char*, std::uint32_t* count,
                                              VkExtensionProperties* out) {
    return return_extensions(driver().config.instance_extensions, count, out);
}

VkResult EnumerateInstanceVersion(std::uint32_t* version) {
    *version = VK_API_VERSION_1_3;
    return VK_SUCCESS;
}

VkResult CreateInstance(const VkInstanceCreateInfo* info, const VkAllocationCallbacks* allocator,
                        VkInstance* out) {
    std::set<std::string> extensions;
    for (std::uint32_t i = 0; i < info->enabledExtensionCount; ++i) {
        const std::string name = info->ppEnabledExtensionNames[i];
        const auto& known = driver().config.instance_extensions;
        if (std::find(known.begin(), known.end(), name) == known.end()) {
            error("unknown extension " + name);
            return VK_ERROR_EXTENSION_NOT_PRESENT;
        }
        extensions.insert(name);
    }
    auto* instance = driver().make<Instance>("instance", nullptr, allocator);
    if (!instance) return VK_ERROR_OUT_OF_HOST_MEMORY;
    instance->extensions = std::move(extensions);
    instance->api_version = info->pApplicationInfo && info->pApplicationInfo->apiVersion
                                ? info->pApplicationInfo->apiVersion
                                : VK_API_VERSION_1_0;
    instance->handle = {{ICD_LOADER_MAGIC}, instance};
    for (const DeviceConfig& config : driver().config.devices) {
        auto physical = std::make_unique<PhysicalDevice>();
        physical->kind = "physical device";
        physical->config = config;
        physical->instance = instance;
        physical->handle = {{ICD_LOADER_MAGIC}, physical.get()};
        instance->devices.push_back(std::move(physical));
    }
    note("apiVersion", instance->api_version);
    *out = reinterpret_cast<VkInstance>(&instance->handle);
    return VK_SUCCESS;
}

void DestroyInstance(VkInstance handle, const VkAllocationCallbacks* allocator) {
    if (!handle) return;
    auto* instance = dispatched<Instance>(handle, "instance");
    driver().expect_childless(*instance);
    for (auto& physical : instance->devices) {
        driver().expect_childless(*physical);
        physical->dead = true;
    }
    driver().end(*instance, allocator);
}

VkResult EnumeratePhysicalDevices(VkInstance handle, std::uint32_t* count, VkPhysicalDevice* out) {
    auto* instance = dispatched<Instance>(handle, "instance");
    const auto available = static_cast<std::uint32_t>(instance->devices.size());
    if (!out) {
        *count = available;
        return VK_SUCCESS;
    }
    const std::uint32_t given = std::min(*count, available);
    for (std::uint32_t i = 0; i < given; ++i) {
        out[i] = reinterpret_cast<VkPhysicalDevice>(&instance->devices[i]->handle);
    }
    *count = given;
    return given < available ? VK_INCOMPLETE : VK_SUCCESS;
}

VkResult EnumerateDeviceExtensionProperties(VkPhysicalDevice physical, const char*,
                                            std::uint32_t* count, VkExtensionProperties* out) {
    return return_extensions(physical_of(physical).config.extensions, count, out);
}

void GetPhysicalDeviceProperties(VkPhysicalDevice handle, VkPhysicalDeviceProperties* out) {
    const DeviceConfig& config = physical_of(handle).config;
    *out = {};
    out->apiVersion = config.api_version;
    out->driverVersion = 1;
    out->vendorID = config.vendor_id;
    out->deviceID = 1;
    // Of another driver after each reset(): what the layer has learned of one it must not believe
    // of the next.
    std::memcpy(out->pipelineCacheUUID, &driver().generation, sizeof(driver().generation));
    out->pipelineCacheUUID[VK_UUID_SIZE - 1] = static_cast<std::uint8_t>(config.vendor_id);
    out->pipelineCacheUUID[VK_UUID_SIZE - 2] = static_cast<std::uint8_t>(config.type);
    out->deviceType = config.type;
    std::strncpy(out->deviceName, config.name.c_str(), sizeof(out->deviceName) - 1);
    out->limits.maxImageDimension2D = 16384;
    out->limits.optimalBufferCopyRowPitchAlignment = config.pitch_alignment;
    out->limits.optimalBufferCopyOffsetAlignment = 4;
    out->limits.nonCoherentAtomSize = 64;
    out->limits.minMemoryMapAlignment = 64;
    out->limits.timestampPeriod = 1.0f;
}

void GetPhysicalDeviceProperties2(VkPhysicalDevice handle, VkPhysicalDeviceProperties2* out) {
    const DeviceConfig& config = physical_of(handle).config;
    Served::current().note_chain(out->pNext);
    GetPhysicalDeviceProperties(handle, &out->properties);
    for (auto* at = static_cast<VkBaseOutStructure*>(out->pNext); at; at = at->pNext) {
        if (at->sType == VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_EXTERNAL_MEMORY_HOST_PROPERTIES_EXT) {
            reinterpret_cast<VkPhysicalDeviceExternalMemoryHostPropertiesEXT*>(at)
                ->minImportedHostPointerAlignment = config.host_pointer_alignment;
        } else if (at->sType == VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_DRIVER_PROPERTIES) {
            auto& of = *reinterpret_cast<VkPhysicalDeviceDriverProperties*>(at);
            of.driverID = config.driver_id;
            std::memset(of.driverName, 0, sizeof(of.driverName));
            std::memset(of.driverInfo, 0, sizeof(of.driverInfo));
            std::strncpy(of.driverName, config.driver_name.c_str(), sizeof(of.driverName) - 1);
            of.conformanceVersion = {1, 3, 0, 0};
        } else if (at->sType == VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_ID_PROPERTIES) {
            auto& of = *reinterpret_cast<VkPhysicalDeviceIDProperties*>(at);
            std::memset(of.deviceUUID, 0x11, VK_UUID_SIZE);
            std::memset(of.driverUUID, 0x22, VK_UUID_SIZE);
            of.deviceLUIDValid = VK_FALSE;
        }
    }
}

void GetPhysicalDeviceFeatures(VkPhysicalDevice, VkPhysicalDeviceFeatures* out) {
    *out = {};
}

void GetPhysicalDeviceFeatures2(VkPhysicalDevice, VkPhysicalDeviceFeatures2* out) {
    Served::current().note_chain(out->pNext);
    out->features = {};
}

void GetPhysicalDeviceQueueFamilyProperties(VkPhysicalDevice handle, std::uint32_t* count,
                                            VkQueueFamilyProperties* out) {
    const auto& families = physical_of(handle).config.families;
    if (!out) {
        *count = static_cast<std::uint32_t>(families.size());
        return;
    }
    *count = std::min(*count, static_cast<std::uint32_t>(families.size()));
    for (std::uint32_t i = 0; i < *count; ++i) {
        out[i] = {families[i].flags, families[i].count, 64, {1, 1, 1}};
    }
}

void GetPhysicalDeviceQueueFamilyProperties2(VkPhysicalDevice handle, std::uint32_t* count,
                                             VkQueueFamilyProperties2* out) {
    std::vector<VkQueueFamilyProperties> plain(*count);
    GetPhysicalDeviceQueueFamilyProperties(handle, count, out ? plain.data() : nullptr);
    for (std::uint32_t i = 0; out && i < *count; ++i) out[i].queueFamilyProperties = plain[i];
}

void GetPhysicalDeviceMemoryProperties(VkPhysicalDevice handle,
                                       VkPhysicalDeviceMemoryProperties* out) {
    const DeviceConfig& config = physical_of(handle).config;
    *out = {};
    for (const VkMemoryType& type : config.memory_types) {
        out->memoryTypes[out->memoryTypeCount++] = type;
    }
    for (const VkMemoryHeap& heap : config.heaps) out->memoryHeaps[out->memoryHeapCount++] = heap;
}

void GetPhysicalDeviceMemoryProperties2(VkPhysicalDevice handle,
                                        VkPhysicalDeviceMemoryProperties2* out) {
    GetPhysicalDeviceMemoryProperties(handle, &out->memoryProperties);
}

void GetPhysicalDeviceFormatProperties(VkPhysicalDevice handle, VkFormat format,
                                       VkFormatProperties* out) {
    const DeviceConfig& config = physical_of(handle).config;
    *out = {};
    if (bytes_per_pixel(format) == 0) return;
    out->optimalTilingFeatures = config.optimal_features;
    out->linearTilingFeatures = config.linear_features;
    out->bufferFeatures = DeviceConfig::kTransfer;
}

void GetPhysicalDeviceFormatProperties2(VkPhysicalDevice handle, VkFormat format,
                                        VkFormatProperties2* out) {
    const PhysicalDevice& physical = physical_of(handle);
    GetPhysicalDeviceFormatProperties(handle, format, &out->formatProperties);
    for (auto* at = static_cast<VkBaseOutStructure*>(out->pNext); at; at = at->pNext) {
        if (at->sType != VK_STRUCTURE_TYPE_DRM_FORMAT_MODIFIER_PROPERTIES_LIST_EXT) continue;
        auto& list = *reinterpret_cast<VkDrmFormatModifierPropertiesListEXT*>(at);
        const auto& known = physical.config.modifiers;
        const auto available =
            static_cast<std::uint32_t>(bytes_per_pixel(format) ? known.size() : 0);
        if (!list.pDrmFormatModifierProperties) {
            list.drmFormatModifierCount = available;
            continue;
        }
        list.drmFormatModifierCount = std::min(list.drmFormatModifierCount, available);
        for (std::uint32_t i = 0; i < list.drmFormatModifierCount; ++i) {
            list.pDrmFormatModifierProperties[i] = {known[i].modifier, 1, known[i].features};
        }
    }
}

VkResult GetPhysicalDeviceImageFormatProperties(VkPhysicalDevice handle, VkFormat format,
                                                VkImageType type, VkImageTiling tiling,
                                                VkImageUsageFlags usage, VkImageCreateFlags flags,
                                                VkImageFormatProperties* out) {
    VkPhysicalDeviceImageFormatInfo2 info{};
    info.sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_IMAGE_FORMAT_INFO_2;
    info.format = format;
    info.type = type;
    info.tiling = tiling;
    info.usage = usage;
    info.flags = flags;
    *out = {};
    const VkResult result = check_image(physical_of(handle), info, nullptr);
    if (result != VK_SUCCESS) return result;
    *out = {{16384, 16384, 1}, 1, 1, VK_SAMPLE_COUNT_1_BIT, 1ull << 31};
    return VK_SUCCESS;
}

VkResult GetPhysicalDeviceImageFormatProperties2(VkPhysicalDevice handle,
                                                 const VkPhysicalDeviceImageFormatInfo2* info,
                                                 VkImageFormatProperties2* out) {
    note("tiling", info->tiling);
    Served::current().note_chain(info->pNext);
    VkExternalMemoryProperties external{};
    const VkResult result = check_image(physical_of(handle), *info, &external);
    out->imageFormatProperties = {};
    for (auto* at = static_cast<VkBaseOutStructure*>(out->pNext); at; at = at->pNext) {
        if (at->sType == VK_STRUCTURE_TYPE_EXTERNAL_IMAGE_FORMAT_PROPERTIES) {
            reinterpret_cast<VkExternalImageFormatProperties*>(at)->externalMemoryProperties =
                external;
        }
    }
    if (result != VK_SUCCESS) return result;
    out->imageFormatProperties = {{16384, 16384, 1}, 1, 1, VK_SAMPLE_COUNT_1_BIT, 1ull << 31};
    return VK_SUCCESS;
}

void GetPhysicalDeviceSparseImageFormatProperties(VkPhysicalDevice, VkFormat, VkImageType,
                                                  VkSampleCountFlagBits, VkImageUsageFlags,
                                                  VkImageTiling, std::uint32_t* count,
                                                  VkSparseImageFormatProperties*) {
    *count = 0;
}

// A clock of the device's own beside the host's.
VkResult GetPhysicalDeviceCalibrateableTimeDomainsEXT(VkPhysicalDevice, std::uint32_t* count,
                                                      VkTimeDomainEXT* out) {
    constexpr VkTimeDomainEXT kDomains[] = {VK_TIME_DOMAIN_DEVICE_EXT,
                                            VK_TIME_DOMAIN_CLOCK_MONOTONIC_EXT};
    constexpr auto kCount = static_cast<std::uint32_t>(std::size(kDomains));
    if (!out) {
        *count = kCount;
        return VK_SUCCESS;
    }
    *count = std::min(*count, kCount);
    std::copy_n(kDomains, *count, out);
    return *count < kCount ? VK_INCOMPLETE : VK_SUCCESS;
}

const External* external_of(const DeviceConfig& config, VkFlags type) {
    switch (type) {
        case VK_EXTERNAL_MEMORY_HANDLE_TYPE_HOST_ALLOCATION_BIT_EXT:
            return &config.host_pointer;
        case VK_EXTERNAL_MEMORY_HANDLE_TYPE_DMA_BUF_BIT_EXT:
            return &config.dma_buf;
        case VK_EXTERNAL_MEMORY_HANDLE_TYPE_OPAQUE_FD_BIT:
            return &config.opaque_fd;
        default:
            return nullptr;
    }
}

void GetPhysicalDeviceExternalBufferProperties(VkPhysicalDevice handle,
                                               const VkPhysicalDeviceExternalBufferInfo* info,
                                               VkExternalBufferProperties* out) {
    note("handleType", info->handleType);
    const External* external = external_of(physical_of(handle).config, info->handleType);
    out->externalMemoryProperties = {};
    if (!external || external->buffer == 0) return;
    out->externalMemoryProperties = {external->buffer, info->handleType, info->handleType};
}

void GetPhysicalDeviceExternalSemaphoreProperties(VkPhysicalDevice handle,
                                                  const VkPhysicalDeviceExternalSemaphoreInfo* info,
                                                  VkExternalSemaphoreProperties* out) {
    const DeviceConfig& config = physical_of(handle).config;
    out->exportFromImportedHandleTypes = 0;
    out->compatibleHandleTypes = 0;
    out->externalSemaphoreFeatures = 0;
    if (info->handleType != VK_EXTERNAL_SEMAPHORE_HANDLE_TYPE_SYNC_FD_BIT) return;
    if (config.imports_sync_fd) {
        out->externalSemaphoreFeatures |= VK_EXTERNAL_SEMAPHORE_FEATURE_IMPORTABLE_BIT;
    }
    if (config.exports_sync_fd) {
        out->externalSemaphoreFeatures |= VK_EXTERNAL_SEMAPHORE_FEATURE_EXPORTABLE_BIT;
    }
    out->compatibleHandleTypes = info->handleType;
    out->exportFromImportedHandleTypes = info->handleType;
}

void GetPhysicalDeviceExternalFenceProperties(VkPhysicalDevice handle,
                                              const VkPhysicalDeviceExternalFenceInfo* info,
                                              VkExternalFenceProperties* out) {
    const DeviceConfig& config = physical_of(handle).config;
    out->exportFromImportedHandleTypes = 0;
    out->compatibleHandleTypes = 0;
    out->externalFenceFeatures = 0;
    if (info->handleType != VK_EXTERNAL_FENCE_HANDLE_TYPE_SYNC_FD_BIT) return;
    if (config.imports_sync_fd) {
        out->externalFenceFeatures |= VK_EXTERNAL_FENCE_FEATURE_IMPORTABLE_BIT;
    }
    if (config.exports_sync_fd) {
        out->externalFenceFeatures |= VK_EXTERNAL_FENCE_FEATURE_EXPORTABLE_BIT;
    }
    out->compatibleHandleTypes = info->handleType;
    out->exportFromImportedHandleTypes = info->handleType;
}

VKAPI_ATTR PFN_vkVoidFunction VKAPI_CALL get_device_proc_addr(VkDevice handle, const char* name) {
    const Served::Inside inside;
    const Function* function = find_function(name);
    if (!function || !handle) return nullptr;
    const auto& device =
        *static_cast<const Device*>(reinterpret_cast<const Dispatchable*>(handle)->object);
    const std::uint32_t version =
        std::min(device.physical->config.api_version, device.physical->instance->api_version);
    const bool core = function->api_version != 0 && version >= function->api_version;
    if (!core && !device.extensions.count(function->extension)) return nullptr;
    return function->pointer;
}

VKAPI_ATTR PFN_vkVoidFunction VKAPI_CALL get_instance_proc_addr(VkInstance, const char* name) {
    const Served::Inside inside;
    if (std::strcmp(name, "vkGetDeviceProcAddr") == 0) {
        return reinterpret_cast<PFN_vkVoidFunction>(&get_device_proc_addr);
    }
    if (std::strcmp(name, "vkGetInstanceProcAddr") == 0) {
        return reinterpret_cast<PFN_vkVoidFunction>(&get_instance_proc_addr);
    }
    const Function* function = find_function(name);
    return function ? function->pointer : nullptr;
}

VKAPI_ATTR PFN_vkVoidFunction VKAPI_CALL get_physical_device_proc_addr(VkInstance,
                                                                       const char* name) {
    const Served::Inside inside;
    for (const auto& some : {instance_functions(), surface_functions()}) {
        for (const Function& function : some) {
            if (std::strcmp(function.name, name) == 0 &&
                std::strncmp(name, "vkGetPhysicalDevice", 19) == 0) {
                return function.pointer;
            }
        }
    }
    return nullptr;
}

}  // namespace

std::vector<Function> instance_functions() {
    return {
        FAKE(EnumerateInstanceExtensionProperties),
        FAKE(EnumerateInstanceVersion),
        FAKE(CreateInstance),
        FAKE(DestroyInstance),
        FAKE(EnumeratePhysicalDevices),
        FAKE(EnumerateDeviceExtensionProperties),
        FAKE(GetPhysicalDeviceProperties),
        FAKE(GetPhysicalDeviceProperties2),
        FAKE(GetPhysicalDeviceFeatures),
        FAKE(GetPhysicalDeviceFeatures2),
        FAKE(GetPhysicalDeviceQueueFamilyProperties),
        FAKE(GetPhysicalDeviceQueueFamilyProperties2),
        FAKE(GetPhysicalDeviceMemoryProperties),
        FAKE(GetPhysicalDeviceMemoryProperties2),
        FAKE(GetPhysicalDeviceFormatProperties),
        FAKE(GetPhysicalDeviceFormatProperties2),
        FAKE(GetPhysicalDeviceImageFormatProperties),
        FAKE(GetPhysicalDeviceImageFormatProperties2),
        FAKE(GetPhysicalDeviceSparseImageFormatProperties),
        FAKE(GetPhysicalDeviceExternalBufferProperties),
        FAKE(GetPhysicalDeviceExternalSemaphoreProperties),
        FAKE(GetPhysicalDeviceExternalFenceProperties),
        FAKE(GetPhysicalDeviceCalibrateableTimeDomainsEXT),
        {"vkGetPhysicalDeviceProperties2KHR",
         reinterpret_cast<PFN_vkVoidFunction>(
             &Entry<"GetPhysicalDeviceProperties2", &GetPhysicalDeviceProperties2>::call),
         "", 0},
        {"vkGetPhysicalDeviceFormatProperties2KHR",
         reinterpret_cast<PFN_vkVoidFunction>(&Entry<"GetPhysicalDeviceFormatProperties2",
                                                     &GetPhysicalDeviceFormatProperties2>::call),
         "", 0},
        {"vkGetPhysicalDeviceImageFormatProperties2KHR",
         reinterpret_cast<PFN_vkVoidFunction>(
             &Entry<"GetPhysicalDeviceImageFormatProperties2",
                    &GetPhysicalDeviceImageFormatProperties2>::call),
         "", 0},
        {"vkGetPhysicalDeviceExternalBufferPropertiesKHR",
         reinterpret_cast<PFN_vkVoidFunction>(
             &Entry<"GetPhysicalDeviceExternalBufferProperties",
                    &GetPhysicalDeviceExternalBufferProperties>::call),
         "", 0},
        {"vkGetPhysicalDeviceExternalSemaphorePropertiesKHR",
         reinterpret_cast<PFN_vkVoidFunction>(
             &Entry<"GetPhysicalDeviceExternalSemaphoreProperties",
                    &GetPhysicalDeviceExternalSemaphoreProperties>::call),
         "", 0},
        {"vkGetPhysicalDeviceExternalFencePropertiesKHR",
         reinterpret_cast<PFN_vkVoidFunction>(
             &Entry<"GetPhysicalDeviceExternalFenceProperties",
                    &GetPhysicalDeviceExternalFenceProperties>::call),
         "", 0},
    };
}

}  // namespace vdmabuf::fake

extern "C" {

#define FAKE_EXPORT __attribute__((visibility("default"))) VKAPI_ATTR

FAKE_EXPORT VkResult VKAPI_CALL vk_icdNegotiateLoaderICDInterfaceVersion(std::uint32_t* version);
FAKE_EXPORT VkResult VKAPI_CALL vk_icdNegotiateLoaderICDInterfaceVersion(std::uint32_t* version) {
    *version = std::min(*version, 5u);
    return VK_SUCCESS;
}

FAKE_EXPORT PFN_vkVoidFunction VKAPI_CALL vk_icdGetInstanceProcAddr(VkInstance instance,
                                                                    const char* name);
FAKE_EXPORT PFN_vkVoidFunction VKAPI_CALL vk_icdGetInstanceProcAddr(VkInstance instance,
                                                                    const char* name) {
    return vdmabuf::fake::get_instance_proc_addr(instance, name);
}

FAKE_EXPORT PFN_vkVoidFunction VKAPI_CALL vk_icdGetPhysicalDeviceProcAddr(VkInstance instance,
                                                                          const char* name);
FAKE_EXPORT PFN_vkVoidFunction VKAPI_CALL vk_icdGetPhysicalDeviceProcAddr(VkInstance instance,
                                                                          const char* name) {
    return vdmabuf::fake::get_physical_device_proc_addr(instance, name);
}

}  // extern "C"
