// SPDX-License-Identifier: MIT
#include "runtime/viewer/wayland/display.hpp"

#include <poll.h>
#include <sys/eventfd.h>
#include <wayland-client.h>

#include <algorithm>
#include <chrono>
#include <cstring>

#include "linux-dmabuf-unstable-v1-client-protocol.h"
#include "presentation-time-client-protocol.h"
#include "runtime/common/clock.hpp"
#include "runtime/common/log.hpp"
#include "viewporter-client-protocol.h"

namespace vdmabuf::viewer::wayland {
namespace {

std::uint64_t time_of(int clock) {
    timespec now{};
    ::clock_gettime(clock, &now);
    return static_cast<std::uint64_t>(now.tv_sec) * kNsPerSecond +
           static_cast<std::uint64_t>(now.tv_nsec);
}

Error lost() {
    return Error{EIO, "the Wayland compositor has gone"};
}

}  // namespace

struct DisplayListeners {
    static Display& of(void* data) { return *static_cast<Display*>(data); }

    static void global(void* data, wl_registry*, std::uint32_t name, const char* interface,
                       std::uint32_t version) {
        of(data).on_global(name, interface, version);
    }
    static void global_remove(void*, wl_registry*, std::uint32_t) {}
    static constexpr wl_registry_listener kRegistry{global, global_remove};

    // LINEAR and its like come with modifiers; those without one (version 1 and 2) are not for us,
    // as the driver's choice is not known.
    static void format(void*, zwp_linux_dmabuf_v1*, std::uint32_t) {}
    static void modifier(void* data, zwp_linux_dmabuf_v1*, std::uint32_t fourcc, std::uint32_t high,
                         std::uint32_t low) {
        of(data).formats_.emplace(fourcc, std::uint64_t{high} << 32 | low);
    }
    static constexpr zwp_linux_dmabuf_v1_listener kDmabuf{format, modifier};

    static void clock_id(void* data, wp_presentation*, std::uint32_t clock) {
        timespec now{};
        // One that this kernel does not know would give no times.
        if (::clock_gettime(static_cast<clockid_t>(clock), &now) == 0) {
            of(data).clock_ = static_cast<clockid_t>(clock);
        }
    }
    static constexpr wp_presentation_listener kPresentation{clock_id};
};

Result<std::shared_ptr<Display>> Display::create(wl_display* display) {
    std::shared_ptr<Display> made(new Display(display));
    if (auto started = made->start(); !started) return started.error();
    return made;
}

Status Display::start() {
    clock_ = CLOCK_MONOTONIC;
    queue_ = wl_display_create_queue(display_);
    auto* wrapper = static_cast<wl_display*>(wl_proxy_create_wrapper(display_));
    if (!queue_ || !wrapper) return lost();
    wl_proxy_set_queue(reinterpret_cast<wl_proxy*>(wrapper), queue_);
    registry_ = wl_display_get_registry(wrapper);
    wl_proxy_wrapper_destroy(wrapper);
    wl_registry_add_listener(registry_, &DisplayListeners::kRegistry, this);
    // The globals, then what they say of themselves.
    for (int i = 0; i < 2; ++i) {
        if (wl_display_roundtrip_queue(display_, queue_) < 0) return lost();
    }
    if (!globals_.compositor || !globals_.subcompositor || !globals_.shm) {
        why_not_direct_ = "the compositor has no subsurfaces";
    } else if (!globals_.dmabuf) {
        why_not_direct_ = "the compositor takes no dmabufs with modifiers";
    }
    stop_.reset(::eventfd(0, EFD_CLOEXEC));
    if (!stop_) return system_error("eventfd");
    thread_ = std::thread([this] { run(); });
    return {};
}

Display::~Display() {
    if (thread_.joinable()) {
        static_cast<void>(::eventfd_write(stop_.get(), 1));
        thread_.join();
    }
    if (globals_.dmabuf) zwp_linux_dmabuf_v1_destroy(globals_.dmabuf);
    if (globals_.presentation) wp_presentation_destroy(globals_.presentation);
    if (globals_.viewporter) wp_viewporter_destroy(globals_.viewporter);
    if (globals_.shm) wl_shm_destroy(globals_.shm);
    if (globals_.subcompositor) wl_subcompositor_destroy(globals_.subcompositor);
    if (globals_.compositor) wl_compositor_destroy(globals_.compositor);
    if (registry_) wl_registry_destroy(registry_);
    if (queue_) wl_event_queue_destroy(queue_);
}

void Display::on_global(std::uint32_t name, const char* interface, std::uint32_t version) {
    const auto bind = [&](auto*& to, const wl_interface& wanted, std::uint32_t least,
                          std::uint32_t most) {
        if (to || version < least || std::strcmp(interface, wanted.name) != 0) return false;
        using Type = std::remove_reference_t<decltype(to)>;
        to = static_cast<Type>(wl_registry_bind(registry_, name, &wanted, std::min(version, most)));
        return true;
    };
    if (bind(globals_.compositor, wl_compositor_interface, 4, 4)) return;
    if (bind(globals_.subcompositor, wl_subcompositor_interface, 1, 1)) return;
    if (bind(globals_.shm, wl_shm_interface, 1, 1)) return;
    if (bind(globals_.viewporter, wp_viewporter_interface, 1, 1)) return;
    if (bind(globals_.presentation, wp_presentation_interface, 1, 1)) {
        wp_presentation_add_listener(globals_.presentation, &DisplayListeners::kPresentation, this);
        return;
    }
    // Version 4 tells the same in a table, with a device to allocate for: we do not allocate.
    if (bind(globals_.dmabuf, zwp_linux_dmabuf_v1_interface, 3, 3)) {
        zwp_linux_dmabuf_v1_add_listener(globals_.dmabuf, &DisplayListeners::kDmabuf, this);
    }
}

std::uint64_t Display::to_monotonic(std::uint64_t time_ns) const {
    if (clock_ == CLOCK_MONOTONIC) return time_ns;
    return time_ns + now_ns() - time_of(clock_);
}

bool Display::wait_until(Lock& lock, std::uint64_t deadline_ns, const std::function<bool()>& done) {
    while (!done()) {
        const std::uint64_t now = now_ns();
        if (dead_ || now >= deadline_ns) return false;
        changed_.wait_for(lock, std::chrono::nanoseconds(deadline_ns - now));
    }
    return true;
}

// False: that was the end.
bool Display::serve_once() {
    while (wl_display_prepare_read_queue(display_, queue_) != 0) {
        const Lock guard(mutex_);
        if (wl_display_dispatch_queue_pending(display_, queue_) < 0) return false;
        changed_.notify_all();
    }
    pollfd wanted[2] = {{wl_display_get_fd(display_), POLLIN, 0}, {stop_.get(), POLLIN, 0}};
    flush();
    while (::poll(wanted, 2, -1) < 0 && errno == EINTR) {
    }
    if (wanted[1].revents != 0) {
        wl_display_cancel_read(display_);
        return false;
    }
    if (wl_display_read_events(display_) < 0) return false;
    const Lock guard(mutex_);
    if (wl_display_dispatch_queue_pending(display_, queue_) < 0) return false;
    changed_.notify_all();
    return true;
}

void Display::run() {
    while (serve_once()) {
    }
    const Lock guard(mutex_);
    dead_ = true;
    changed_.notify_all();
}

}  // namespace vdmabuf::viewer::wayland
