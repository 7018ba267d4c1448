// SPDX-License-Identifier: MIT
// A window surface of the app: a stream to the host, and a pbuffer of the real vendor that the app
// draws into. At a swap its pixels are read into shared pages.
#pragma once

#include <atomic>
#include <memory>
#include <mutex>
#include <span>
#include <vector>

#include "egl/frame_pages.hpp"
#include "egl/native_window.hpp"
#include "egl/read_back.hpp"

namespace vdmabuf::egl {

class Display;

class WindowSurface final : public producer::StreamListener,
                            public std::enable_shared_from_this<WindowSurface> {
  public:
    // Null, with an EGL error, when there can be none. `attributes`: of the pbuffer, without an
    // end.
    static std::shared_ptr<WindowSurface> create(Display& display, EGLConfig config,
                                                 std::unique_ptr<NativeWindow> window,
                                                 std::vector<EGLint> attributes, EGLint& error);
    ~WindowSurface() override;

    EGLSurface handle() noexcept { return this; }
    EGLSurface pbuffer() const noexcept { return pbuffer_; }
    const void* window_identity() const noexcept { return window_->identity(); }
    window::Extent extent() const noexcept;
    // Age of what the pbuffer has in it, in frames (EGL_EXT_buffer_age).
    EGLint buffer_age() const noexcept { return age_.load(std::memory_order_relaxed); }

    // Brings the pbuffer to the window's size, where it is current or nowhere.
    void follow_window(bool current) noexcept;
    // It became current, or is not current any more, in the calling thread.
    void bound() noexcept;
    void unbound() noexcept;
    // The app has destroyed it: the window ends on the host, and the rest when it is not current
    // any more.
    void destroy() noexcept;

    // Shows what was drawn. It is the calling thread's draw surface. An EGL error.
    EGLint swap(std::span<const stream::Rect> damage) noexcept;
    void set_interval(EGLint interval) noexcept { interval_.store(interval); }

    EGLint swap_behaviour = EGL_BUFFER_DESTROYED;  // asked only: contents always stay

  private:
    WindowSurface(Display& display, EGLConfig config, std::unique_ptr<NativeWindow> window,
                  std::vector<EGLint> attributes);
    bool make_pbuffer(window::Extent extent) noexcept;
    EGLint show(std::span<const stream::Rect> damage);
    void pace(producer::FrameInfo& frame);

    void on_release(std::uint32_t slot, std::uint64_t serial) override;
    void on_presented(const stream::Presented& message) override;
    void on_configure(const stream::Configure& message) override;
    void on_close() override;
    void on_lost() override {}

    Display& display_;
    const EGLConfig config_;
    const std::unique_ptr<NativeWindow> window_;
    const std::vector<EGLint> attributes_;
    std::shared_ptr<producer::Connection> connection_;
    // A surface may be destroyed while another thread shows it; nobody else wants this.
    std::mutex show_mutex_;
    std::mutex stream_mutex_;  // of the pointer; frames are shown without it
    std::unique_ptr<producer::Stream> stream_;
    std::unique_ptr<FramePages> pages_;
    ReadBack read_back_;
    EGLSurface pbuffer_ = EGL_NO_SURFACE;
    std::atomic<std::uint64_t> extent_{0};  // of the pbuffer; width in the high half
    std::atomic<EGLint> age_{0};
    std::atomic<EGLint> interval_{1};
    std::atomic<std::uint64_t> refresh_ns_{0};
    std::uint64_t target_ns_ = 0;
    std::atomic<bool> destroyed_{false};
    std::shared_ptr<WindowSurface> while_bound_;  // itself
    int bindings_ = 0;                            // draw and read, of one thread
};

}  // namespace vdmabuf::egl
