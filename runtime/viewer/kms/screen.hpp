// SPDX-License-Identifier: MIT
#pragma once

#include <xf86drmMode.h>

#include <cstdint>
#include <memory>
#include <string>

#include "runtime/common/cursor_messages.hpp"
#include "runtime/common/mapping.hpp"
#include "runtime/common/result.hpp"
#include "runtime/common/unique_fd.hpp"

namespace vdmabuf::viewer {

// A connector of a display controller with nobody between (KMS), in its preferred mode. What it
// showed before comes back at the end. One thread.
class Screen {
  public:
    // Memory that the controller reads: dumb (the CPU writes it), or a dmabuf of somebody's.
    class Framebuffer {
      public:
        ~Framebuffer();
        Framebuffer(const Framebuffer&) = delete;
        Framebuffer& operator=(const Framebuffer&) = delete;
        std::byte* pixels() const { return mapping_.bytes(); }  // dumb ones only; XRGB8888
        std::uint32_t pitch() const { return pitch_; }

      private:
        friend class Screen;
        explicit Framebuffer(int card) : card_(card) {}
        const int card_;
        std::uint32_t handle_ = 0;
        std::uint32_t id_ = 0;
        std::uint32_t pitch_ = 0;
        bool dumb_ = false;
        Mapping mapping_;
    };

    // `wanted`: a connector's name as in /sys/class/drm ("HDMI-A-1"); empty: the first one that
    // something is connected to, of all cards.
    static Result<std::unique_ptr<Screen>> open(const std::string& wanted);
    ~Screen();
    Screen(const Screen&) = delete;
    Screen& operator=(const Screen&) = delete;

    std::uint32_t width() const { return mode_.hdisplay; }
    std::uint32_t height() const { return mode_.vdisplay; }
    std::uint64_t refresh_ns() const;
    int fd() const { return card_.get(); }  // readable: see on_readable()

    Result<std::unique_ptr<Framebuffer>> make_dumb() const;
    // Of the screen's size. Fails where the controller cannot read such memory.
    Result<std::unique_ptr<Framebuffer>> import(int dmabuf, std::uint32_t fourcc,
                                                std::uint32_t offset, std::uint32_t pitch,
                                                std::uint64_t modifier) const;
    // The pointer's image, ARGB with colours multiplied by alpha, of at most the controller's size.
    // False: the controller has no cursor, or none that large.
    bool set_cursor(const cursor::Image& image);
    void hide_cursor();
    // The pixel that points is there.
    void move_cursor(std::int32_t x, std::int32_t y);

    // The card is another program's meanwhile; then ours again, and shows nothing of ours.
    void leave();
    Status enter();

    // Shows it from the next refresh on. True: on_readable() will say when; false: it is shown.
    Result<bool> show(const Framebuffer& framebuffer);
    // The time at which the last framebuffer came onto the screen, CLOCK_MONOTONIC; 0: not yet.
    std::uint64_t on_readable();

  private:
    Screen() = default;
    Status find(int card, const std::string& wanted);
    // Memory that the CPU writes, without a framebuffer.
    Result<std::unique_ptr<Framebuffer>> make_memory(std::uint32_t width,
                                                     std::uint32_t height) const;
    UniqueFd card_;
    std::uint32_t connector_ = 0;
    std::uint32_t crtc_ = 0;
    drmModeModeInfo mode_{};
    drmModeCrtc* before_ = nullptr;
    bool set_ = false;  // the mode is
    std::unique_ptr<Framebuffer> cursor_;
    std::uint32_t cursor_width_ = 0;  // of the controller's; 0: not asked yet
    std::uint32_t cursor_height_ = 0;
    bool no_cursor_ = false;
    bool cursor_shown_ = false;
    std::int32_t hot_x_ = 0;
    std::int32_t hot_y_ = 0;
    std::int32_t cursor_x_ = 0;
    std::int32_t cursor_y_ = 0;
};

}  // namespace vdmabuf::viewer
