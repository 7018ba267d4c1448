// SPDX-License-Identifier: MIT
// A small Vulkan app: what tests let unmodified programs do.
#pragma once

// In this order.
#include <vulkan/vulkan_core.h>
#include <xcb/xcb.h>

#include <vulkan/vulkan_xcb.h>

#include <cstdint>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "tests/layer/support/x_server.hpp"

namespace vdmabuf::test {

struct AppOptions {
    std::vector<const char*> layers;
    bool validation = false;  // collect messages, with synchronization validation
    bool surfaces = true;     // VK_KHR_surface and its platforms
    bool swapchain = true;
    std::uint32_t api_version = VK_API_VERSION_1_1;
    std::vector<const char*> instance_extensions;  // beside those of `surfaces`
    std::vector<const char*> device_extensions;
    std::uint32_t physical = 0;                        // which of the GPUs
    std::vector<std::uint32_t> families = {0};         // a queue of each
    const void* device_next = nullptr;                 // chained to VkDeviceCreateInfo
    const VkAllocationCallbacks* allocator = nullptr;  // of instance and device
};

// Instance, device, one queue. Everything of it is destroyed at its end.
class App {
  public:
    explicit App(AppOptions options = {});
    ~App();
    App(const App&) = delete;
    App& operator=(const App&) = delete;

    VkSurfaceKHR xcb_surface(const XWindow& window);
    VkSurfaceKHR xcb_surface(xcb_connection_t* connection, xcb_window_t window);
    VkSurfaceKHR headless_surface();
    void destroy(VkSurfaceKHR surface);  // else at the end
    void destroy_device();               // likewise

    template <typename Function>
    Function instance_function(const char* name) const {
        return reinterpret_cast<Function>(vkGetInstanceProcAddr(instance, name));
    }
    template <typename Function>
    Function device_function(const char* name) const {
        return reinterpret_cast<Function>(vkGetDeviceProcAddr(device, name));
    }
    std::uint32_t memory_type(std::uint32_t bits, VkMemoryPropertyFlags flags) const;
    bool has_device_extension(const char* name) const;

    // What the validation layer has said.
    std::vector<std::string> messages();
    void forget_messages();

    VkResult created = VK_ERROR_UNKNOWN;  // of instance and device
    VkInstance instance = VK_NULL_HANDLE;
    VkPhysicalDevice physical = VK_NULL_HANDLE;
    VkDevice device = VK_NULL_HANDLE;
    VkQueue queue = VK_NULL_HANDLE;  // the first one
    std::uint32_t family = 0;        // its family
    std::vector<VkQueue> queues;
    VkCommandPool pool = VK_NULL_HANDLE;

  private:
    VkResult create(const AppOptions& options);
    static VkBool32 VKAPI_PTR on_message(VkDebugUtilsMessageSeverityFlagBitsEXT,
                                         VkDebugUtilsMessageTypeFlagsEXT,
                                         const VkDebugUtilsMessengerCallbackDataEXT* data,
                                         void* self);
    const VkAllocationCallbacks* allocator_ = nullptr;
    VkDebugUtilsMessengerEXT messenger_ = VK_NULL_HANDLE;
    std::vector<VkSurfaceKHR> surfaces_;
    std::mutex mutex_;
    std::vector<std::string> messages_;
};

// What pixel (x, y) of the picture number `seed` is: every pixel of a small picture differs from
// its neighbours, so that a wrong pitch or offset shows.
constexpr std::uint32_t pattern(std::uint32_t seed, std::uint32_t x, std::uint32_t y) {
    return 0xff000000u | (seed & 0xffu) << 16 | (y & 0xffu) << 8 | (x & 0xffu);
}

VkSwapchainCreateInfoKHR swapchain_info(VkSurfaceKHR surface, std::uint32_t width,
                                        std::uint32_t height, std::uint32_t images = 3);

// What an app uses for one frame. Kept until the end: nothing waits for the GPU in between.
struct FrameObjects {
    VkSemaphore acquired = VK_NULL_HANDLE;
    VkSemaphore rendered = VK_NULL_HANDLE;
    VkBuffer buffer = VK_NULL_HANDLE;
    VkDeviceMemory memory = VK_NULL_HANDLE;
    VkCommandBuffer commands = VK_NULL_HANDLE;
};

// A swapchain and what is drawn into it.
class Swap {
  public:
    Swap(App& app, const VkSwapchainCreateInfoKHR& info);
    ~Swap();
    Swap(const Swap&) = delete;
    Swap& operator=(const Swap&) = delete;

    // Acquires, draws the picture `seed` and leaves the image ready to be presented. `frame` is
    // valid until the end.
    VkResult draw(std::uint32_t seed, std::uint32_t& index, FrameObjects& frame,
                  std::uint64_t timeout = UINT64_MAX);
    VkResult present(std::uint32_t index, const FrameObjects& frame);
    // VK_KHR_shared_presentable_image: once, then draws as often as it likes. `presented`: a
    // present of `frame` follows, and waits for it.
    VkResult acquire_shared(FrameObjects& frame);
    VkResult draw_shared(std::uint32_t seed, FrameObjects& frame, bool presented);
    // All of it. The worst of both results that is not an error of drawing.
    VkResult show(std::uint32_t seed);
    void destroy();
    void drop_frames();  // what was used for them; at the end at the latest
    void forget();       // its device has gone

    App& app;
    VkResult created = VK_ERROR_UNKNOWN;
    VkSwapchainKHR handle = VK_NULL_HANDLE;
    VkExtent2D extent{};
    std::vector<VkImage> images;
    // Held for each use of the queue by an app that uses it from several threads.
    std::mutex* queue_mutex = nullptr;

  private:
    std::unique_lock<std::mutex> lock_queue() const {
        return queue_mutex ? std::unique_lock(*queue_mutex) : std::unique_lock<std::mutex>();
    }
    FrameObjects make_frame(std::uint32_t seed);
    void record(const FrameObjects& frame, VkImage image, VkImageLayout before, VkImageLayout drawn,
                VkImageLayout after) const;
    VkResult submit(const FrameObjects& frame, bool waits, bool signals);
    std::vector<FrameObjects> frames_;
};

// The number of pixels of `pixels` that are not those of picture `seed`.
std::size_t wrong_pixels(const std::vector<std::uint32_t>& pixels, std::uint32_t width,
                         std::uint32_t height, std::uint32_t seed);

}  // namespace vdmabuf::test
