// SPDX-License-Identifier: MIT
// What stands behind a window surface: a surface of the real vendor, whose framebuffer 0 the app
// draws into, and the way of its frames into pages that the host is shown. One for each strategy.
#pragma once

#include <memory>
#include <optional>
#include <span>

#include "egl/egl.hpp"
#include "runtime/producer/connection.hpp"
#include "runtime/window/extent.hpp"

namespace vdmabuf::egl {

// Used by the thread that the surface is current in, but for released() and end().
class Backing {
  public:
    virtual ~Backing() = default;
    // Where frames go. Called once; false: without it there is nothing.
    virtual void attach(producer::Connection& connection, producer::Stream& stream,
                        producer::StreamListener& listener) = 0;

    virtual EGLSurface surface() const noexcept = 0;
    // Puts a surface of this size in place of the one that there is, which lives until drop_old().
    // False: the old one stays.
    virtual bool resize(window::Extent extent) noexcept = 0;
    virtual void drop_old() noexcept = 0;
    virtual void context_changed() noexcept {}
    // The surface is linear in place of the sRGB that the app wants: frames are encoded.
    virtual bool encodes_srgb() const noexcept { return false; }
    // Age in frames of what is drawn into now (EGL_EXT_buffer_age).
    virtual EGLint buffer_age() noexcept = 0;

    enum class Outcome {
        frame,
        lost,       // the app goes on
        no_memory,  // EGL_BAD_ALLOC
    };
    // Makes what was drawn a frame: its slot, its bytes, and the fence that it needs.
    virtual Outcome finish(window::Extent extent, std::span<const stream::Rect> damage,
                           producer::FrameInfo& frame, UniqueFd& fence) = 0;
    // The frame is the host's now, or, `sent` being false, was not taken.
    virtual void handed_over(std::uint32_t slot, bool sent) noexcept = 0;

    // Where the frame in this slot lies, as long as it does; nothing when it does not.
    struct Memory {
        std::shared_ptr<producer::Buffer> buffer;
        producer::ImageInfo info;
    };
    virtual std::optional<Memory> memory_of(std::uint32_t slot) = 0;

    // The host is done with a slot. Any thread.
    virtual void released(std::uint32_t slot) noexcept = 0;
    // The window has gone: nobody waits any more. Any thread.
    virtual void end() noexcept = 0;
    // Takes all images back from the host; the stream is not used after that.
    virtual void forget() noexcept = 0;
};

}  // namespace vdmabuf::egl
