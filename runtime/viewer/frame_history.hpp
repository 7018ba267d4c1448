// SPDX-License-Identifier: MIT
#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

namespace vdmabuf::viewer {

// What happens to a frame on its way, in this order.
enum class Stage { called, gpu_done, sent, received, imported, drawn, shown };
constexpr std::size_t kStages = static_cast<std::size_t>(Stage::shown) + 1;

struct FrameSample {
    std::array<std::uint64_t, kStages> at{};  // CLOCK_MONOTONIC, ns; 0: not known
    std::uint64_t presented_count = 0;        // by the app so far, as the broker counts
    std::uint64_t copied_bytes = 0;           // by CPUs, on both sides

    std::uint64_t time(Stage stage) const { return at[static_cast<std::size_t>(stage)]; }
    std::uint64_t& time(Stage stage) { return at[static_cast<std::size_t>(stage)]; }
};

// What is said of a stream beside its times.
struct StreamFacts {
    std::string vm;
    std::string app;
    std::string path;    // import path
    std::string reason;  // of the path
    std::string strategy;
    std::string colours;  // colour space, and how it is shown
    std::uint64_t frames_received = 0;
    std::uint64_t frames_skipped = 0;  // the app presented a newer one before they could be sent
    std::uint64_t frames_failed = 0;   // could not be shown
};

// The newest frames of a stream, for whoever watches. Costs nothing while nobody does.
class FrameHistory {
  public:
    static constexpr std::size_t kKept = 512;

    void watch(bool on) { watched_ = on; }
    bool is_watched() const { return watched_; }

    // On the loop's thread.
    void add(const FrameSample& sample, const StreamFacts& facts);

    struct Snapshot {
        std::vector<FrameSample> samples;  // oldest first
        StreamFacts facts;
    };
    Snapshot newest() const;

  private:
    std::atomic<bool> watched_ = false;
    mutable std::mutex mutex_;
    std::vector<FrameSample> samples_;  // a ring, once it is full
    std::size_t next_ = 0;
    StreamFacts facts_;
};

}  // namespace vdmabuf::viewer
