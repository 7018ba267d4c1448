// SPDX-License-Identifier: MIT
#pragma once

#include <vulkan/vulkan_core.h>

#include <cstdint>
#include <memory>
#include <optional>
#include <vector>

#include "runtime/common/result.hpp"
#include "runtime/consumer/gpu/device.hpp"
#include "runtime/consumer/gpu/handles.hpp"

namespace vdmabuf::viewer {

// The images of a window. One thread.
class Swapchain {
  public:
    // `surface` must outlive the object.
    Swapchain(std::shared_ptr<gpu::Device> device, VkSurfaceKHR surface)
        : device_(std::move(device)), surface_(surface) {}
    ~Swapchain();
    Swapchain(const Swapchain&) = delete;
    Swapchain& operator=(const Swapchain&) = delete;

    struct Target {
        VkImage image = VK_NULL_HANDLE;  // null: the window has no area, or is busy
        bool busy = false;               // no image was free in time
        VkExtent2D extent{};
        VkFormat format = VK_FORMAT_UNDEFINED;
        std::uint32_t index = 0;
        VkSemaphore acquired = VK_NULL_HANDLE;  // wait for it before writing
        VkSemaphore drawn = VK_NULL_HANDLE;     // signal it after
    };
    // The next image to draw to; makes the swapchain anew where the window has changed. `wanted`:
    // the window's size where the surface leaves that to us. `preferred`: of the formats, if there
    // is a choice. Waits for a free image, 100 ms at most.
    Result<Target> acquire(VkExtent2D wanted, VkFormat preferred);
    // Once a picture has been presented and nothing is to do: gets the image for the next one, so
    // that it does not wait for the display (lavapipe on X11: 0.2 ms, at 4K 1.3 ms, sometimes 5).
    void acquire_ahead();
    Status present(const Target& target);
    // Whether the last picture is on the display now; false at once where the driver does not tell,
    // or after `timeout_ns`, as windows that nobody sees may show nothing for long.
    bool wait_until_shown(std::uint64_t timeout_ns) const;
    // After an error between acquire() and present(), or when the window has changed.
    void invalidate() { stale_ = true; }
    // Whether images are drawn to by a pipeline as well, not by transfers alone.
    void set_drawn_on(bool drawn_on) {
        stale_ = stale_ || drawn_on != drawn_on_;
        drawn_on_ = drawn_on;
    }

  private:
    Result<bool> create(VkExtent2D wanted, VkFormat preferred);
    VkResult acquire_now(Target& target);
    void reset();

    std::shared_ptr<gpu::Device> device_;
    VkSurfaceKHR surface_;
    gpu::Swapchain swapchain_;
    VkExtent2D extent_{};
    VkFormat format_ = VK_FORMAT_UNDEFINED;
    std::vector<VkImage> images_;
    gpu::Semaphore acquired_;
    std::vector<gpu::Semaphore> drawn_;  // one an image: a present may still wait for its own
    std::optional<Target> ahead_;        // of acquire_ahead()
    std::uint64_t present_id_ = 0;       // of this swapchain's last present; 0: there was none
    bool stale_ = true;
    bool drawn_on_ = false;
};

}  // namespace vdmabuf::viewer
