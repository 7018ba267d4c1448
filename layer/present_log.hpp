// SPDX-License-Identifier: MIT
// What became of a swapchain's presents: for VK_KHR_present_wait and its second version.
#pragma once

#include <condition_variable>
#include <cstdint>
#include <mutex>

#include "layer/ring.hpp"
#include "layer/vulkan.hpp"

namespace vdmabuf::layer {

// Ids are the app's and grow; serials are the stream's. Any thread; a lock is held for a few
// instructions, and nothing here allocates but the constructor. With it meet the thread that
// presents, the present worker, the connection's reader, and any number of threads that wait.
class PresentLog {
  public:
    // A host that has said nothing of a frame for this long will not be waited for.
    static constexpr std::uint64_t kGiveUpNs = 1'000'000'000;

    explicit PresentLog(std::size_t images);

    void presented(std::uint64_t id) noexcept;  // by the app, successfully
    // By the worker. PRESENTED may have been here before. `not_before_ns`: the host was told to
    // wait that long.
    void handed_over(std::uint64_t id, std::uint64_t serial,
                     std::uint64_t not_before_ns = 0) noexcept;
    void shown(std::uint64_t serial) noexcept;  // or given up: that and all before
    void finished(std::uint64_t id) noexcept;   // without a host

    // From now on: what is not on its way will never come, and no wait is longer than that.
    void end(VkResult why) noexcept;
    void wake() noexcept;

    // VK_SUCCESS, VK_TIMEOUT, or why it will never come.
    VkResult wait(std::uint64_t id, std::uint64_t timeout_ns);

  private:
    struct Entry {
        std::uint64_t id = 0;
        std::uint64_t serial = 0;
        std::uint64_t handed_ns = 0;
    };
    void done(std::uint64_t id) noexcept;

    std::mutex mutex_;
    std::condition_variable changed_;
    Ring<Entry> pending_;             // handed over, oldest first
    std::uint64_t presented_id_ = 0;  // newest
    std::uint64_t done_id_ = 0;       // newest
    std::uint64_t shown_serial_ = 0;
    VkResult end_ = VK_SUCCESS;
};

VKAPI_ATTR VkResult VKAPI_CALL WaitForPresentKHR(VkDevice device, VkSwapchainKHR swapchain,
                                                 std::uint64_t id, std::uint64_t timeout) noexcept;
#ifdef VK_KHR_present_wait2
VKAPI_ATTR VkResult VKAPI_CALL WaitForPresent2KHR(VkDevice device, VkSwapchainKHR swapchain,
                                                  const VkPresentWait2InfoKHR* info) noexcept;
#endif

}  // namespace vdmabuf::layer
