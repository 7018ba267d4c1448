// SPDX-License-Identifier: MIT
// The half of a present that comes after vkQueuePresentKHR has returned: a thread of a swapchain
// waits for the GPU, does what the strategy leaves to the CPU, and hands the frame to the host.
#pragma once

#include <array>
#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <mutex>
#include <vector>

#include "layer/image_strategy.hpp"
#include "layer/present_log.hpp"
#include "layer/ring.hpp"
#include "layer/timing_queue.hpp"
#include "runtime/common/clock.hpp"
#include "runtime/window/thread.hpp"

namespace vdmabuf::layer {

// How long destroying a swapchain waits for presents that the GPU has not done. Apps may destroy it
// as soon as their own work is done, so this is short on any GPU that is alive.
constexpr std::uint64_t kGpuStopNs = 5 * kNsPerSecond;

struct Damage {
    std::uint32_t count = 0;  // 0: everything
    std::array<stream::Rect, stream::kMaxDamage> rects;
};

struct PresentJob {
    std::uint32_t index = 0;  // of the image
    std::uint64_t called_ns = 0;
    stream::PresentMode mode = stream::PresentMode::fifo;
    std::uint64_t id = 0;  // VK_KHR_present_id; 0: none
    Damage damage;
    bool again = false;        // and from then on as often as a screen is refreshed
    bool with_fence = false;   // the host's side waits for the GPU
    std::uint64_t ticket = 0;  // of the TimingQueue; 0: none
    PresentTarget target{};
};

class PresentWorker {
  public:
    class Owner {
      public:
        // The image may be rendered to again.
        virtual void free_image(std::uint32_t index) noexcept = 0;
        virtual void device_lost() noexcept = 0;
        // Pushes a job like the last one. False: no more of them.
        virtual bool refresh() noexcept = 0;
        // Hands the frame over with a SYNC_FD of its submit. False: there is none to be had.
        virtual bool send_with_fence(const PresentJob& job) noexcept = 0;
        // The host has the frame, under this number.
        virtual void handed_over(const PresentJob& job, std::uint64_t serial) noexcept = 0;
        // After each job.
        virtual void upkeep() noexcept = 0;

      protected:
        ~Owner() = default;
    };
    // An image of the swapchain. The fence is that of the submit at present; the worker resets it.
    struct Target {
        SharedImage* shared = nullptr;
        VkFence fence = VK_NULL_HANDLE;
        std::uint32_t slot = 0;  // of the stream
    };

    // `stream` is null when nobody sees the frames. `at_once`: what is handed over is free, and the
    // host need not let go of it.
    // `timings` may be null.
    PresentWorker(const Device& device, producer::Stream* stream, std::vector<Target> targets,
                  Owner& owner, PresentLog& log, TimingQueue* timings, bool at_once = false);
    ~PresentWorker() { (void)stop(); }
    PresentWorker(const PresentWorker&) = delete;
    PresentWorker& operator=(const PresentWorker&) = delete;

    void start();  // throws std::system_error when there are no more threads
    // Never more jobs than images: does not allocate.
    void push(const PresentJob& job) noexcept;
    // Hands over what is left, and ends the thread. False when the GPU did not finish in time: the
    // objects of the swapchain must be left to it.
    bool stop() noexcept;

  private:
    void run();
    bool wait_for_gpu(VkFence fence);
    void hand_over(PresentJob job);
    void wait_for_target(PresentJob& job);
    bool last_shown(std::uint64_t& shown_ns);
    void pace_unseen(const PresentJob& job);

    const Device& device_;
    producer::Stream* const stream_;
    const std::vector<Target> targets_;
    Owner& owner_;
    PresentLog& log_;
    TimingQueue* const timings_;
    const bool at_once_;

    // Held for a few instructions.
    std::mutex mutex_;
    std::condition_variable work_;
    Ring<PresentJob> jobs_;
    bool stopping_ = false;
    std::uint64_t stop_deadline_ns_ = 0;

    std::atomic<bool> stuck_{false};
    // Of the thread alone.
    std::uint32_t unseen_shown_ = UINT32_MAX;
    std::uint64_t unseen_next_ns_ = 0;
    bool refreshes_ = false;
    std::uint64_t next_refresh_ns_ = 0;

    window::Thread thread_;
};

}  // namespace vdmabuf::layer
