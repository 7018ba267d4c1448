// SPDX-License-Identifier: MIT
// The times of a swapchain's presents, for VK_EXT_present_timing: kept until the app asks for them.
#pragma once

#include <condition_variable>
#include <cstdint>
#include <mutex>
#include <vector>

#include "layer/ring.hpp"
#include "layer/vulkan.hpp"

namespace vdmabuf::layer {

// Vulkan's VkPresentStageFlagBitsEXT, which not all headers have.
enum PresentStage : std::uint32_t {
    kStageGpuDone = 1u << 0,
    kStageDequeued = 1u << 1,
    kStagePixelOut = 1u << 2,
    kStagePixelVisible = 1u << 3,
};
constexpr std::uint32_t kAllStages =
    kStageGpuDone | kStageDequeued | kStagePixelOut | kStagePixelVisible;

// VK_ERROR_PRESENT_TIMING_QUEUE_FULL_EXT, likewise.
constexpr auto kTimingQueueFull = static_cast<VkResult>(-1000208000);

// When an image is to be shown at the earliest; all 0: at once.
struct PresentTarget {
    std::uint64_t ns = 0;  // CLOCK_MONOTONIC, or since the present before was shown
    bool relative = false;
    bool nearest = false;  // up to half a refresh earlier
};

struct PresentTiming {
    std::uint64_t id = 0;      // the app's
    std::uint64_t domain = 0;  // likewise
    std::uint32_t stages = 0;  // PresentStage: whose times are wanted
    PresentTarget target;
};

// With it meet the threads of PresentLog. A lock is held for a few instructions for each present;
// nothing allocates but resize().
class TimingQueue {
  public:
    struct Result {
        PresentTiming what;
        std::uint64_t gpu_done_ns = 0;  // 0: not known, or not yet
        std::uint64_t shown_ns = 0;     // left for the display; 0: never did, or not yet
        bool complete = false;
    };

    // VK_NOT_READY: more results are there than that, or on their way.
    VkResult resize(std::uint32_t size);

    // A place for the times of a present. 0: there is none.
    std::uint64_t reserve(const PresentTiming& what) noexcept;
    void withdraw(std::uint64_t ticket) noexcept;  // there was no such present

    // Of all presents; with ticket 0, of those whose times nobody wants. PRESENTED may have been
    // here before. `not_before_ns`: the host was told to wait that long.
    void handed_over(std::uint64_t ticket, std::uint64_t serial, std::uint32_t slot,
                     std::uint64_t not_before_ns) noexcept;
    void gpu_done(std::uint64_t ticket, std::uint64_t time_ns) noexcept;
    void finished(std::uint64_t ticket) noexcept;  // without a host

    // The frame's slot, if somebody has still to say when the GPU was done with it.
    static constexpr std::uint32_t kNoSlot = UINT32_MAX;
    std::uint32_t slot_without_gpu_time(std::uint64_t serial) noexcept;
    void gpu_done_of(std::uint64_t serial, std::uint64_t time_ns) noexcept;
    // By the host. `shown_ns` 0: it was not. Of the same serial again: nothing.
    void reported(std::uint64_t serial, std::uint64_t shown_ns, std::uint64_t refresh_ns) noexcept;

    // When the newest of the presents that were handed over was shown, or the newest before it that
    // was; 0: none ever. False: it is not over after that time.
    bool last_shown(std::uint64_t timeout_ns, std::uint64_t& shown_ns) noexcept;

    // Which results an app gets: in the order of the presents, up to the first that is not
    // complete.
    struct Wanted {
        bool out_of_order = false;  // later ones too
        bool partial = false;       // and what has some time that was not told yet
    };
    std::uint32_t available(const Wanted& wanted) noexcept;
    // Calls visit(result) for the first `room` of them; complete ones go. True: there are more.
    template <typename Visit>
    bool collect(const Wanted& wanted, std::uint32_t room, Visit&& visit) {
        const std::lock_guard lock(mutex_);
        bool more = false;
        for_each_available(wanted, [&](Entry& entry) {
            if (room == 0) {
                more = true;
                return;
            }
            --room;
            visit(static_cast<const Result&>(entry.result));
            entry.told = true;
            entry.gone = entry.result.complete;
        });
        std::erase_if(entries_, [](const Entry& entry) { return entry.gone; });
        return more;
    }

    void set_refresh(std::uint64_t ns) noexcept;
    // 0: not known yet. The counter grows with each change.
    std::uint64_t refresh_ns(std::uint64_t* counter = nullptr) const noexcept;

  private:
    struct Entry {
        Result result;
        std::uint64_t ticket = 0;
        std::uint64_t serial = 0;  // 0: not handed over
        std::uint64_t give_up_ns = UINT64_MAX;
        std::uint32_t slot = kNoSlot;
        bool settled = false;  // shown, or never will be
        bool told = false;     // all that is known
        bool gone = false;
    };
    struct Report {
        std::uint64_t serial = 0;
        std::uint64_t shown_ns = 0;
    };
    static constexpr std::size_t kEarlyReports = 16;

    Entry* by_ticket(std::uint64_t ticket) noexcept;
    Entry* by_serial(std::uint64_t serial) noexcept;
    static void settle(Entry& entry, std::uint64_t shown_ns) noexcept;
    static void complete(Entry& entry) noexcept;
    void give_up_old() noexcept;
    void note_refresh(std::uint64_t ns) noexcept;
    template <typename Visit>
    void for_each_available(const Wanted& wanted, Visit&& visit) {
        give_up_old();
        for (Entry& entry : entries_) {
            const Result& result = entry.result;
            if (result.complete || (wanted.partial && result.gpu_done_ns != 0 && !entry.told)) {
                visit(entry);
            }
            if (!result.complete && !wanted.out_of_order) break;
        }
    }

    mutable std::mutex mutex_;
    std::condition_variable changed_;
    std::vector<Entry> entries_;  // in the order of the presents; never more than room_
    std::uint32_t room_ = 0;
    std::uint64_t last_ticket_ = 0;
    // Of frames that nobody has handed over as far as is known here.
    Ring<Report> early_{kEarlyReports};

    std::uint64_t last_serial_ = 0;  // handed over
    std::uint64_t last_give_up_ns_ = 0;
    bool last_settled_ = true;
    std::uint64_t shown_ns_ = 0;  // of the newest that was shown

    std::uint64_t refresh_ns_ = 0;
    std::uint64_t refresh_counter_ = 1;
};

}  // namespace vdmabuf::layer
