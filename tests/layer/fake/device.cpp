// SPDX-License-Identifier: MIT
// Devices, queues, and objects without work of their own.
#include <algorithm>

#include "runtime/common/clock.hpp"
#include "tests/layer/fake/driver.hpp"

namespace vdmabuf::fake {
namespace {

VkResult CreateDevice(VkPhysicalDevice handle, const VkDeviceCreateInfo* info,
                      const VkAllocationCallbacks* allocator, VkDevice* out) {
    PhysicalDevice& physical = physical_of(handle);
    std::set<std::string> extensions;
    for (std::uint32_t i = 0; i < info->enabledExtensionCount; ++i) {
        const std::string name = info->ppEnabledExtensionNames[i];
        note(name, 1);
        const auto& known = physical.config.extensions;
        if (std::find(known.begin(), known.end(), name) == known.end()) {
            error("enables " + name + ", which the device has not");
            return VK_ERROR_EXTENSION_NOT_PRESENT;
        }
        if (!extensions.insert(name).second) error("enables " + name + " twice");
    }
    auto* device = driver().make<Device>("device", &physical, allocator);
    if (!device) return VK_ERROR_OUT_OF_HOST_MEMORY;
    device->physical = &physical;
    device->extensions = std::move(extensions);
    device->handle = {{ICD_LOADER_MAGIC}, device};
    for (std::uint32_t i = 0; i < info->queueCreateInfoCount; ++i) {
        const VkDeviceQueueCreateInfo& create = info->pQueueCreateInfos[i];
        if (create.queueFamilyIndex >= physical.config.families.size()) {
            error("a queue of a family that is none");
            continue;
        }
        for (std::uint32_t index = 0; index < create.queueCount; ++index) {
            auto queue = std::make_unique<Queue>();
            queue->kind = "queue";
            queue->parent = device;
            queue->family = create.queueFamilyIndex;
            queue->index = index;
            queue->handle = {{ICD_LOADER_MAGIC}, queue.get()};
            device->queues.push_back(std::move(queue));
        }
    }
    start_gpu(*device);
    *out = reinterpret_cast<VkDevice>(&device->handle);
    return VK_SUCCESS;
}

void DestroyDevice(VkDevice handle, const VkAllocationCallbacks* allocator) {
    if (!handle) return;
    Device& device = device_of(handle);
    for (const auto& queue : device.queues) {
        if (queue->busy || !queue->submits.empty()) error("a queue still works");
    }
    stop_gpu(device);
    driver().expect_childless(device);
    for (const auto& queue : device.queues) queue->dead = true;
    driver().end(device, allocator);
}

void GetDeviceQueue(VkDevice handle, std::uint32_t family, std::uint32_t index, VkQueue* out) {
    *out = VK_NULL_HANDLE;
    for (const auto& queue : device_of(handle).queues) {
        if (queue->family == family && queue->index == index) {
            *out = reinterpret_cast<VkQueue>(&queue->handle);
            return;
        }
    }
    error("there is no such queue");
}

void GetDeviceQueue2(VkDevice handle, const VkDeviceQueueInfo2* info, VkQueue* out) {
    GetDeviceQueue(handle, info->queueFamilyIndex, info->queueIndex, out);
}

VkResult DeviceWaitIdle(VkDevice handle) {
    Device& device = device_of(handle);
    driver().changed.wait(Served::current().lock(), [&] {
        return std::all_of(device.queues.begin(), device.queues.end(), [](const auto& queue) {
            return queue->submits.empty() && !queue->busy;
        });
    });
    return VK_SUCCESS;
}

VkResult CreateImageView(VkDevice handle, const VkImageViewCreateInfo* info,
                         const VkAllocationCallbacks* allocator, VkImageView* out) {
    Device& device = device_of(handle);
    auto* image = driver().find<Image>(info->image, "image", &device);
    if (!image) return VK_ERROR_OUT_OF_DEVICE_MEMORY;
    if (!image->memory) error("a view of an image without memory");
    auto* view = driver().make<ImageView>("image view", &device, allocator);
    if (!view) return VK_ERROR_OUT_OF_HOST_MEMORY;
    view->image = image;
    *out = handle_of<VkImageView>(view->id);
    return VK_SUCCESS;
}

void DestroyImageView(VkDevice handle, VkImageView view, const VkAllocationCallbacks* allocator) {
    if (view == VK_NULL_HANDLE) return;
    auto* found = driver().find<ImageView>(view, "image view", &device_of(handle));
    if (found) driver().end(*found, allocator);
}

VkResult CreatePrivateDataSlot(VkDevice handle, const VkPrivateDataSlotCreateInfo*,
                               const VkAllocationCallbacks* allocator, VkPrivateDataSlot* out) {
    auto* slot = driver().make<PrivateDataSlot>("private data slot", &device_of(handle), allocator);
    if (!slot) return VK_ERROR_OUT_OF_HOST_MEMORY;
    *out = handle_of<VkPrivateDataSlot>(slot->id);
    return VK_SUCCESS;
}

void DestroyPrivateDataSlot(VkDevice handle, VkPrivateDataSlot slot,
                            const VkAllocationCallbacks* allocator) {
    if (slot == VK_NULL_HANDLE) return;
    auto* found = driver().find<PrivateDataSlot>(slot, "private data slot", &device_of(handle));
    if (found) driver().end(*found, allocator);
}

// A driver follows the handle.
void follow(const Device& device, VkObjectType type, std::uint64_t object) {
    if (type == VK_OBJECT_TYPE_SWAPCHAIN_KHR) {
        (void)driver().find_object(object, "swapchain", &device);
    } else if (type == VK_OBJECT_TYPE_IMAGE) {
        (void)driver().find_object(object, "image", &device);
    }
}

VkResult SetPrivateData(VkDevice handle, VkObjectType type, std::uint64_t object, VkPrivateDataSlot,
                        std::uint64_t) {
    follow(device_of(handle), type, object);
    return VK_SUCCESS;
}

void GetPrivateData(VkDevice handle, VkObjectType type, std::uint64_t object, VkPrivateDataSlot,
                    std::uint64_t* data) {
    follow(device_of(handle), type, object);
    *data = 0;
}

// The device's clock is a second ahead of the host's.
VkResult GetCalibratedTimestampsEXT(VkDevice handle, std::uint32_t count,
                                    const VkCalibratedTimestampInfoEXT* infos, std::uint64_t* out,
                                    std::uint64_t* deviation) {
    (void)device_of(handle);
    for (std::uint32_t i = 0; i < count; ++i) {
        note_chain(infos[i].pNext, nullptr);
        if (infos[i].timeDomain == VK_TIME_DOMAIN_DEVICE_EXT) {
            out[i] = now_ns() + kNsPerSecond;
        } else if (infos[i].timeDomain == VK_TIME_DOMAIN_CLOCK_MONOTONIC_EXT) {
            out[i] = now_ns();
        } else {
            error("a time domain that the device has not");
        }
    }
    *deviation = 1;
    return VK_SUCCESS;
}

}  // namespace

std::vector<Function> device_functions() {
    return {
        FAKE(CreateDevice),
        FAKE(DestroyDevice),
        FAKE(GetDeviceQueue),
        FAKE_IN(GetDeviceQueue2, "", VK_API_VERSION_1_1),
        FAKE(DeviceWaitIdle),
        FAKE(CreateImageView),
        FAKE(DestroyImageView),
        FAKE_IN(CreatePrivateDataSlot, "", VK_API_VERSION_1_3),
        FAKE_IN(DestroyPrivateDataSlot, "", VK_API_VERSION_1_3),
        FAKE_IN(SetPrivateData, "", VK_API_VERSION_1_3),
        FAKE_IN(GetPrivateData, "", VK_API_VERSION_1_3),
        FAKE_IN(GetCalibratedTimestampsEXT, "VK_EXT_calibrated_timestamps", 0),
    };
}

}  // namespace vdmabuf::fake
