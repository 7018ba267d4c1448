// SPDX-License-Identifier: MIT
#pragma once

#include <pipewire/stream.h>

#include <cstdint>
#include <memory>
#include <vector>

#include "runtime/consumer/imported_image.hpp"

namespace vdmabuf::viewer {

// The images whose dmabufs a node of PipeWire hands out, one buffer of its pool for each. A pool
// cannot grow: it is made anew when an image comes that has no buffer. One thread at a time.
class SharedImages {
  public:
    // More than any app has; PipeWire's own limit is 64 buffers.
    static constexpr std::size_t kMost = 16;

    // Remembers the image of a frame, and forgets those that have gone. True: buffers are to be
    // negotiated anew.
    bool see(const std::shared_ptr<consumer::ImportedImage>& image);
    std::size_t count() const { return images_.size(); }
    void clear() { images_.clear(); }

    // PipeWire has made a buffer: it gets the dmabuf of an image that has none yet.
    void add(pw_buffer* buffer);
    void remove(pw_buffer* buffer);
    // Nobody has it any more. What held its frame back is let go.
    void came_back(pw_buffer* buffer);
    // The buffer of this image, if nobody has it; it is to be queued, and `hold` kept until it
    // comes back, or until so many are held that the app would have no image left to draw into:
    // then the oldest is let go. Null: there is none now.
    pw_buffer* give(const consumer::ImportedImage& image, std::shared_ptr<void> hold);
    std::size_t out() const;  // buffers that somebody has

  private:
    void let_oldest_go();
    struct Pooled {
        pw_buffer* buffer = nullptr;
        std::weak_ptr<consumer::ImportedImage> image;
        bool out = true;  // as it is before it has come for the first time
        std::shared_ptr<void> hold;
        std::uint64_t turn = 0;  // of give()
    };
    std::vector<std::weak_ptr<consumer::ImportedImage>> images_;
    std::vector<Pooled> pool_;
    std::uint64_t turn_ = 0;
};

}  // namespace vdmabuf::viewer
