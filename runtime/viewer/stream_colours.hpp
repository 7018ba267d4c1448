// SPDX-License-Identifier: MIT
#pragma once

#include <atomic>
#include <mutex>

#include "runtime/common/colour_space.hpp"
#include "runtime/common/stream_messages.hpp"
#include "runtime/consumer/image_layout.hpp"

namespace vdmabuf::viewer {

// What a stream's pictures were graded for, and how its output shows their colours. Shared by the
// loop's thread and those that draw; asked only by frames that are not sRGB.
class StreamColours {
  public:
    void set_metadata(const stream::HdrMetadata& metadata) {
        const std::lock_guard lock(mutex_);
        metadata_ = metadata;
    }
    stream::HdrMetadata metadata() const {
        const std::lock_guard lock(mutex_);
        return metadata_;
    }

    // By the output, before it says that a frame was shown.
    void set_shown(stream::ColourShown shown) { shown_ = shown; }
    stream::ColourShown shown() const { return shown_; }

  private:
    mutable std::mutex mutex_;
    stream::HdrMetadata metadata_{};
    std::atomic<stream::ColourShown> shown_{stream::ColourShown::unknown};
};

// How outputs show a picture's colours that have no display, or one of sRGB.
inline stream::ColourShown shown_without_display(const consumer::ImageLayout& layout) {
    return layout.colour_space == stream::ColourSpace::srgb_nonlinear
               ? stream::ColourShown::native
               : stream::ColourShown::converted;
}

}  // namespace vdmabuf::viewer
