// SPDX-License-Identifier: MIT
#include "egl/surface.hpp"

#include <fcntl.h>

#include <algorithm>
#include <cerrno>
#include <utility>

#include "egl/current.hpp"
#include "egl/display.hpp"
#include "egl/fixed_window.hpp"
#include "egl/pixmap_copy.hpp"
#include "egl/real_vendor.hpp"
#include "runtime/common/clock.hpp"
#include "runtime/common/log.hpp"
#include "runtime/common/sync_file.hpp"
#include "runtime/producer/buffer_dmabuf.hpp"

namespace vdmabuf::egl {
namespace {

constexpr std::uint64_t kUnknownRefreshNs = kNsPerSecond / 60;

// Of X11's windows and pixmaps, whose numbers differ.
const void* identity_of(const window::X11Pixmap& pixmap) {
    return reinterpret_cast<const void*>(static_cast<std::uintptr_t>(pixmap.id()));
}

}  // namespace

WindowSurface::WindowSurface(std::unique_ptr<NativeWindow> window, std::unique_ptr<Backing> backing)
    : window_(std::move(window)), backing_(std::move(backing)) {}

std::shared_ptr<WindowSurface> WindowSurface::create(std::unique_ptr<NativeWindow> window,
                                                     std::unique_ptr<Backing> backing,
                                                     std::string said_title,
                                                     const std::string& app_id, EGLint& error) {
    std::shared_ptr<WindowSurface> surface(
        new WindowSurface(std::move(window), std::move(backing)));
    WindowSurface& self = *surface;
    error = EGL_BAD_ALLOC;
    self.connection_ = connection();
    if (!self.connection_) return nullptr;
    self.window_->watch({[&self] {
                             const std::string title = self.window_->title();
                             if (!title.empty()) self.set_title(title);
                         },
                         [&self] { self.follow_window(is_current(self)); },
                         [&self](const cursor::Image& image) { self.set_cursor(image); },
                         [&self](const std::string& text) { self.set_clipboard(text); }});
    const window::Extent extent = self.window_->extent();
    producer::StreamInfo info;
    info.app_id = app_id.empty() ? program_invocation_short_name : app_id;
    info.title = said_title.empty() ? self.window_->title() : std::move(said_title);
    if (info.title.empty()) info.title = info.app_id;
    info.width = extent.width;
    info.height = extent.height;
    info.takes_input = self.window_->takes_input();
    info.takes_clipboard = self.window_->takes_clipboard();
    auto stream = self.connection_->create_stream(info, &self);
    if (!stream) {
        LOG_WARNING("EGL: no stream for a window: %s", stream.error().text.c_str());
        return nullptr;
    }
    {
        const std::lock_guard lock(self.stream_mutex_);
        self.stream_ = *std::move(stream);
    }
    self.backing_->attach(*self.connection_, *self.stream_, self);
    if (!self.resize(extent)) {
        error = real().GetError();
        return nullptr;
    }
    error = EGL_SUCCESS;
    return surface;
}

std::shared_ptr<WindowSurface> WindowSurface::create_unseen(window::Extent extent,
                                                            std::unique_ptr<Backing> backing,
                                                            EGLint& error) {
    return create_unseen(std::make_unique<FixedWindow>(extent), nullptr, std::move(backing), error);
}

std::shared_ptr<WindowSurface> WindowSurface::create_for_pixmap(
    std::unique_ptr<window::X11Pixmap> pixmap, std::unique_ptr<Backing> backing, EGLint& error) {
    const window::Extent extent = pixmap->extent();
    auto window = std::make_unique<FixedWindow>(extent, identity_of(*pixmap));
    return create_unseen(std::move(window), std::move(pixmap), std::move(backing), error);
}

std::shared_ptr<WindowSurface> WindowSurface::create_unseen(
    std::unique_ptr<NativeWindow> window, std::unique_ptr<window::X11Pixmap> pixmap,
    std::unique_ptr<Backing> backing, EGLint& error) {
    std::shared_ptr<WindowSurface> surface(
        new WindowSurface(std::move(window), std::move(backing)));
    surface->pixmap_ = std::move(pixmap);
    error = EGL_SUCCESS;
    if (surface->resize(surface->window_->extent())) return surface;
    error = real().GetError();
    return nullptr;
}

WindowSurface::~WindowSurface() {
    destroy();
}

window::Extent WindowSurface::extent() const noexcept {
    const std::uint64_t packed = extent_.load(std::memory_order_acquire);
    return {static_cast<std::uint32_t>(packed >> 32), static_cast<std::uint32_t>(packed)};
}

// The old one, if any, stays when this fails.
bool WindowSurface::resize(window::Extent extent) noexcept {
    if (!backing_->resize(extent)) return false;
    extent_.store(static_cast<std::uint64_t>(extent.width) << 32 | extent.height,
                  std::memory_order_release);
    if (is_current(*this)) make_current_again();
    backing_->drop_old();
    return true;
}

void WindowSurface::follow_window(bool current) noexcept {
    if (!current && bindings_ != 0) return;  // another thread draws; it will look itself
    const window::Extent now = window_->extent();
    if (now == extent()) return;
    if (!resize(now)) {
        LOG_WARNING("EGL: a window cannot become %ux%u", now.width, now.height);
    }
}

void WindowSurface::bound() noexcept {
    ++bindings_;
    if (!while_bound_) while_bound_ = shared_from_this();
    backing_->context_changed();
}

void WindowSurface::unbound() noexcept {
    if (--bindings_ != 0) return;
    const std::shared_ptr<WindowSurface> last = std::move(while_bound_);  // may end it
}

void WindowSurface::destroy() noexcept {
    if (destroyed_.exchange(true)) return;
    backing_->end();  // who waits for one in swap() waits no longer
    host_.end();
    const std::lock_guard showing(show_mutex_);
    window_->unwatch();
    std::unique_ptr<producer::Stream> stream;
    {
        const std::lock_guard lock(stream_mutex_);
        stream = std::move(stream_);
    }
    // The object stays: the stream's reader may be telling it something until the stream ends
    // below.
    backing_->forget();
}

EGLint WindowSurface::swap(std::span<const stream::Rect> damage, int fence,
                           std::uint64_t& serial) noexcept {
    serial = 0;
    const std::lock_guard showing(show_mutex_);
    if (destroyed_.load()) return EGL_BAD_SURFACE;
    try {
        const EGLint result = show(damage, fence, serial);
        if (result != EGL_SUCCESS) return result;
    } catch (...) {
        return EGL_BAD_ALLOC;
    }
    age_read_ = false;
    region_set_ = false;
    follow_window(true);
    return EGL_SUCCESS;
}

EGLint WindowSurface::set_damage_region() noexcept {
    if (!connection_ || swap_behaviour != EGL_BUFFER_DESTROYED) return EGL_BAD_MATCH;
    if (!age_read_ || std::exchange(region_set_, true)) return EGL_BAD_ACCESS;
    return EGL_SUCCESS;
}

EGLint WindowSurface::show(std::span<const stream::Rect> damage, int fence, std::uint64_t& serial) {
    if (!stream_) return EGL_SUCCESS;  // a pbuffer
    if (window_->lost()) return EGL_BAD_NATIVE_WINDOW;
    const std::uint64_t called_ns = now_ns();
    const window::Extent size = extent();
    producer::FrameInfo frame;
    frame.called_ns = called_ns;
    frame.damage = damage;
    UniqueFd ours;  // fence of what was drawn
    const Backing::Outcome outcome = backing_->finish(size, damage, frame, ours);
    if (outcome == Backing::Outcome::no_memory) return EGL_BAD_ALLOC;
    if (outcome == Backing::Outcome::lost) return EGL_SUCCESS;
    pace(frame);
    if (fence >= 0) {
        auto both = ours ? merged_fence(fence, ours.get())
                         : Result<UniqueFd>(UniqueFd(::fcntl(fence, F_DUPFD_CLOEXEC, 0)));
        if (!both || !*both) {
            backing_->handed_over(frame.slot, false);
            return EGL_BAD_ALLOC;
        }
        ours = *std::move(both);
    }
    host_.frame(serial_ + 1);
    serial = stream_->present(frame, std::move(ours));
    const bool sent = serial != 0;  // not in a child of fork(2)
    if (sent) {
        serial_ = serial;
        last_slot_ = frame.slot;
        last_extent_ = size;
    } else {
        host_.unsent(serial_ + 1);
    }
    backing_->handed_over(frame.slot, sent);
    window_->presented(size);
    return EGL_SUCCESS;
}

void WindowSurface::flush_to_pixmap() noexcept {
    const std::lock_guard showing(show_mutex_);
    // The pixmap's number may be another one's when the surface is destroyed.
    if (!pixmap_ || destroyed_.load()) return;
    try {
        if (const EGLint error = copy_to_pixmap(below(), *pixmap_); error != EGL_SUCCESS) {
            LOG_INFO("EGL: a pixmap does not get what was drawn (0x%x)",
                     static_cast<unsigned>(error));
        }
    } catch (...) {
        LOG_WARNING("EGL: no memory to bring a pixmap what was drawn");
    }
}

void WindowSurface::pace(producer::FrameInfo& frame) {
    const EGLint interval = interval_.load();
    frame.mode = interval == 0 ? stream::PresentMode::immediate : stream::PresentMode::fifo;
    if (interval <= 1) return;
    std::uint64_t refresh = refresh_ns_.load(std::memory_order_relaxed);
    if (refresh == 0) refresh = kUnknownRefreshNs;
    target_ns_ = std::max(now_ns(), target_ns_ + refresh * static_cast<std::uint64_t>(interval));
    frame.target_ns = target_ns_;
}

void WindowSurface::set_cursor(const cursor::Image& image) {
    const std::lock_guard lock(stream_mutex_);
    if (stream_) stream_->set_cursor(image);
}

void WindowSurface::set_clipboard(const std::string& text) {
    const std::lock_guard lock(stream_mutex_);
    if (stream_) stream_->set_clipboard(text);
}

void WindowSurface::set_title(const std::string& title) {
    const std::lock_guard lock(stream_mutex_);
    if (stream_) stream_->set_title(title);
}

bool WindowSurface::set_extent(window::Extent extent) noexcept {
    if (!window_->set_extent(extent)) return false;
    // Else who makes it current follows, or who has it so with its next frame.
    if (is_current(*this)) follow_window(true);
    return true;
}

EGLint WindowSurface::last_frame(EGLHostFrameVDMABUF& out) {
    const std::lock_guard showing(show_mutex_);
    if (destroyed_.load()) return EGL_BAD_SURFACE;
    // The images go with the size.
    if (serial_ == 0 || last_extent_ != extent()) return EGL_BAD_ACCESS;
    const auto frame = backing_->memory_of(last_slot_);
    if (!frame) return EGL_BAD_ACCESS;
    auto dmabuf = producer::dmabuf_of(*frame->buffer);
    if (!dmabuf) {
        LOG_INFO("EGL: no dmabuf of a frame: %s", dmabuf.error().text.c_str());
        return EGL_BAD_ALLOC;
    }
    const producer::ImageInfo& info = frame->info;
    out = {};
    out.serial = serial_;
    out.modifier = info.modifier;
    out.fourcc = static_cast<EGLint>(info.fourcc);
    out.width = static_cast<EGLint>(info.width);
    out.height = static_cast<EGLint>(info.height);
    out.planes = static_cast<EGLint>(info.plane_count);
    out.y_inverted = (info.flags & stream::kImageYFlip) != 0 ? EGL_TRUE : EGL_FALSE;
    static_assert(EGL_FRAME_PLANES_VDMABUF == stream::kMaxPlanes);
    for (std::uint32_t i = 0; i < info.plane_count; ++i) {
        out.offsets[i] = static_cast<EGLint>(info.planes[i].offset);
        out.pitches[i] = static_cast<EGLint>(info.planes[i].pitch);
    }
    out.fd = dmabuf->release();
    return EGL_SUCCESS;
}

void WindowSurface::on_release(std::uint32_t slot, std::uint64_t serial) {
    host_.released(serial);
    backing_->released(slot);
}

void WindowSurface::on_presented(const stream::Presented& message) {
    host_.presented(message);
    if (message.refresh_ns != 0) {
        refresh_ns_.store(message.refresh_ns, std::memory_order_relaxed);
    }
}

void WindowSurface::on_configure(const stream::Configure& message) {
    host_.configured(message);
    if (message.width != 0 && message.height != 0) window_->resize({message.width, message.height});
}

void WindowSurface::on_input(std::span<const input::Event> events, std::uint32_t width,
                             std::uint32_t height) {
    window_->take_input(events, {width, height});
}

void WindowSurface::on_clipboard(std::string text) {
    window_->offer_clipboard(std::move(text));
}

void WindowSurface::on_close() {
    host_.close();
    window_->close();
}

}  // namespace vdmabuf::egl
