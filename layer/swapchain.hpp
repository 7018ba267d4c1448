// SPDX-License-Identifier: MIT
#pragma once

#include <array>
#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <span>
#include <unordered_map>
#include <vector>

#include "layer/image_strategy.hpp"
#include "layer/modifier_watch.hpp"
#include "layer/present_sync.hpp"
#include "layer/present_worker.hpp"
#include "layer/ring.hpp"
#include "layer/surface.hpp"

namespace vdmabuf::layer {

// Semaphores that a present waits for: once, by whatever is submitted first (Vulkan,
// "vkQueuePresentKHR").
struct PresentWaits {
    const VkSemaphore* semaphores = nullptr;
    std::uint32_t count = 0;
    VkSemaphore signal = VK_NULL_HANDLE;  // signalled by the submit that waits
    bool done = false;
};

// What is submitted at a present, after the waits; each may be null.
struct PresentSubmit {
    VkCommandBuffer commands = VK_NULL_HANDLE;
    VkFence fence = VK_NULL_HANDLE;          // signalled when it is done
    VkSemaphore semaphore = VK_NULL_HANDLE;  // likewise
};
VkResult submit(const Device& device, Queue& queue, const PresentSubmit& what, PresentWaits& waits);

// A swapchain of the layer. The app's calls are synchronised by the app (Vulkan marks the swapchain
// as externally synchronised); with them meet the present worker, which waits for the GPU and hands
// frames to the host, and the connection's reader thread, which says when images are free.
class Swapchain final : public producer::StreamListener, private PresentWorker::Owner {
  public:
    static VkResult create(Device& device, std::shared_ptr<Surface> surface,
                           const VkSwapchainCreateInfoKHR& info, std::unique_ptr<Swapchain>& out);
    ~Swapchain() override;
    Swapchain(const Swapchain&) = delete;
    Swapchain& operator=(const Swapchain&) = delete;

    const std::vector<VkImage>& image_handles() const { return handles_; }
    VkResult create_alias(const VkAllocationCallbacks* allocator, VkImage* image) const;
    VkResult bind_alias(VkImage image, std::uint32_t index) const;

    // No more images for the app; those that it has it may still present, in vain.
    void retire();
    // VK_KHR_shared_presentable_image.
    VkResult status();
    // Images that the app has and will not present.
    VkResult release(std::span<const std::uint32_t> indices);

    // Takes a free image. VK_SUCCESS, VK_SUBOPTIMAL_KHR, or why there is none.
    VkResult take(std::uint64_t timeout_ns, std::uint32_t& index);
    // Undoes take(): what the app waits for could not be signalled.
    void give_back(std::uint32_t index);

    struct Present {
        std::uint32_t index = 0;
        std::uint64_t id = 0;                    // 0: none
        const VkPresentModeKHR* mode = nullptr;  // null: as before
        Damage damage;
        const PresentTiming* timing = nullptr;  // null: none
    };
    // One present of the app: performs the waits, unless they are done, and sends the image on its
    // way. A failed present leaves the waits to be done by somebody else.
    VkResult present(Queue& queue, const Present& what, PresentWaits& waits);
    // A semaphore for the driver's presents in the same call; see present.cpp. Null: out of memory.
    VkSemaphore relay(std::uint32_t index);

    // The surface's window has gone: waiting for an image is over.
    void wake() noexcept;
    PresentLog& log() { return *log_; }
    // Of VK_SWAPCHAIN_CREATE_PRESENT_TIMING_BIT_EXT; else null.
    TimingQueue* timings() { return timings_ ? &*timings_ : nullptr; }
    void set_hdr(const stream::HdrMetadata& metadata);
    void set_refresh(std::uint64_t ns) noexcept;  // of the display that shows it

    void set_private_data(std::uint64_t slot, std::uint64_t data);
    std::uint64_t private_data(std::uint64_t slot);
    void forget_private_data(std::uint64_t slot);

    void on_release(std::uint32_t slot, std::uint64_t serial) override;
    // Told by the surface, of any frame of its stream.
    void on_presented(const stream::Presented& message) override;
    void on_configure(const stream::Configure&) override {}
    void on_close() override {}
    void on_lost() override {}

  private:
    enum class State { free, acquired, presented };
    // Of a swapchain that shares its image with the host, what one of several presents that are on
    // their way to the host needs: they all have the same image and slot.
    struct Image {
        std::shared_ptr<SharedImage> shared;
        OwnedFence fence;      // of the submit at present; reset by the worker, or by take()
        bool pending = false;  // the fence is for take() to wait for
        OwnedSemaphore done;   // of the same submit, to be exported as a SYNC_FD
        OwnedSemaphore relay;
        std::vector<VkCommandBuffer> commands;  // as Device::present_families()
        std::uint32_t slot = 0;                 // of the stream
        State state = State::free;
    };
    Swapchain(Device& device, std::shared_ptr<Surface> surface);
    VkResult init(const VkSwapchainCreateInfoKHR& info);
    VkResult choose_strategy(std::uint32_t count);
    VkResult create_images(std::uint32_t count);
    VkResult create_sync(Image& image);
    VkResult record_commands();
    VkResult announce();
    void forget_images();
    void withdraw_images();
    VkResult present_shared(Queue& queue, const Present& what, PresentWaits& waits);
    VkResult send_shared(Queue& queue, const PresentJob& job, PresentWaits& waits);
    bool take_timing(const Present& what, PresentJob& job) noexcept;
    void start_worker();
    void send(const PresentJob& job);
    VkResult state() const noexcept;  // with mutex_ held: why no image is to be had or presented
    VkCommandBuffer commands_for(const Image& image, std::uint32_t family) const;
    VkResult wait_for_gpu(Image& image, std::uint64_t deadline_ns);
    bool wait_for_all(std::uint64_t deadline_ns);
    bool suboptimal() const noexcept;

