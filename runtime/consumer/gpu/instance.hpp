// SPDX-License-Identifier: MIT
#pragma once

#include <vulkan/vulkan_core.h>

#include <atomic>
#include <cstdint>
#include <memory>
#include <vector>

#include "runtime/common/result.hpp"

namespace vdmabuf::gpu {

// VDMABUF_VALIDATION=1: Khronos validation with synchronization validation is wanted.
bool validation_wanted();

// Keeps our own layer out of this process: a viewer inside a viewer's window would never end.
// Changes the environment, so: before the first thread and the first call into Vulkan.
void leave_layer_out();

// Whether the loader and a driver know it.
bool has_instance_extension(const char* name);

// A VkInstance of Vulkan 1.1 or newer, with the validation messages of whoever uses it.
class Instance {
  public:
    // `extensions`: names of static duration, all needed. Validation that is wanted but not
    // installed is an error.
    static Result<std::shared_ptr<Instance>> create(const std::vector<const char*>& extensions,
                                                    bool validation = validation_wanted());
    ~Instance();
    Instance(const Instance&) = delete;
    Instance& operator=(const Instance&) = delete;

    VkInstance get() const { return instance_; }
    // Warnings and errors of the validation layer so far; each is in the log. From any thread.
    std::uint32_t validation_messages() const { return messages_; }
    void count_message() { ++messages_; }

  private:
    Instance() = default;
    VkInstance instance_ = VK_NULL_HANDLE;
    VkDebugUtilsMessengerEXT messenger_ = VK_NULL_HANDLE;
    std::atomic<std::uint32_t> messages_{0};
};

}  // namespace vdmabuf::gpu
