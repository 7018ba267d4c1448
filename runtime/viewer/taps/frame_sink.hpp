// SPDX-License-Identifier: MIT
// Where copies of a stream's frames go beside its window: a file, other programs.
#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "runtime/consumer/gpu/memory.hpp"
#include "runtime/consumer/image_layout.hpp"
#include "runtime/viewer/output.hpp"

namespace vdmabuf::viewer {

// A frame that the GPU has copied to memory of ours: rows of layout.row_bytes() without gaps.
struct FrameCopy {
    gpu::HostBuffer buffer;
    consumer::ImageLayout layout;
    std::uint64_t time_ns = 0;  // when it was shown, CLOCK_MONOTONIC

    const std::uint8_t* bytes() const {
        return reinterpret_cast<const std::uint8_t*>(buffer.bytes);
    }
};

// One stream's. It ends with the stream's window.
class FrameSink {
  public:
    virtual ~FrameSink() = default;
    // Whether the next frame is of use, so that none is copied for nobody. The loop's thread.
    virtual bool wants_frames() const = 0;
    // Shown just now, or wished for. True: the sink takes the frame as it is, by its dmabuf, and
    // needs no copy. It keeps `hold` while anybody reads it: so long the app does not get it back,
    // within the broker's patience. The loop's thread.
    virtual bool take_image(const std::shared_ptr<consumer::ImportedImage>& /*image*/,
                            std::uint64_t /*time_ns*/, std::shared_ptr<void> /*hold*/) {
        return false;
    }
    // Any thread; returns at once. There are few copies at a time (FrameCopier), and while a sink
    // keeps all of them, frames are left out.
    virtual void take(std::shared_ptr<const FrameCopy> frame) = 0;
    // A frame was not copied, as all copies were in use.
    virtual void left_out() {}
    // The loop's thread.
    virtual void set_title(const std::string& /*title*/) {}
    // Set before the first frame; a sink calls it, from any thread, when it wants the frame that is
    // shown now, although it is not new.
    virtual void on_wish(std::function<void()> /*wish*/) {}
};

class FrameSinkFactory {
  public:
    virtual ~FrameSinkFactory() = default;
    virtual Result<std::unique_ptr<FrameSink>> make(const OutputInfo& info) = 0;
    // Something that was asked for was not done; it has been said in the log.
    virtual bool has_failed() const = 0;
};

}  // namespace vdmabuf::viewer
