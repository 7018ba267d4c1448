// SPDX-License-Identifier: MIT
#pragma once

#include <utility>

#include "layer/device.hpp"
#include "layer/own_allocator.hpp"

namespace vdmabuf::layer {

inline const VkAllocationCallbacks* device_allocator() {
    return nullptr;
}

// Owns an object of a device. `Destroy` is the member of DeviceDispatch that ends it, `Allocator`
// has to be what it was made with.
template <typename Handle, auto Destroy,
          const VkAllocationCallbacks* (*Allocator)() = &device_allocator>
class Owned {
  public:
    Owned() = default;
    Owned(const Device& device, Handle handle) : device_(&device), handle_(handle) {}
    Owned(Owned&& other) noexcept
        : device_(other.device_), handle_(std::exchange(other.handle_, Handle{})) {}
    Owned& operator=(Owned&& other) noexcept {
        if (this != &other) {
            reset();
            device_ = other.device_;
            handle_ = std::exchange(other.handle_, Handle{});
        }
        return *this;
    }
    Owned(const Owned&) = delete;
    Owned& operator=(const Owned&) = delete;
    ~Owned() { reset(); }

    Handle get() const { return handle_; }
    explicit operator bool() const { return handle_ != Handle{}; }
    void reset() noexcept {
        if (handle_ != Handle{}) {
            (device_->down().*Destroy)(device_->handle(), handle_, Allocator());
        }
        handle_ = Handle{};
    }

  private:
    const Device* device_ = nullptr;
    Handle handle_{};
};

using OwnedImage = Owned<VkImage, &DeviceDispatch::DestroyImage>;
using OwnedImageView = Owned<VkImageView, &DeviceDispatch::DestroyImageView>;
using OwnedRenderPass = Owned<VkRenderPass, &DeviceDispatch::DestroyRenderPass>;
using OwnedFramebuffer = Owned<VkFramebuffer, &DeviceDispatch::DestroyFramebuffer>;
using OwnedBuffer = Owned<VkBuffer, &DeviceDispatch::DestroyBuffer>;
using OwnedMemory = Owned<VkDeviceMemory, &DeviceDispatch::FreeMemory>;
using OwnedFence = Owned<VkFence, &DeviceDispatch::DestroyFence>;
using OwnedSemaphore = Owned<VkSemaphore, &DeviceDispatch::DestroySemaphore>;
using OwnedCommandPool = Owned<VkCommandPool, &DeviceDispatch::DestroyCommandPool, &own_allocator>;

}  // namespace vdmabuf::layer
