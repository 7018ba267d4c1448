// SPDX-License-Identifier: MIT
#pragma once

#include <vulkan/vulkan_core.h>

#include <array>
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
    bool dmabuf = false;                  // VK_EXT_external_memory_dma_buf
    bool drm_modifier = false;            // VK_EXT_image_drm_format_modifier: explicit layouts
    bool sync_file = false;               // semaphores take sync_files (SYNC_FD)
    bool queue_family_foreign = false;    // VK_EXT_queue_family_foreign
};

// What tells a GPU with its driver from any other, also from the next version of the driver.
struct Identity {
    std::array<std::uint8_t, VK_UUID_SIZE> device{};
    std::array<std::uint8_t, VK_UUID_SIZE> driver{};
    std::uint32_t driver_id = 0;  // VkDriverId; 0: the driver does not say
    std::uint32_t driver_version = 0;
    std::string driver_info;  // "Mesa 25.0.7 ...", as the driver writes it
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
    // Whether the driver tells when a picture is on the display (VK_KHR_present_wait).
    bool tells_when_shown() const { return wait_for_present_ != nullptr; }
    // The queue family that owns imported memory while we do not read it.
    std::uint32_t outside_family() const {
        return abilities_.queue_family_foreign ? VK_QUEUE_FAMILY_FOREIGN_EXT
                                               : VK_QUEUE_FAMILY_EXTERNAL;
    }
    VkFormatFeatureFlags linear_features(VkFormat format) const;
    VkFormatFeatureFlags optimal_features(VkFormat format) const;

    VkResult submit(const VkSubmitInfo& info, VkFence fence);
    VkResult present(const VkPresentInfoKHR& info);
    // Until the present of this id (VkPresentIdKHR), or a later one, is on the display.
    VkResult wait_for_present(VkSwapchainKHR swapchain, std::uint64_t id,
                              std::uint64_t timeout_ns) const;
    // What the pictures of a swapchain were graded for; nothing where the driver does not ask.
    void set_hdr_metadata(VkSwapchainKHR swapchain, const VkHdrMetadataEXT& metadata) const;
    void wait_idle();
    // vkGetMemoryHostPointerPropertiesEXT: types that can be imported from `address`; 0: none.
    std::uint32_t host_pointer_types(const void* address) const;
    // vkGetMemoryFdPropertiesKHR: types that can be imported from this dmabuf; 0: none.
    std::uint32_t dmabuf_types(int dmabuf) const;
    // Lets `semaphore` (not in use) wait once for a sync_file, which is the driver's on success.
    VkResult import_sync_file(VkSemaphore semaphore, int sync_file) const;
    Identity identity() const;

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
    bool knows_driver_ = false;  // VK_KHR_driver_properties
    PFN_vkGetMemoryHostPointerPropertiesEXT host_pointer_properties_ = nullptr;
    PFN_vkGetMemoryFdPropertiesKHR memory_fd_properties_ = nullptr;
    PFN_vkImportSemaphoreFdKHR import_semaphore_fd_ = nullptr;
    PFN_vkWaitForPresentKHR wait_for_present_ = nullptr;
    PFN_vkSetHdrMetadataEXT set_hdr_metadata_ = nullptr;
};

}  // namespace vdmabuf::gpu
