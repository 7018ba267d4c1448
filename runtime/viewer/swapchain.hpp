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
#include "runtime/viewer/surface_format.hpp"

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
        Look look;
        std::uint32_t index = 0;
        VkSemaphore acquired = VK_NULL_HANDLE;  // wait for it before writing
        VkSemaphore drawn = VK_NULL_HANDLE;     // signal it after
    };
    // The next image to draw to; makes the swapchain anew where the window has changed. `wanted`:
    // the window's size where the surface leaves that to us. `pictures`, `native`: as
    // choose_surface_format(). Waits for a free image, 100 ms at most.
    Result<Target> acquire(VkExtent2D wanted, const Look& pictures, bool native);
    // Once a picture has been presented and nothing is to do: gets the image for the next one, so
    // that it does not wait for the display (lavapipe on X11: 0.2 ms, at 4K 1.3 ms, sometimes 5).
    void acquire_ahead();
    // Of the pictures from now on; a call to the driver when it is another than before.
    void set_metadata(const stream::HdrMetadata& metadata);
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
    Result<bool> create(VkExtent2D wanted);
    VkResult acquire_now(Target& target);
    void reset();

    std::shared_ptr<gpu::Device> device_;
    VkSurfaceKHR surface_;
    gpu::Swapchain swapchain_;
    VkExtent2D extent_{};
    Look look_;      // of the images
    Look pictures_;  // that they were made for
    bool native_ = true;
    stream::HdrMetadata metadata_{};  // as the driver was told
    std::vector<VkImage> images_;
    gpu::Semaphore acquired_;
    std::vector<gpu::Semaphore> drawn_;  // one an image: a present may still wait for its own
    std::optional<Target> ahead_;        // of acquire_ahead()
    std::uint64_t present_id_ = 0;       // of this swapchain's last present; 0: there was none
    bool stale_ = true;
    bool drawn_on_ = false;
};

}  // namespace vdmabuf::viewer
