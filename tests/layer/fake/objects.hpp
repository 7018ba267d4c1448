// SPDX-License-Identifier: MIT
// The objects of the fake driver. Handles of non-dispatchable ones are numbers that are never given
// twice; dispatchable ones stay in memory after their end. So every use of an object after its end,
// under a wrong type or of another device is noticed.
#pragma once

#include <vulkan/vk_icd.h>

#include <condition_variable>
#include <cstddef>
#include <deque>
#include <functional>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <thread>
#include <vector>

#include "runtime/common/unique_fd.hpp"
#include "tests/layer/fake/control.hpp"

namespace vdmabuf::fake {

struct Object {
    virtual ~Object() = default;
    VK_LOADER_DATA loader_data{ICD_LOADER_MAGIC};  // of dispatchable objects
    const char* kind = "";
    std::uint64_t id = 0;
    Object* parent = nullptr;  // device, or instance
    bool dead = false;
    int pending = 0;  // submits that use it and are not done
    void* app_memory = nullptr;
    VkAllocationCallbacks callbacks{};
};

// A dispatchable object begins with what the loader writes to.
struct Dispatchable {
    VK_LOADER_DATA loader_data{};
    Object* object = nullptr;
};

struct Instance;

struct PhysicalDevice : Object {
    DeviceConfig config;
    Instance* instance = nullptr;
    Dispatchable handle;
};

struct Instance : Object {
    std::vector<std::unique_ptr<PhysicalDevice>> devices;
    std::set<std::string> extensions;
    std::uint32_t api_version = 0;
    Dispatchable handle;
};

// What a semaphore or fence waits for or signals.
struct Payload {
    bool promised = false;  // signalled, or something is submitted that will signal it
    bool signalled = false;
    UniqueFd imported;               // a SYNC_FD of somebody else
    std::vector<UniqueFd> exported;  // eventfds, written to when it signals
};

struct Semaphore : Object {
    std::shared_ptr<Payload> permanent = std::make_shared<Payload>();
    std::shared_ptr<Payload> temporary;
    bool exportable = false;
    std::shared_ptr<Payload>& payload() { return temporary ? temporary : permanent; }
};

struct Fence : Object {
    std::shared_ptr<Payload> permanent = std::make_shared<Payload>();
    std::shared_ptr<Payload> temporary;
    std::shared_ptr<Payload>& payload() { return temporary ? temporary : permanent; }
};

struct Memory : Object {
    enum class Backing { own, host_pointer, fd };
    Backing backing = Backing::own;
    std::byte* base = nullptr;
    VkDeviceSize size = 0;
    std::uint32_t type = 0;
    VkExternalMemoryHandleTypeFlags exports = 0;
    UniqueFd fd;  // of what is exported or was imported
    bool mapped = false;
    ~Memory() override;
};

struct Image : Object {
    VkImageCreateInfo info{};  // without chain and arrays
    VkExternalMemoryHandleTypeFlags external = 0;
    std::uint64_t modifier = 0;
    VkDeviceSize offset = 0;
    VkDeviceSize pitch = 0;
    VkDeviceSize size = 0;
    Memory* memory = nullptr;
    VkDeviceSize memory_offset = 0;
    bool of_swapchain = false;
    // As the GPU has it.
    VkImageLayout layout = VK_IMAGE_LAYOUT_UNDEFINED;
    std::uint32_t owner = VK_QUEUE_FAMILY_IGNORED;  // another one's, once released to it

    std::byte* pixels() const { return memory->base + memory_offset + offset; }
};

struct Buffer : Object {
    VkDeviceSize size = 0;
    VkExternalMemoryHandleTypeFlags external = 0;
    Memory* memory = nullptr;
    VkDeviceSize memory_offset = 0;
};

struct ImageView : Object {
    Image* image = nullptr;
};

struct RenderPass : Object {
    VkAttachmentDescription attachment{};
    VkImageLayout layout = VK_IMAGE_LAYOUT_UNDEFINED;  // within
};

struct Framebuffer : Object {
    ImageView* view = nullptr;
};

struct PrivateDataSlot : Object {};

struct Queue;

// Recorded work, done by the device's thread. Returns what is wrong with it, or nothing.
using Command = std::function<std::string(const Queue&)>;

struct CommandPool : Object {
    std::uint32_t family = 0;
};

struct CommandBuffer : Object {
    enum class State { initial, recording, executable };
    CommandPool* pool = nullptr;
    State state = State::initial;
    VkCommandBufferUsageFlags usage = 0;
    std::vector<Command> commands;
    std::set<Object*> used;
    RenderPass* pass = nullptr;  // while one is recorded
    Image* target = nullptr;
    Dispatchable handle;
};

struct Submit {
    std::vector<std::shared_ptr<Payload>> waits;
    std::vector<Command> commands;
    std::vector<std::shared_ptr<Payload>> signals;
    std::vector<Object*> used;
};

struct Queue : Object {
    std::uint32_t family = 0;
    std::uint32_t index = 0;
    std::deque<Submit> submits;
    bool busy = false;
    Dispatchable handle;
};

struct Device : Object {
    PhysicalDevice* physical = nullptr;
    std::set<std::string> extensions;
    std::vector<std::unique_ptr<Queue>> queues;
    std::thread gpu;
    bool stop = false;
    bool lost = false;
    Dispatchable handle;
};

struct Surface : Object {
    bool headless = false;
};

struct Swapchain : Object {
    std::vector<Image*> images;
    std::vector<bool> acquired;
    std::vector<Memory*> memory;
    std::uint32_t next = 0;
};

}  // namespace vdmabuf::fake
