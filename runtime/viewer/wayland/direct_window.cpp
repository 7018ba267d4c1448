// SPDX-License-Identifier: MIT
#include "runtime/viewer/wayland/direct_window.hpp"

#include <fcntl.h>
#include <sys/mman.h>
#include <wayland-client.h>

#include <algorithm>
#include <utility>

#include "runtime/common/clock.hpp"
#include "runtime/common/sync_file.hpp"
#include "runtime/consumer/implicit_fence.hpp"
#include "viewporter-client-protocol.h"

namespace vdmabuf::viewer::wayland {
namespace {

// How long a compositor may take to say whether it takes an image. One that is slower would be so
// with what is drawn as well; the broker does not keep the app waiting meanwhile.
constexpr std::uint64_t kAnswerNs = kNsPerSecond;

Placement placement(const consumer::ImageLayout& layout, DirectWindow::Size window, Scale scale) {
    return place(layout.width, layout.height, window.width, window.height, layout.scaling, scale);
}

std::int32_t number(std::uint32_t value) {
    return static_cast<std::int32_t>(value);
}

}  // namespace

DirectWindow::DirectWindow(std::shared_ptr<Display> display, wl_surface* window, bool passes_on)
    : display_(std::move(display)),
      window_(window),
      passes_on_(passes_on && display_->why_not_direct().empty()),
      times_(display_) {
    if (!passes_on_) return;
    const Display::Globals& globals = display_->globals();
    const auto lock = display_->lock();
    surface_ = wl_compositor_create_surface(globals.compositor);
    subsurface_ = wl_subcompositor_get_subsurface(globals.subcompositor, surface_, window_);
    wl_subsurface_set_desync(subsurface_);
    if (globals.viewporter) viewport_ = wp_viewporter_get_viewport(globals.viewporter, surface_);
    // Pointer and touch are the window's.
    wl_region* nothing = wl_compositor_create_region(globals.compositor);
    wl_surface_set_input_region(surface_, nothing);
    wl_region_destroy(nothing);
}

DirectWindow::~DirectWindow() {
    if (!surface_) return;
    const auto lock = display_->lock();
    if (viewport_) wp_viewport_destroy(viewport_);
    wl_subsurface_destroy(subsurface_);
    wl_surface_destroy(surface_);
    if (background_) wl_buffer_destroy(background_);
    display_->flush();
}

std::shared_ptr<Buffer> DirectWindow::buffer_of(consumer::ImportedImage& image, std::string& why) {
    auto buffer = std::static_pointer_cast<Buffer>(image.companion());
    if (!buffer) {
        auto asked = Buffer::ask(display_, image);
        if (!asked) {
            why = asked.error().text;
            return nullptr;
        }
        buffer = std::move(*asked);
        image.set_companion(buffer);
    }
    auto lock = display_->lock();
    if (!display_->wait_until(lock, now_ns() + kAnswerNs, [&] { return buffer->is_answered(); })) {
        why = "the compositor has not taken the dmabuf yet";
        return nullptr;
    }
    if (!buffer->get()) why = "the compositor cannot import the dmabuf";
    return buffer->get() ? buffer : nullptr;
}

Status DirectWindow::prepare(consumer::ImportedImage& image, Size window, Scale scale) {
    if (!passes_on_) return Error{ENOTSUP, display_->why_not_direct()};
    if (display_->is_dead()) return Error{EIO, "the compositor has gone"};
    if (window.width == 0 || window.height == 0) return Error{EAGAIN, "the window has no area"};
    const auto [from, to] = placement(image.layout(), window, scale);
    const bool scaled = from.width != to.width || from.height != to.height;
    const bool cut = from.width != image.layout().width || from.height != image.layout().height;
    if ((scaled || cut) && !viewport_) return Error{ENOTSUP, "the compositor does not scale"};
    // How it filters is its own matter.
    if (scaled && scale == Scale::integer) return Error{ENOTSUP, "whole pixels are asked for"};
    std::string why;
    if (!buffer_of(image, why)) return Error{ENOTSUP, why};
    return consumer::wait_for(consumer::writers_of(image.dmabuf()));
}

void DirectWindow::show(consumer::ImportedImage& image, Size window, Scale scale, bool anew) {
    const auto buffer = std::static_pointer_cast<Buffer>(image.companion());
    const bool attaches = anew || !mapped_;
    if (attaches) {
        std::erase(shown_, buffer);
        shown_.push_back(buffer);
    }
    const Placement at = placement(image.layout(), window, scale);
    const bool moves = !placed_ || !(placed_->from == at.from && placed_->to == at.to);
    // A new place is for the window's next commit. What is seen must have both in one step.
    const bool together = mapped_ && moves;
    auto lock = display_->lock();
    if (together) wl_subsurface_set_sync(subsurface_);
    if (moves) put(at);
    if (moves && !together) wl_surface_commit(window_);
    if (attaches) {
        wl_surface_attach(surface_, buffer->get(), 0, 0);
        wl_surface_damage_buffer(surface_, 0, 0, INT32_MAX, INT32_MAX);
        buffer->hold();
        times_.ask(lock, surface_);
    }
    wl_surface_commit(surface_);
    mapped_ = true;
    if (together) {
        commit_window(window);
        wl_subsurface_set_desync(subsurface_);
    }
    display_->flush();
}

// With the lock, as commit_window().
void DirectWindow::put(const Placement& at) {
    const auto& [from, to] = at;
    wl_subsurface_set_position(subsurface_, number(to.x), number(to.y));
    if (viewport_) {
        wp_viewport_set_source(
            viewport_, wl_fixed_from_int(number(from.x)), wl_fixed_from_int(number(from.y)),
            wl_fixed_from_int(number(from.width)), wl_fixed_from_int(number(from.height)));
        wp_viewport_set_destination(viewport_, number(to.width), number(to.height));
    }
    wl_region* all = wl_compositor_create_region(display_->globals().compositor);
    wl_region_add(all, 0, 0, number(to.width), number(to.height));
    wl_surface_set_opaque_region(surface_, all);
    wl_region_destroy(all);
    placed_ = at;
}

void DirectWindow::cover(Size window) {
    if (black_ == window) return;
    const auto lock = display_->lock();
    commit_window(window);
    display_->flush();
}

// The window's state, and black as large as the window if it is not so yet: a buffer whose pages
// are a hole.
void DirectWindow::commit_window(Size window) {
    const std::int64_t size = std::int64_t{window.width} * window.height * 4;
    wl_buffer* before = nullptr;
    if (!(black_ == window) && size <= INT32_MAX) {
        const UniqueFd file(::memfd_create("black", MFD_CLOEXEC));
        if (file && ::ftruncate(file.get(), size) == 0) {
            wl_shm_pool* pool = wl_shm_create_pool(display_->globals().shm, file.get(),
                                                   static_cast<std::int32_t>(size));
            before = std::exchange(
                background_,
                wl_shm_pool_create_buffer(pool, 0, number(window.width), number(window.height),
                                          number(window.width * 4), WL_SHM_FORMAT_XRGB8888));
            wl_shm_pool_destroy(pool);
            wl_surface_attach(window_, background_, 0, 0);
            wl_surface_damage_buffer(window_, 0, 0, INT32_MAX, INT32_MAX);
            black_ = window;
        }
    }
    wl_surface_commit(window_);
    if (before) wl_buffer_destroy(before);
}

void DirectWindow::uncover() {
    if (!mapped_) return;
    mapped_ = false;
    black_ = {};
    const auto lock = display_->lock();
    wl_surface_attach(surface_, nullptr, 0, 0);
    wl_surface_commit(surface_);
    display_->flush();
}

bool DirectWindow::wait_released(std::uint64_t timeout_ns) {
    const std::uint64_t deadline = now_ns() + timeout_ns;
    bool all = true;
    // The newest is being read, unless nothing of ours is to be seen.
    while (shown_.size() > (mapped_ ? 1U : 0U)) {
        const std::shared_ptr<Buffer> oldest = shown_.front();
        shown_.erase(shown_.begin());
        {
            auto lock = display_->lock();
            all &= display_->wait_until(lock, deadline, [&] { return !oldest->is_held(); });
        }
        // A compositor lets go when its GPU has been told to read; who writes next must know.
        auto readers = fence_of_all(oldest->dmabuf());
        if (readers) all &= static_cast<bool>(consumer::wait_for(*readers));
    }
    return all;
}

}  // namespace vdmabuf::viewer::wayland
