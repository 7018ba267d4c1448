// SPDX-License-Identifier: MIT
// Owners of Vulkan objects. They do not keep the device alive: whoever holds one also holds the
// gpu::Device, declared before it.
#pragma once

#include <vulkan/vulkan_core.h>

#include <utility>

namespace vdmabuf::gpu {

// Owns an object whose parent is a VkDevice or a VkInstance.
template <typename Parent, typename Object,
          void (*Destroy)(Parent, Object, const VkAllocationCallbacks*)>
class Owned {
  public:
    Owned() = default;
    Owned(Parent parent, Object object) : parent_(parent), object_(object) {}
    Owned(Owned&& other) noexcept
        : parent_(other.parent_), object_(std::exchange(other.object_, Object{})) {}
    Owned& operator=(Owned&& other) noexcept {
        if (this != &other) {
            reset();
            parent_ = other.parent_;
            object_ = std::exchange(other.object_, Object{});
        }
        return *this;
    }
    Owned(const Owned&) = delete;
    Owned& operator=(const Owned&) = delete;
    ~Owned() { reset(); }

    Object get() const { return object_; }
    explicit operator bool() const { return object_ != Object{}; }
    void reset() {
        if (object_ != Object{}) Destroy(parent_, std::exchange(object_, Object{}), nullptr);
    }

  private:
    Parent parent_{};
    Object object_{};
};

using Memory = Owned<VkDevice, VkDeviceMemory, vkFreeMemory>;
using ImageView = Owned<VkDevice, VkImageView, vkDestroyImageView>;
using RenderPass = Owned<VkDevice, VkRenderPass, vkDestroyRenderPass>;
using Framebuffer = Owned<VkDevice, VkFramebuffer, vkDestroyFramebuffer>;
using DescriptorPool = Owned<VkDevice, VkDescriptorPool, vkDestroyDescriptorPool>;
using DescriptorSetLayout = Owned<VkDevice, VkDescriptorSetLayout, vkDestroyDescriptorSetLayout>;
using PipelineLayout = Owned<VkDevice, VkPipelineLayout, vkDestroyPipelineLayout>;
using ShaderModule = Owned<VkDevice, VkShaderModule, vkDestroyShaderModule>;
using Pipeline = Owned<VkDevice, VkPipeline, vkDestroyPipeline>;
using Image = Owned<VkDevice, VkImage, vkDestroyImage>;
using Buffer = Owned<VkDevice, VkBuffer, vkDestroyBuffer>;
using CommandPool = Owned<VkDevice, VkCommandPool, vkDestroyCommandPool>;
using Fence = Owned<VkDevice, VkFence, vkDestroyFence>;
using Semaphore = Owned<VkDevice, VkSemaphore, vkDestroySemaphore>;
using Swapchain = Owned<VkDevice, VkSwapchainKHR, vkDestroySwapchainKHR>;
using Surface = Owned<VkInstance, VkSurfaceKHR, vkDestroySurfaceKHR>;

}  // namespace vdmabuf::gpu
