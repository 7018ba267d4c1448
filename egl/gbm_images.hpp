// SPDX-License-Identifier: MIT
// The buffers of a gbm_surface, as images of a stream: each is announced once, when it is first
// shown.
#pragma once

#include <array>
#include <condition_variable>
#include <mutex>

#include "egl/gbm_library.hpp"
#include "runtime/producer/connection.hpp"

namespace vdmabuf::egl {

class GbmImages {
  public:
    GbmImages(const Gbm& gbm, producer::Connection& connection, producer::Stream& stream,
              producer::StreamListener& listener)
        : gbm_(gbm), connection_(connection), stream_(stream), listener_(listener) {}
    ~GbmImages() {
        forget_buffers();
        forget();
    }
    GbmImages(const GbmImages&) = delete;
    GbmImages& operator=(const GbmImages&) = delete;

    // The slot of a locked buffer, which is the host's from now on; an error where it cannot be
    // one. `fd` is the image's.
    struct Shown {
        std::uint32_t slot = 0;
        int fd = -1;
    };
    Result<Shown> show(gbm_bo* bo);
    // Null when there is no such image now; what it is like goes to `info`.
    std::shared_ptr<producer::Buffer> buffer_of(std::uint32_t slot, producer::ImageInfo& info);
    // Any thread.
    void released(std::uint32_t slot) noexcept;
    void end() noexcept;

    // Gives the buffers that the host is done with back to the surface, waiting for one when the
    // app would have none to draw into.
    void give_back(gbm_surface* surface) noexcept;
    // Their surface goes: buffers are not touched after that.
    void forget_buffers() noexcept;
    // Takes all images back from the host.
    void forget() noexcept;

  private:
    struct Image {
        gbm_bo* bo = nullptr;  // null: there is none
        std::shared_ptr<producer::Buffer> buffer;
        producer::ImageInfo info;
        std::uint32_t slot = 0;
        void* kept_map = nullptr;
        bool locked = false;  // not the surface's
        bool with_host = false;
        std::uint64_t shown = 0;  // when, in frames
    };
    // Mesa has four.
    static constexpr std::size_t kMost = 8;

    Status announce(Image& image, gbm_bo* bo);
    void return_released(gbm_surface* surface) noexcept;

    const Gbm& gbm_;
    producer::Connection& connection_;
    producer::Stream& stream_;
    producer::StreamListener& listener_;
    std::mutex mutex_;  // of `with_host` and `ended_`; all else is the drawing thread's
    std::condition_variable changed_;
    std::array<Image, kMost> images_;
    std::uint64_t frames_ = 0;
    bool ended_ = false;
};

}  // namespace vdmabuf::egl
