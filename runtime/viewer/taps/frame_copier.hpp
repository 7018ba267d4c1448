// SPDX-License-Identifier: MIT
#pragma once

#include <condition_variable>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <thread>

#include "runtime/consumer/colour/colour_converter.hpp"
#include "runtime/consumer/gpu/commands.hpp"
#include "runtime/consumer/gpu/device.hpp"
#include "runtime/consumer/imported_image.hpp"
#include "runtime/viewer/stream_colours.hpp"
#include "runtime/viewer/taps/frame_sink.hpp"

namespace vdmabuf::viewer {

// Has the GPU copy frames of one stream, on a thread of its own, to a few buffers that go back and
// forth.
class FrameCopier {
  public:
    // On the copier's thread; null: it failed, or all copies are in use.
    using CopiedHandler = std::function<void(std::shared_ptr<const FrameCopy>)>;

    // `colours`: of the stream. What is not sRGB is brought to it.
    FrameCopier(std::shared_ptr<gpu::Device> device, std::shared_ptr<const StreamColours> colours,
                CopiedHandler copied);
    // How copies of such frames lie in memory.
    static consumer::ImageLayout layout_of_copy(const consumer::ImageLayout& frame);
    // Waits for the GPU's last copy.
    ~FrameCopier();
    FrameCopier(const FrameCopier&) = delete;
    FrameCopier& operator=(const FrameCopier&) = delete;

    // One at a time: the next when `copied` was called. The frame must stay as it is until then.
    void copy(std::shared_ptr<consumer::ImportedImage> image, std::uint64_t time_ns);

  private:
    class Pool;
    struct Job {
        std::shared_ptr<consumer::ImportedImage> image;
        std::uint64_t time_ns = 0;
    };
    void run();
    Result<std::shared_ptr<const FrameCopy>> do_copy(const Job& job);

    std::shared_ptr<gpu::Device> device_;
    const std::shared_ptr<const StreamColours> colours_;
    CopiedHandler copied_;
    std::shared_ptr<Pool> pool_;
    consumer::ColourConverter converter_;    // of the thread alone
    std::optional<gpu::Commands> commands_;  // of the thread alone
    bool broken_ = false;                    // likewise: the last one failed, and that was said

    std::mutex mutex_;
    std::condition_variable changed_;
    bool stop_ = false;
    std::optional<Job> next_;
    std::thread thread_;  // last: started when all else is there
};

}  // namespace vdmabuf::viewer
