// SPDX-License-Identifier: MIT
// The pages of a window's frames: a few images that the host is shown in turn.
#pragma once

#include <array>
#include <condition_variable>
#include <memory>
#include <mutex>
#include <span>

#include "runtime/producer/connection.hpp"
#include "runtime/window/extent.hpp"

namespace vdmabuf::egl {

// How pixels lie in an image.
struct PixelLayout {
    std::uint32_t fourcc = 0;
    std::uint32_t bytes_per_pixel = 4;
    bool any_pitch = false;  // rows may lie further apart than they are long
    bool from_below = true;  // the first row is the lowest one
    stream::Strategy strategy = stream::Strategy::cpu_copy;
    bool operator==(const PixelLayout&) const = default;
};

// Rows of an image, from below.
struct Rows {
    std::uint32_t first = 0;
    std::uint32_t count = 0;
    // The fewest rows that have those of both in them.
    void add(Rows other);
};

class FramePages {
  public:
    static constexpr std::uint32_t kCount = 3;  // shown, waiting, being written

    struct Page {
        std::byte* pixels = nullptr;  // null: there is none
        std::uint64_t pitch = 0;
        std::uint32_t slot = 0;
        Rows rows;  // those that are not what the last frame has there
    };

    // `listener` is told of releases, and hands them to released().
    FramePages(producer::Connection& connection, producer::Stream& stream,
               producer::StreamListener& listener)
        : connection_(connection), stream_(stream), listener_(listener) {}
    ~FramePages() { forget(); }
    FramePages(const FramePages&) = delete;
    FramePages& operator=(const FramePages&) = delete;

    // Makes images of this size and layout where there are not; false: there is no memory.
    bool fit(window::Extent extent, const PixelLayout& layout);
    // A page that nobody reads, waiting for the host, which the producer library stands in for when
    // it does not answer. The page's pixels are null when none came free. `damage`: where this
    // frame is not what the last one was; nothing: anywhere.
    Page take(std::span<const stream::Rect> damage);
    void give_back(std::uint32_t slot) noexcept { released(slot); }
    void released(std::uint32_t slot) noexcept;
    // Null when there is no such image now.
    std::shared_ptr<producer::Buffer> buffer_of(std::uint32_t slot);
    const producer::ImageInfo& info() const { return info_; }  // of each
    // Takes all images back from the host; the stream is not used after that.
    void forget() noexcept;
    // No more waiting: the window has gone.
    void end() noexcept;

  private:
    struct Image {
        std::shared_ptr<producer::Buffer> buffer;
        std::uint32_t slot = 0;
        bool free = true;
        Rows stale;  // since it was written
    };
    producer::Connection& connection_;
    producer::Stream& stream_;
    producer::StreamListener& listener_;
    window::Extent extent_;
    PixelLayout layout_;
    std::uint64_t pitch_ = 0;
    producer::ImageInfo info_;

    std::mutex mutex_;
    std::condition_variable freed_;
    std::array<Image, kCount> images_;
    std::uint32_t count_ = 0;
    bool ended_ = false;
};

}  // namespace vdmabuf::egl
