// SPDX-License-Identifier: MIT
#pragma once

#include <cstdint>
#include <deque>
#include <utility>

namespace vdmabuf::viewer {

using Size = std::pair<std::uint32_t, std::uint32_t>;

// Tells the two directions of resizing apart: the user sizes the window and the app follows some
// frames later, or the app changes its size and the window follows. Not thread-safe.
class SizeWishes {
  public:
    // The window has a new size. True: the app should be asked to follow.
    bool window_resized(Size size) {
        if (size == frame_) return false;  // the window followed, or went back
        if (!asked_.empty() && asked_.back() == size) return false;
        asked_.push_back(size);
        if (asked_.size() > kKept) asked_.pop_front();
        return true;
    }

    // A frame has come. True: its size is the app's own idea, and the window should follow.
    bool frame_resized(Size size) {
        if (size == frame_) return false;
        frame_ = size;
        while (!asked_.empty()) {
            const bool answer = asked_.front() == size;
            const bool in_queue = answer || contains(size);
            if (!in_queue) {
                asked_.clear();
                return true;
            }
            asked_.pop_front();
            if (answer) return false;
        }
        return true;
    }

  private:
    static constexpr std::size_t kKept = 64;
    bool contains(Size size) const {
        for (const Size& each : asked_) {
            if (each == size) return true;
        }
        return false;
    }
    Size frame_{0, 0};
    std::deque<Size> asked_;  // oldest first, not answered yet
};

}  // namespace vdmabuf::viewer
