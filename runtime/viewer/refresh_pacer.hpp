// SPDX-License-Identifier: MIT
#pragma once

#include <cstdint>

namespace vdmabuf::viewer {

// Says when a frame counts as shown. Where presenting waits for the display, that is at once; some
// drivers and displays (lavapipe, Xvfb) never wait, and apps would run as fast as they can: there
// frames are told of at the display's rate.
class RefreshPacer {
  public:
    // `always`: at this rate, whatever presenting does. `refresh_ns` 0: never wait.
    RefreshPacer(std::uint64_t refresh_ns, bool always)
        : refresh_ns_(refresh_ns), throttles_(always), always_(always) {}

    std::uint64_t refresh_ns() const { return refresh_ns_; }

    // A frame was handed to the display at `now_ns`; the time at which it counts as shown.
    std::uint64_t shown_at(std::uint64_t now_ns) {
        if (refresh_ns_ == 0) return now_ns;
        if (now_ns - handed_ns_ < refresh_ns_ / 2) {
            if (++early_ >= kEarlyFrames) throttles_ = true;
        } else if (!throttles_) {
            early_ = 0;
        }
        handed_ns_ = now_ns;
        // A grid that goes on where it was, unless the stream has paused.
        const std::uint64_t next = shown_ns_ + refresh_ns_;
        shown_ns_ = throttles_ && next > now_ns ? next : now_ns;
        return shown_ns_;
    }

    // A frame was shown at `time_ns`, as the display itself says; what shown_at() answers then.
    std::uint64_t told_at(std::uint64_t time_ns) {
        if (always_) return shown_at(time_ns);
        reset();
        handed_ns_ = shown_ns_ = time_ns;
        return time_ns;
    }

    // The display has changed: look again.
    void reset() {
        throttles_ = always_;
        early_ = 0;
    }

  private:
    static constexpr int kEarlyFrames = 4;
    std::uint64_t refresh_ns_;
    bool throttles_;
    const bool always_;
    int early_ = 0;  // in a row
    std::uint64_t handed_ns_ = 0;
    std::uint64_t shown_ns_ = 0;
};

}  // namespace vdmabuf::viewer
