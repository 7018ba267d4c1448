// SPDX-License-Identifier: MIT
#include "layer/device.hpp"

#include <cstring>
#include <optional>

#include "layer/extension_list.hpp"
#include "layer/features.hpp"
#include "layer/guard.hpp"
#include "layer/instance.hpp"
#include "layer/swapchain.hpp"
#include "runtime/common/log.hpp"

namespace vdmabuf::layer {
namespace {

constinit HandleTable<Device> g_devices;

// See link_of() of instances.
VkLayerDeviceCreateInfo* chain_info(const VkDeviceCreateInfo& info, VkLayerFunction function) {
    for (auto* at = static_cast<const VkLayerDeviceCreateInfo*>(info.pNext); at;
         at = static_cast<const VkLayerDeviceCreateInfo*>(at->pNext)) {
        if (at->sType == VK_STRUCTURE_TYPE_LOADER_DEVICE_CREATE_INFO && at->function == function) {
            return const_cast<VkLayerDeviceCreateInfo*>(at);
        }
    }
    return nullptr;
}

bool has_name(const std::vector<const char*>& names, const char* name) {
    for (const char* known : names) {
        if (std::strcmp(known, name) == 0) return true;
    }
    return false;
}

// Of the extensions that the app enables, those that the layer serves. What the driver does not
// have is taken out of the names that go down.
ExtensionSet take_extensions(const PhysicalDevice& physical, std::vector<const char*>& names) {
    ExtensionSet enabled;
    std::erase_if(names, [&](const char* name) {
        const Extension extension = find_extension(name);
        if (extension == Extension::none || !has(physical.served, extension)) return false;
        add(enabled, extension);
        return !has(physical.driver_has, extension);
    });
    return enabled;
}

// Adds the extensions that the layer uses, where the driver has them.
Abilities add_extensions(const PhysicalDevice& physical, [[maybe_unused]] const ExtensionSet& asked,
                         ExtensionList& list) {
    Abilities enabled;
#ifdef VK_EXT_present_timing
    if (has(asked, Extension::calibrated_timestamps) &&
        !has(physical.driver_has, Extension::calibrated_timestamps)) {
        (void)list.add(VK_EXT_CALIBRATED_TIMESTAMPS_EXTENSION_NAME);
    }
#endif
    enabled.host_pointer = list.add(VK_EXT_EXTERNAL_MEMORY_HOST_EXTENSION_NAME);
    enabled.dmabuf = list.add(VK_EXT_EXTERNAL_MEMORY_DMA_BUF_EXTENSION_NAME);
    enabled.modifiers = enabled.dmabuf && list.add(VK_EXT_IMAGE_DRM_FORMAT_MODIFIER_EXTENSION_NAME);
    enabled.foreign_queue = enabled.dmabuf && list.add(VK_EXT_QUEUE_FAMILY_FOREIGN_EXTENSION_NAME);
    if ((physical.imports_sync_fd || physical.exports_sync_fd) &&
        list.add(VK_KHR_EXTERNAL_SEMAPHORE_FD_EXTENSION_NAME)) {
        enabled.exports_sync_fd = physical.exports_sync_fd;
        enabled.imports_sync_fd =
            physical.imports_sync_fd && list.add(VK_KHR_EXTERNAL_FENCE_FD_EXTENSION_NAME);
    }
    return enabled;
}

VkResult create_device(VkPhysicalDevice physical_handle, const VkDeviceCreateInfo& info,
                       const VkAllocationCallbacks* allocator, VkDevice* out) {
    Instance* instance = Instance::of(physical_handle);
    VkLayerDeviceCreateInfo* link = chain_info(info, VK_LAYER_LINK_INFO);
    const VkLayerDeviceCreateInfo* data = chain_info(info, VK_LOADER_DATA_CALLBACK);
    if (!instance || !link || !data) return VK_ERROR_INITIALIZATION_FAILED;
    const PFN_vkGetInstanceProcAddr next_instance = link->u.pLayerInfo->pfnNextGetInstanceProcAddr;
    const PFN_vkGetDeviceProcAddr next = link->u.pLayerInfo->pfnNextGetDeviceProcAddr;
    const auto next_create =
        reinterpret_cast<PFN_vkCreateDevice>(next_instance(instance->handle(), "vkCreateDevice"));
    if (!next_create) return VK_ERROR_INITIALIZATION_FAILED;
    const PFN_vkSetDeviceLoaderData set_loader_data = data->u.pfnSetDeviceLoaderData;
    link->u.pLayerInfo = link->u.pLayerInfo->pNext;

    VkDeviceCreateInfo copy = info;
    std::vector<const char*> asked(info.ppEnabledExtensionNames,
                                   info.ppEnabledExtensionNames + info.enabledExtensionCount);
    const PhysicalDevice* physical = nullptr;
    std::optional<ExtensionList> list;
    Abilities abilities;
    ExtensionSet enabled;
    std::optional<DeviceChain> chain;
    if (instance->active() && has_name(asked, VK_KHR_SWAPCHAIN_EXTENSION_NAME)) {
        physical = &instance->physical(physical_handle);
        enabled = take_extensions(*physical, asked);
        copy.pNext = chain.emplace(info.pNext, *physical).get();
        list.emplace(physical->extensions, physical->api_version, asked);
        abilities = add_extensions(*physical, enabled, *list);
        copy.enabledExtensionCount = static_cast<std::uint32_t>(list->names().size());
        copy.ppEnabledExtensionNames = list->names().data();
    }
    auto device = std::make_unique<Device>(*instance, physical, set_loader_data);
    device->set_enabled(enabled);
    if (physical) device->prepare_queues(info);
    ReservedEntry entry(g_devices);
    const VkResult result = next_create(physical_handle, &copy, allocator, out);
    if (result != VK_SUCCESS) return result;
    device->made(*out, next, abilities);
    entry.take(dispatch_key(*out), device.release());  // until DestroyDevice
    return VK_SUCCESS;
}

}  // namespace

Device::Device(Instance& instance, const PhysicalDevice* physical,
               PFN_vkSetDeviceLoaderData set_data)
    : instance_(instance), physical_(physical), set_loader_data_(set_data) {}

void Device::made(VkDevice handle, PFN_vkGetDeviceProcAddr next,
                  const Abilities& enabled) noexcept {
    handle_ = handle;
    load(down_, handle, next);
    if (!physical_) return;
    set_abilities(enabled);
    find_queues();
}

// The app must have destroyed its swapchains; one that is left must not have a thread that goes on
// using the device.
Device::~Device() {
    std::vector<Swapchain*> left;
    swapchains_.for_each([&](Swapchain& swapchain) { left.push_back(&swapchain); });
    for (Swapchain* swapchain : left) delete swapchain;
    swapchains_.clear();
    queue_table_.clear();
}

Device* Device::find(std::uint64_t key) {
    return g_devices.find(key);
}

void Device::end_all(const Instance& instance) noexcept {
    for (;;) {
        Device* left = nullptr;
        std::uint64_t key = 0;
        g_devices.for_each([&](Device& device) {
            if (&device.instance_ != &instance) return;
            left = &device;
            key = dispatch_key(device.handle_);
        });
        if (!left) return;
        LOG_WARNING("an instance is destroyed before its device");
        g_devices.erase(key);
        delete left;
    }
}

// With the functions that belong to them.
void Device::set_abilities(const Abilities& enabled) noexcept {
    abilities_ = enabled;
    abilities_.host_pointer &= down_.GetMemoryHostPointerPropertiesEXT != nullptr;
    abilities_.dmabuf &= down_.GetMemoryFdKHR && down_.GetMemoryFdPropertiesKHR;
    abilities_.modifiers &=
        abilities_.dmabuf && down_.GetImageDrmFormatModifierPropertiesEXT != nullptr;
    abilities_.imports_sync_fd &= down_.ImportSemaphoreFdKHR && down_.ImportFenceFdKHR;
    abilities_.exports_sync_fd &= down_.GetSemaphoreFdKHR != nullptr;
    LOG_DEBUG("device: host pointers %d, dmabufs %d, modifiers %d, SYNC_FD in %d, out %d",
              abilities_.host_pointer, abilities_.dmabuf, abilities_.modifiers,
              abilities_.imports_sync_fd, abilities_.exports_sync_fd);
}

void Device::prepare_queues(const VkDeviceCreateInfo& info) {
    for (std::uint32_t i = 0; i < info.queueCreateInfoCount; ++i) {
        const VkDeviceQueueCreateInfo& create = info.pQueueCreateInfos[i];
        if (create.flags != 0) continue;  // protected queues do not present
        if (physical_->can_present(create.queueFamilyIndex)) {
            present_families_.push_back(create.queueFamilyIndex);
        }
        for (std::uint32_t index = 0; index < create.queueCount; ++index) {
            auto queue = std::make_unique<Queue>();
            queue->family = create.queueFamilyIndex;
            queue->index = index;
            queue_table_.reserve();
            queues_.push_back(std::move(queue));
        }
    }
}

void Device::find_queues() noexcept {
    for (const auto& queue : queues_) {
        down_.GetDeviceQueue(handle_, queue->family, queue->index, &queue->handle);
        if (queue->handle == VK_NULL_HANDLE) continue;
        (void)set_loader_data(queue->handle);
        const bool presents = physical_->can_present(queue->family);
        if (!acquire_queue_ && presents) acquire_queue_ = queue.get();
        if (!graphics_queue_ && presents &&
            (physical_->families[queue->family].queueFlags & VK_QUEUE_GRAPHICS_BIT)) {
            graphics_queue_ = queue.get();
        }
        queue_table_.insert_reserved(handle_bits(queue->handle), queue.get());
    }
    std::erase_if(queues_, [](const auto& queue) { return queue->handle == VK_NULL_HANDLE; });
}

VkSwapchainKHR Device::add_swapchain(std::unique_ptr<Swapchain> swapchain) {
    const auto handle = handle_of<VkSwapchainKHR>(swapchain.get());
    swapchains_.insert(handle_bits(handle), swapchain.get());
    (void)swapchain.release();  // until remove_swapchain()
    return handle;
}

std::unique_ptr<Swapchain> Device::remove_swapchain(VkSwapchainKHR handle) {
    return std::unique_ptr<Swapchain>(swapchains_.erase(handle_bits(handle)));
}

VKAPI_ATTR VkResult VKAPI_CALL CreateDevice(VkPhysicalDevice physical,
                                            const VkDeviceCreateInfo* info,
                                            const VkAllocationCallbacks* allocator,
                                            VkDevice* device) noexcept {
    return guarded([&] { return create_device(physical, *info, allocator, device); });
}

VKAPI_ATTR void VKAPI_CALL DestroyDevice(VkDevice handle,
                                         const VkAllocationCallbacks* allocator) noexcept {
    if (handle == VK_NULL_HANDLE) return;
    std::unique_ptr<Device> device(g_devices.erase(dispatch_key(handle)));
    if (!device) return;
    const PFN_vkDestroyDevice down = device->down().DestroyDevice;
    device.reset();
    down(handle, allocator);
}

}  // namespace vdmabuf::layer