    void free_image(std::uint32_t index) noexcept override;
    void device_lost() noexcept override;
    bool refresh() noexcept override;
    void follow_window() noexcept;
    bool send_with_fence(const PresentJob& job) noexcept override;
    void handed_over(const PresentJob& job, std::uint64_t serial) noexcept override;
    void upkeep() noexcept override;

    Device& device_;
    const std::shared_ptr<Surface> surface_;
    producer::Stream* stream_ = nullptr;  // the surface's; null: nobody sees it
    VkExtent2D extent_{};
    VkPresentModeKHR mode_ = VK_PRESENT_MODE_FIFO_KHR;  // of the last present
    bool shares_image_ = false;                         // VK_KHR_shared_presentable_image
    std::atomic<Queue*> refresh_queue_{nullptr};        // of the last present
    stream::Scaling scaling_;
    ImageRequest request_;
    std::uint64_t formats_version_ = 0;  // as of which the host was asked
    ModifierWatch modifier_;
    const ImageStrategy* strategy_ = nullptr;
    // Of a present that goes with a fence the worker is told when there is no SYNC_FD to be had.
    std::atomic<PresentSync> sync_{PresentSync::worker};
    bool has_worker_ = false;  // of the app's thread
    std::vector<OwnedCommandPool> pools_;
    std::vector<Image> images_;
    std::vector<VkImage> handles_;
    std::array<std::uint8_t, stream::kMaxSlots> index_of_slot_{};
    bool announced_ = false;

    // What the threads share. Held for a few instructions, never during a call to somebody else.
    std::mutex mutex_;
    std::condition_variable image_free_;
    Ring<std::uint32_t> free_;
    std::uint32_t acquired_ = 0;
    bool retired_ = false;
    VkResult failure_ = VK_SUCCESS;  // VK_ERROR_DEVICE_LOST

    std::mutex private_mutex_;
    std::unordered_map<std::uint64_t, std::uint64_t> private_data_;

    std::optional<PresentLog> log_;
    std::optional<TimingQueue> timings_;
    std::optional<PresentWorker> worker_;
};

VKAPI_ATTR VkResult VKAPI_CALL CreateSwapchainKHR(VkDevice device,
                                                  const VkSwapchainCreateInfoKHR* info,
                                                  const VkAllocationCallbacks* allocator,
                                                  VkSwapchainKHR* swapchain) noexcept;
VKAPI_ATTR void VKAPI_CALL DestroySwapchainKHR(VkDevice device, VkSwapchainKHR swapchain,
                                               const VkAllocationCallbacks* allocator) noexcept;
VKAPI_ATTR VkResult VKAPI_CALL GetSwapchainImagesKHR(VkDevice device, VkSwapchainKHR swapchain,
                                                     std::uint32_t* count,
                                                     VkImage* images) noexcept;
VKAPI_ATTR VkResult VKAPI_CALL GetSwapchainStatusKHR(VkDevice device,
                                                     VkSwapchainKHR swapchain) noexcept;
VKAPI_ATTR VkResult VKAPI_CALL AcquireNextImageKHR(VkDevice device, VkSwapchainKHR swapchain,
                                                   std::uint64_t timeout, VkSemaphore semaphore,
                                                   VkFence fence, std::uint32_t* index) noexcept;
VKAPI_ATTR VkResult VKAPI_CALL AcquireNextImage2KHR(VkDevice device,
                                                    const VkAcquireNextImageInfoKHR* info,
                                                    std::uint32_t* index) noexcept;
VKAPI_ATTR VkResult VKAPI_CALL QueuePresentKHR(VkQueue queue,
                                               const VkPresentInfoKHR* info) noexcept;
VKAPI_ATTR VkResult VKAPI_CALL CreateImage(VkDevice device, const VkImageCreateInfo* info,
                                           const VkAllocationCallbacks* allocator,
                                           VkImage* image) noexcept;
VKAPI_ATTR VkResult VKAPI_CALL BindImageMemory2(VkDevice device, std::uint32_t count,
                                                const VkBindImageMemoryInfo* infos) noexcept;
VKAPI_ATTR VkResult VKAPI_CALL BindImageMemory2KHR(VkDevice device, std::uint32_t count,
                                                   const VkBindImageMemoryInfo* infos) noexcept;

}  // namespace vdmabuf::layer
