// SPDX-License-Identifier: MIT
// What the host says of a window, for apps that ask (EGL_VDMABUF_host_window): what became of each
// frame, the size that is wished for, that somebody asked for its end.
#pragma once

#include <vdmabuf/egl.h>

#include <array>
#include <condition_variable>
#include <cstdint>
#include <mutex>

#include "runtime/common/stream_messages.hpp"
#include "runtime/window/extent.hpp"

namespace vdmabuf::egl {

// Told by the thread that shows frames and by the connection's reader; allocates nothing.
class HostEvents {
  public:
    // A frame goes out now. Its end may be told before this thread comes back from sending it.
    void frame(std::uint64_t serial) noexcept;
    // It was not sent after all.
    void unsent(std::uint64_t serial) noexcept { ended(serial, false, 0, 0); }

    void presented(const stream::Presented& message) noexcept;
    void released(std::uint64_t serial) noexcept;
    void configured(const stream::Configure& message) noexcept;
    void close() noexcept;
    // The window has gone: nobody waits any more.
    void end() noexcept;

    window::Extent wish() const noexcept;  // 0: none
    bool occluded() const noexcept;
    bool close_requested() const noexcept;

    // Type EGL_NONE when none came in time. False: the window has gone.
    bool next(std::uint64_t timeout_ns, EGLHostEventVDMABUF& event);

  private:
    static constexpr std::size_t kMaxEvents = 64;
    static constexpr std::size_t kMaxFrames = 64;  // a stream has no more slots

    void ended(std::uint64_t serial, bool shown, std::uint64_t time_ns,
               std::uint64_t refresh_ns) noexcept;
    void put(const EGLHostEventVDMABUF& event) noexcept;

    mutable std::mutex mutex_;
    std::condition_variable changed_;
    std::array<EGLHostEventVDMABUF, kMaxEvents> events_{};
    std::size_t first_ = 0;
    std::size_t count_ = 0;
    std::array<std::uint64_t, kMaxFrames> frames_{};  // on their way; 0: none
    stream::Configure configured_{};
    bool close_requested_ = false;
    bool ended_ = false;
};

}  // namespace vdmabuf::egl
