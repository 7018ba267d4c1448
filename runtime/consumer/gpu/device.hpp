// SPDX-License-Identifier: MIT
#pragma once

#include <vulkan/vulkan_core.h>

#include <cstdint>
#include <memory>
#include <mutex>
#include <string>

#include "runtime/common/result.hpp"
#include "runtime/consumer/gpu/instance.hpp"

namespace vdmabuf::gpu {

// What a driver offers for importing other processes' memory.
struct ImportAbilities {
    bool host_pointer = false;            // VK_EXT_external_memory_host
    VkDeviceSize host_pointer_align = 0;  // bytes; addresses and sizes are multiples of it
    bool queue_family_foreign = false;    // VK_EXT_queue_family_foreign
};

// A GPU, its VkDevice and one queue for graphics and transfers. Thread-safe.
class Device {
  public:
    // `wanted`: the number of the GPU in Vulkan's order, or a part of its name; empty: the first
    // real GPU, else a software driver. With a `surface`, only GPUs that can present to it count,
    // and the swapchain extension is enabled.
    static Result<std::shared_ptr<Device>> create(std::shared_ptr<Instance> instance,
                                                  const std::string& wanted,
                                                  VkSurfaceKHR surface = VK_NULL_HANDLE);
    ~Device();
    Device(const Device&) = delete;
    Device& operator=(const Device&) = delete;

    const Instance& instance() const { return *instance_; }
    VkPhysicalDevice physical() const { return physical_; }
    VkDevice get() const { return device_; }
    const std::string& name() const { return name_; }
    std::uint32_t queue_family() const { return queue_family_; }
    const ImportAbilities& abilities() const { return abilities_; }
    // The queue family that owns imported memory while we do not read it.
    std::uint32_t outside_family() const {
        return abilities_.queue_family_foreign ? VK_QUEUE_FAMILY_FOREIGN_EXT
                                               : VK_QUEUE_FAMILY_EXTERNAL;
    }
    bool can_filter_linear(VkFormat format, VkImageTiling tiling) const;

    VkResult submit(const VkSubmitInfo& info, VkFence fence);
    VkResult present(const VkPresentInfoKHR& info);
    void wait_idle();
    // vkGetMemoryHostPointerPropertiesEXT: types that can be imported from `address`; 0: none.
    std::uint32_t host_pointer_types(const void* address) const;

  private:
    Device() = default;
    std::shared_ptr<Instance> instance_;
    VkPhysicalDevice physical_ = VK_NULL_HANDLE;
    VkDevice device_ = VK_NULL_HANDLE;
    VkQueue queue_ = VK_NULL_HANDLE;
    std::mutex queue_mutex_;  // a VkQueue is externally synchronized
    std::uint32_t queue_family_ = 0;
    std::string name_;
    ImportAbilities abilities_;
    PFN_vkGetMemoryHostPointerPropertiesEXT host_pointer_properties_ = nullptr;
};

}  // namespace vdmabuf::gpu
