// SPDX-License-Identifier: MIT
// What a test tells the fake driver and learns from it. The driver is a library of its own, loaded
// by the loader; the test opens the same library and gets at this by its symbol "fake_driver".
#pragma once

#include <vulkan/vulkan_core.h>

#include <atomic>
#include <chrono>
#include <cstdint>
#include <map>
#include <string>
#include <vector>

namespace vdmabuf::fake {

struct QueueFamily {
    VkQueueFlags flags = VK_QUEUE_GRAPHICS_BIT | VK_QUEUE_COMPUTE_BIT | VK_QUEUE_TRANSFER_BIT;
    std::uint32_t count = 1;
};

struct Modifier {
    std::uint64_t modifier = 0;  // DRM_FORMAT_MOD_LINEAR
    VkFormatFeatureFlags features = 0;
};

// What the driver does with a kind of external memory: VkExternalMemoryFeatureFlags by tiling, and
// the memory types that an import may have.
struct External {
    VkExternalMemoryFeatureFlags linear = 0;
    VkExternalMemoryFeatureFlags optimal = 0;
    VkExternalMemoryFeatureFlags modifier = 0;
    VkExternalMemoryFeatureFlags buffer = 0;
    std::uint32_t memory_types = 0;
};

// A GPU. What it says of itself is not a copy of a real driver's lists: it has what the layer
// decides by. families.hpp makes those of drivers that exist.
struct DeviceConfig {
    std::string name = "fake GPU";
    std::string driver_name = "fake driver";
    VkDriverId driver_id = VK_DRIVER_ID_MESA_LLVMPIPE;
    VkPhysicalDeviceType type = VK_PHYSICAL_DEVICE_TYPE_CPU;
    std::uint32_t vendor_id = 0x10005;
    std::uint32_t api_version = VK_API_VERSION_1_3;
    std::vector<std::string> extensions = {"VK_KHR_swapchain", "VK_KHR_incremental_present"};
    std::vector<QueueFamily> families = {QueueFamily{}};
    std::vector<VkMemoryType> memory_types = {
        {VK_MEMORY_PROPERTY_DEVICE_LOCAL_BIT | VK_MEMORY_PROPERTY_HOST_VISIBLE_BIT |
             VK_MEMORY_PROPERTY_HOST_COHERENT_BIT | VK_MEMORY_PROPERTY_HOST_CACHED_BIT,
         0}};
    std::vector<VkMemoryHeap> heaps = {{1ull << 30, VK_MEMORY_HEAP_DEVICE_LOCAL_BIT}};
    std::uint32_t optimal_memory_types = UINT32_MAX;  // that an image of this tiling may lie in
    std::uint32_t linear_memory_types = UINT32_MAX;
    VkFormatFeatureFlags optimal_features = kRendering;
    VkFormatFeatureFlags linear_features = kRendering;
    std::vector<Modifier> modifiers;
    std::uint32_t pitch_alignment = 64;
    External host_pointer;
    External dma_buf;
    External opaque_fd;
    VkDeviceSize host_pointer_alignment = 4096;
    // Takes host pointers, and renders into memory of its own all the same.
    bool lies_about_host_pointers = false;
    bool imports_sync_fd = false;
    bool exports_sync_fd = false;
    // As Mesa's software drivers: a SYNC_FD comes when the work is done, and is none.
    bool exports_when_done = false;

    static constexpr VkFormatFeatureFlags kTransfer =
        VK_FORMAT_FEATURE_TRANSFER_SRC_BIT | VK_FORMAT_FEATURE_TRANSFER_DST_BIT;
    static constexpr VkFormatFeatureFlags kRendering =
        kTransfer | VK_FORMAT_FEATURE_COLOR_ATTACHMENT_BIT |
        VK_FORMAT_FEATURE_COLOR_ATTACHMENT_BLEND_BIT | VK_FORMAT_FEATURE_SAMPLED_IMAGE_BIT |
        VK_FORMAT_FEATURE_STORAGE_IMAGE_BIT;
};

struct Config {
    std::vector<DeviceConfig> devices = {DeviceConfig{}};
    std::vector<std::string> instance_extensions = {
        "VK_KHR_surface",
        "VK_KHR_get_surface_capabilities2",
        "VK_KHR_xcb_surface",
        "VK_KHR_xlib_surface",
        "VK_KHR_get_physical_device_properties2",
        "VK_KHR_external_memory_capabilities",
        "VK_KHR_external_semaphore_capabilities",
        "VK_KHR_external_fence_capabilities",
    };
};

// A call that reached the driver.
struct Call {
    std::string name;  // without "vk"
    std::map<std::string, std::uint64_t> arguments;
    std::vector<VkStructureType> chain;  // of the structure that the call takes
    VkResult result = VK_SUCCESS;
    bool injected = false;  // failed because the test asked for it
    bool of_layer = false;  // the layer made it, or the loader for the layer; else the app did
    int thread = 0;         // gettid(2)

    bool has(const std::string& argument) const { return arguments.count(argument) != 0; }
    std::uint64_t at(const std::string& argument) const {
        const auto found = arguments.find(argument);
        return found == arguments.end() ? UINT64_MAX : found->second;
    }
    bool chains(VkStructureType type) const {
        for (const VkStructureType link : chain) {
            if (link == type) return true;
        }
        return false;
    }
};

class Control {
  public:
    // Forgets everything: objects that are alive can no longer be used.
    virtual void reset(const Config& config) = 0;

    // The `nth` call from now on of `function` (1: the next one) fails with `result`, and is not
    // done. One such order at a time. VK_ERROR_DEVICE_LOST loses all devices for good.
    virtual void fail(const std::string& function, std::uint32_t nth, VkResult result) = 0;
    // The same, of the calls that the layer makes.
    virtual void fail_of_layer(const std::string& function, std::uint32_t nth, VkResult result) = 0;
    // All calls of it.
    virtual void fail_always(const std::string& function, VkResult result) = 0;
    virtual void stop_failing() = 0;
    // Each call of it takes this long; other threads' calls go on.
    virtual void delay(const std::string& function, std::chrono::milliseconds time) = 0;
    // Calls that are being delayed at this moment.
    virtual std::size_t delayed() = 0;
    // Each submit takes the GPU this long; a GPU that is held does nothing until it is let go.
    virtual void set_gpu_time(std::chrono::microseconds time) = 0;
    virtual void hold_gpu(bool held) = 0;

    virtual std::vector<Call> calls() = 0;
    virtual void forget_calls() = 0;
    // Keep no log: what is measured is the layer.
    virtual void log_calls(bool wanted) = 0;
    // What was done that no app or layer may do.
    virtual std::vector<std::string> errors() = 0;
    virtual void forget_errors() = 0;
    // What is alive: the kinds of objects with their numbers.
    virtual std::map<std::string, std::size_t> alive() = 0;
    // The calling thread is inside of the driver.
    bool inside() const { return depth().load() > 0; }
    // How deep it is; another thread may look, too.
    virtual const std::atomic<int>& depth() const = 0;

  protected:
    ~Control() = default;
};

using ControlFunction = Control* (*)();
constexpr const char* kControlSymbol = "fake_driver";

}  // namespace vdmabuf::fake
