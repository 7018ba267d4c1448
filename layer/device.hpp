// SPDX-License-Identifier: MIT
#pragma once

#include <memory>
#include <span>
#include <vector>

#include "layer/abilities.hpp"
#include "layer/dispatch.hpp"
#include "layer/extensions.hpp"
#include "layer/queue_lock.hpp"
#include "runtime/common/handle_table.hpp"

namespace vdmabuf::layer {

class Instance;
class Swapchain;
struct PhysicalDevice;

// A device of the app. When it is passive (the app does not present with it) the layer only hands
// calls through.
class Device {
  public:
    Device(Instance& instance, const PhysicalDevice* physical, PFN_vkSetDeviceLoaderData set_data);
    ~Device();
    Device(const Device&) = delete;
    Device& operator=(const Device&) = delete;

    // By a device, queue or command buffer.
    template <typename Handle>
    static Device* of(Handle handle) {
        return find(dispatch_key(handle));
    }
    static Device* find(std::uint64_t key);
    // Ends those that an app has left behind when it destroys their instance: the loader frees
    // them, and others get their keys.
    static void end_all(const Instance& instance) noexcept;

    VkDevice handle() const { return handle_; }
    Instance& instance() const { return instance_; }
    const DeviceDispatch& down() const { return down_; }
    bool active() const { return physical_ != nullptr; }
    const PhysicalDevice& physical() const { return *physical_; }  // only when active

    // Makes room for the queues that the app creates. Throws std::bad_alloc.
    void prepare_queues(const VkDeviceCreateInfo& info);
    // It has been made below, with its queues. Everything that can fail is done before, as for
    // instances.
    void made(VkDevice handle, PFN_vkGetDeviceProcAddr next, const Abilities& enabled) noexcept;
    Queue* queue(VkQueue handle) const { return queue_table_.find(handle_bits(handle)); }
    std::span<const std::unique_ptr<Queue>> queues() const { return queues_; }
    // Families that the app has queues of and that can present.
    std::span<const std::uint32_t> present_families() const { return present_families_; }

    const Abilities& abilities() const { return abilities_; }
    // The device's semaphores and fences take a SYNC_FD; else acquire submits to this queue.
    bool sync_fd() const { return abilities_.imports_sync_fd; }
    Queue* acquire_queue() const { return acquire_queue_; }
    // One of the app's that renders; may be null.
    Queue* graphics_queue() const { return graphics_queue_; }
    // The app has enabled this extension, and the layer serves it.
    bool enabled(Extension extension) const { return has(enabled_, extension); }
    void set_enabled(const ExtensionSet& set) { enabled_ = set; }

    // What the loader does to objects that an app asks for; ours have to have it for layers below.
    template <typename Handle>
    VkResult set_loader_data(Handle object) const {
        return set_loader_data_(handle_, reinterpret_cast<void*>(object));
    }

    Swapchain* swapchain(VkSwapchainKHR handle) const {
        return swapchains_.find(handle_bits(handle));
    }
    template <typename Visit>
    void for_each_swapchain(Visit&& visit) const {
        swapchains_.for_each(visit);
    }
    VkSwapchainKHR add_swapchain(std::unique_ptr<Swapchain> swapchain);
    std::unique_ptr<Swapchain> remove_swapchain(VkSwapchainKHR handle);

  private:
    void set_abilities(const Abilities& enabled) noexcept;
    void find_queues() noexcept;

    Instance& instance_;
    const PhysicalDevice* const physical_;  // null: passive
    VkDevice handle_ = VK_NULL_HANDLE;
    const PFN_vkSetDeviceLoaderData set_loader_data_;
    DeviceDispatch down_;
    Abilities abilities_;
    ExtensionSet enabled_;
    std::vector<std::unique_ptr<Queue>> queues_;
    HandleTable<Queue> queue_table_;
    std::vector<std::uint32_t> present_families_;
    Queue* acquire_queue_ = nullptr;
    Queue* graphics_queue_ = nullptr;
    HandleTable<Swapchain> swapchains_;
};

VKAPI_ATTR VkResult VKAPI_CALL CreateDevice(VkPhysicalDevice physical,
                                            const VkDeviceCreateInfo* info,
                                            const VkAllocationCallbacks* allocator,
                                            VkDevice* device) noexcept;
VKAPI_ATTR void VKAPI_CALL DestroyDevice(VkDevice device,
                                         const VkAllocationCallbacks* allocator) noexcept;

}  // namespace vdmabuf::layer
