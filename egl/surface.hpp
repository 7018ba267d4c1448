// SPDX-License-Identifier: MIT
// A window surface of the app: a stream to the host, and what stands behind it at the real vendor.
#pragma once

#include <atomic>
#include <memory>
#include <mutex>
#include <span>
#include <string>

#include "egl/backing.hpp"
#include "egl/host_events.hpp"
#include "egl/native_window.hpp"
#include "runtime/window/x11_pixmap.hpp"

namespace vdmabuf::egl {

class WindowSurface final : public producer::StreamListener,
                            public std::enable_shared_from_this<WindowSurface> {
  public:
    // Null, with an EGL error, when there can be none.
    // `title` and `app_id`: empty where the app says none.
    static std::shared_ptr<WindowSurface> create(std::unique_ptr<NativeWindow> window,
                                                 std::unique_ptr<Backing> backing,
                                                 std::string title, const std::string& app_id,
                                                 EGLint& error);
    // A pbuffer: it has no window, and swapping does nothing.
    static std::shared_ptr<WindowSurface> create_unseen(window::Extent extent,
                                                        std::unique_ptr<Backing> backing,
                                                        EGLint& error);
    // A pixmap's: a pbuffer whose colours the pixmap gets with flush_to_pixmap().
    static std::shared_ptr<WindowSurface> create_for_pixmap(
        std::unique_ptr<window::X11Pixmap> pixmap, std::unique_ptr<Backing> backing, EGLint& error);
    ~WindowSurface() override;

    EGLSurface handle() const noexcept { return handle_; }
    // A pbuffer that is shown keeps the vendor's handle. Before anybody else knows it.
    void known_as(EGLSurface handle) noexcept { handle_ = handle; }
    EGLSurface below() const noexcept { return backing_->surface(); }  // the vendor's
    const void* window_identity() const noexcept { return window_->identity(); }
    window::Extent extent() const noexcept;
    // In frames (EGL_EXT_buffer_age); for the thread that it is current in.
    EGLint buffer_age() noexcept {
        age_read_ = true;
        return backing_->buffer_age();
    }
    // EGL_KHR_partial_update's damage region, of the same thread: once a frame, when the age has
    // been read. An EGL error.
    EGLint set_damage_region() noexcept;
    bool encodes_srgb() const noexcept { return backing_->encodes_srgb(); }

    // Brings what is drawn into to the window's size, where it is current or nowhere.
    void follow_window(bool current) noexcept;
    // It became current, or is not current any more, in the calling thread.
    void bound() noexcept;
    void unbound() noexcept;
    // The app has destroyed it: the window ends on the host, and the rest when it is not current
    // any more.
    void destroy() noexcept;

    // Shows what was drawn, when the borrowed `fence` has signalled (-1: at once). It is the
    // calling thread's draw surface. `serial`: 0 when the frame was lost. An EGL error.
    EGLint swap(std::span<const stream::Rect> damage, int fence, std::uint64_t& serial) noexcept;
    // Of pixmaps alone. It is the calling thread's draw surface.
    bool is_pixmap() const noexcept { return pixmap_ != nullptr; }
    void flush_to_pixmap() noexcept;
    void set_interval(EGLint interval) noexcept { interval_.store(interval); }

    // EGL_VDMABUF_host_window; any thread, but for last_frame(): as swap().
    HostEvents& host() noexcept { return host_; }
    void set_title(const std::string& title);
    void set_cursor(const cursor::Image& image);
    void set_clipboard(const std::string& text);
    // False: the size is not the app's to say.
    bool set_extent(window::Extent extent) noexcept;
    EGLint last_frame(EGLHostFrameVDMABUF& out);

    EGLint swap_behaviour = EGL_BUFFER_DESTROYED;  // asked only: contents always stay
    bool post_sub_buffer = false;                  // likewise: as the app said when it made it

  private:
    WindowSurface(std::unique_ptr<NativeWindow> window, std::unique_ptr<Backing> backing);
    static std::shared_ptr<WindowSurface> create_unseen(std::unique_ptr<NativeWindow> window,
                                                        std::unique_ptr<window::X11Pixmap> pixmap,
                                                        std::unique_ptr<Backing> backing,
                                                        EGLint& error);
    bool resize(window::Extent extent) noexcept;
    EGLint show(std::span<const stream::Rect> damage, int fence, std::uint64_t& serial);
    void pace(producer::FrameInfo& frame);

    void on_release(std::uint32_t slot, std::uint64_t serial) override;
    void on_presented(const stream::Presented& message) override;
    void on_configure(const stream::Configure& message) override;
    void on_close() override;
    void on_input(std::span<const input::Event> events, std::uint32_t width,
                  std::uint32_t height) override;
    void on_clipboard(std::string text) override;
    void on_lost() override {}

    EGLSurface handle_ = this;
    const std::unique_ptr<NativeWindow> window_;
    const std::unique_ptr<Backing> backing_;
    std::unique_ptr<window::X11Pixmap> pixmap_;  // set once, when made
    std::shared_ptr<producer::Connection> connection_;
    // A surface may be destroyed while another thread shows it; nobody else wants this.
    std::mutex show_mutex_;
    std::mutex stream_mutex_;  // of the pointer; frames are shown without it
    std::unique_ptr<producer::Stream> stream_;
    std::atomic<std::uint64_t> extent_{0};  // of what is drawn into; width in the high half
    std::atomic<EGLint> interval_{1};
    std::atomic<std::uint64_t> refresh_ns_{0};
    std::uint64_t target_ns_ = 0;
    bool age_read_ = false;    // of this frame
    bool region_set_ = false;  // likewise
    HostEvents host_;
    std::uint64_t serial_ = 0;      // of the last frame
    std::uint32_t last_slot_ = 0;   // its slot
    window::Extent last_extent_{};  // its size
    std::atomic<bool> destroyed_{false};
    std::shared_ptr<WindowSurface> while_bound_;  // itself
    std::atomic<int> bindings_{0};                // draw and read, of one thread
};

}  // namespace vdmabuf::egl
