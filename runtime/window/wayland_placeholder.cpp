// SPDX-License-Identifier: MIT
#include "runtime/window/wayland_placeholder.hpp"

#include <fcntl.h>
#include <poll.h>
#include <sys/mman.h>
#include <wayland-client-protocol.h>

#include <cerrno>
#include <cstring>
#include <utility>

#include "runtime/common/clock.hpp"
#include "runtime/common/log.hpp"

namespace vdmabuf::window {
namespace {

// How long a compositor may take to tell what it has. Only making a surface waits for it.
constexpr std::uint64_t kAnswerNs = 2 * kNsPerSecond;
constexpr std::int64_t kBytesPerPixel = 4;

// What arguments of requests are made of.
wl_argument number(std::int32_t value) {
    wl_argument argument{};
    argument.i = value;
    return argument;
}
wl_argument unsigned_number(std::uint32_t value) {
    wl_argument argument{};
    argument.u = value;
    return argument;
}
wl_argument text(const char* value) {
    wl_argument argument{};
    argument.s = value;
    return argument;
}
wl_argument file(int value) {
    wl_argument argument{};
    argument.h = value;
    return argument;
}
wl_argument object(wl_proxy* value) {
    wl_argument argument{};
    argument.o = reinterpret_cast<wl_object*>(value);
    return argument;
}
wl_argument new_object() {
    return wl_argument{};
}

}  // namespace

struct WaylandPlaceholder::Events {
    static void global(void* self, wl_registry* registry, std::uint32_t name, const char* interface,
                       std::uint32_t) {
        auto& placeholder = *static_cast<WaylandPlaceholder*>(self);
        const Wayland& wayland = placeholder.wayland_;
        if (placeholder.shm_ || std::strcmp(interface, wayland.shm_interface->name) != 0) return;
        wl_argument arguments[] = {unsigned_number(name), text(interface), unsigned_number(1),
                                   new_object()};
        placeholder.shm_ = wayland.proxy_marshal_array_constructor_versioned(
            reinterpret_cast<wl_proxy*>(registry), WL_REGISTRY_BIND, arguments,
            wayland.shm_interface, 1);
    }
    static void global_remove(void*, wl_registry*, std::uint32_t) {}
    static void done(void* flag, wl_callback*, std::uint32_t) { *static_cast<bool*>(flag) = true; }
    static void frame(void* self, wl_callback*, std::uint32_t) {
        auto& placeholder = *static_cast<WaylandPlaceholder*>(self);
        placeholder.wayland_.proxy_destroy(std::exchange(placeholder.frame_, nullptr));
    }
    static void woken(void* self, wl_callback*, std::uint32_t) {
        auto& placeholder = *static_cast<WaylandPlaceholder*>(self);
        placeholder.wayland_.proxy_destroy(std::exchange(placeholder.wake_, nullptr));
    }
    static void release(void* self, wl_buffer*) {
        static_cast<WaylandPlaceholder*>(self)->forget_pages();
    }

    static constexpr wl_registry_listener registry{global, global_remove};
    static constexpr wl_callback_listener callback{done};
    static constexpr wl_callback_listener next_frame{frame};
    static constexpr wl_callback_listener wake{woken};
    static constexpr wl_buffer_listener buffer{release};
    // libwayland takes listeners as arrays of functions, and does not write to them.
    template <typename Listener>
    static auto functions(const Listener& listener) {
        return reinterpret_cast<void (**)(void)>(const_cast<Listener*>(&listener));
    }
};

WaylandPlaceholder::WaylandPlaceholder(const Wayland& wayland, wl_display* display,
                                       wl_surface* surface)
    : wayland_(wayland), display_(display), surface_(surface) {}

std::unique_ptr<WaylandPlaceholder> WaylandPlaceholder::make(const Wayland& wayland,
                                                             wl_display* display,
                                                             wl_surface* surface) {
    std::unique_ptr<WaylandPlaceholder> placeholder(
        new WaylandPlaceholder(wayland, display, surface));
    placeholder->queue_ = wayland.display_create_queue(display);
    if (!placeholder->queue_ || !placeholder->bind_globals()) return nullptr;
    placeholder->our_surface_ = static_cast<wl_proxy*>(wayland.proxy_create_wrapper(surface));
    if (!placeholder->our_surface_) return nullptr;
    wayland.proxy_set_queue(placeholder->our_surface_, placeholder->queue_);
    return placeholder;
}

WaylandPlaceholder::~WaylandPlaceholder() {
    if (frame_) wayland_.proxy_destroy(frame_);
    if (wake_) wayland_.proxy_destroy(wake_);
    if (our_surface_) wayland_.proxy_wrapper_destroy(our_surface_);
    if (our_display_) wayland_.proxy_wrapper_destroy(our_display_);
    destroy(buffer_, WL_BUFFER_DESTROY);
    if (shm_) wayland_.proxy_destroy(shm_);  // version 1 has no request that ends it
    if (queue_) {
        (void)wayland_.display_flush(display_);
        wayland_.event_queue_destroy(queue_);
    }
}

bool WaylandPlaceholder::bind_globals() {
    // A wrapper, so that what is made by it has our queue from the start.
    our_display_ = static_cast<wl_proxy*>(wayland_.proxy_create_wrapper(display_));
    if (!our_display_) return false;
    wayland_.proxy_set_queue(our_display_, queue_);
    wl_argument arguments[] = {new_object()};
    wl_proxy* registry = wayland_.proxy_marshal_array_constructor(
        our_display_, WL_DISPLAY_GET_REGISTRY, arguments, wayland_.registry_interface);
    wl_proxy* callback = wayland_.proxy_marshal_array_constructor(
        our_display_, WL_DISPLAY_SYNC, arguments, wayland_.callback_interface);
    bool answered = false;
    if (registry && callback) {
        (void)wayland_.proxy_add_listener(registry, Events::functions(Events::registry), this);
        (void)wayland_.proxy_add_listener(callback, Events::functions(Events::callback), &answered);
        const std::uint64_t deadline = now_ns() + kAnswerNs;
        while (!answered && flush()) {
            const std::uint64_t now = now_ns();
            if (now >= deadline) break;
            const auto left_ms = static_cast<int>((deadline - now) / kNsPerMs + 1);
            if (read(left_ms) == Read::failed) break;
        }
    }
    if (callback) wayland_.proxy_destroy(callback);
    if (registry) wayland_.proxy_destroy(registry);
    if (!answered) LOG_WARNING("the Wayland compositor does not answer");
    return answered;
}

void WaylandPlaceholder::request(void* proxy, std::uint32_t opcode,
                                 wl_argument* arguments) noexcept {
    wayland_.proxy_marshal_array(static_cast<wl_proxy*>(proxy), opcode, arguments);
}

void WaylandPlaceholder::destroy(wl_proxy*& proxy, std::uint32_t opcode) noexcept {
    if (!proxy) return;
    request(proxy, opcode);
    wayland_.proxy_destroy(proxy);
    proxy = nullptr;
}

// False when the compositor has gone.
bool WaylandPlaceholder::flush() noexcept {
    if (wayland_.display_flush(display_) >= 0) {
        congested_ = false;
        return true;
    }
    congested_ = errno == EAGAIN;
    return congested_;
}

// Reads what there is, for whomever it is.
WaylandPlaceholder::Read WaylandPlaceholder::read(int timeout_ms) noexcept {
    const auto dispatch = [this] {
        const std::lock_guard lock(mutex_);
        return wayland_.display_dispatch_queue_pending(display_, queue_) >= 0;
    };
    while (wayland_.display_prepare_read_queue(display_, queue_) != 0) {
        if (!dispatch()) return Read::failed;
    }
    pollfd socket{wayland_.display_get_fd(display_), POLLIN, 0};
    // Reading without being sure that there is something would wait for other threads that read.
    if (::poll(&socket, 1, timeout_ms) <= 0) {
        wayland_.display_cancel_read(display_);
        return Read::nothing;
    }
    if (wayland_.display_read_events(display_) < 0) return Read::failed;
    return dispatch() ? Read::done : Read::failed;
}

// The file is a hole, whose pages come when the compositor reads them: all zero, which is black.
wl_proxy* WaylandPlaceholder::make_buffer(Extent extent) noexcept {
    const std::int64_t stride = kBytesPerPixel * extent.width;
    const std::int64_t size = stride * extent.height;
    if (!shm_ || size == 0 || size > INT32_MAX) return nullptr;
    UniqueFd memory(::memfd_create("vdmabuf-placeholder", MFD_CLOEXEC | MFD_ALLOW_SEALING));
    if (!memory || ::ftruncate(memory.get(), size) != 0) return nullptr;
    (void)::fcntl(memory.get(), F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW);
    wl_argument for_pool[] = {new_object(), file(memory.get()),
                              number(static_cast<std::int32_t>(size))};
    wl_proxy* pool = wayland_.proxy_marshal_array_constructor(shm_, WL_SHM_CREATE_POOL, for_pool,
                                                              wayland_.shm_pool_interface);
    if (!pool) return nullptr;
    wl_argument for_buffer[] = {new_object(),
                                number(0),
                                number(static_cast<std::int32_t>(extent.width)),
                                number(static_cast<std::int32_t>(extent.height)),
                                number(static_cast<std::int32_t>(stride)),
                                unsigned_number(WL_SHM_FORMAT_XRGB8888)};
    wl_proxy* buffer = wayland_.proxy_marshal_array_constructor(
        pool, WL_SHM_POOL_CREATE_BUFFER, for_buffer, wayland_.buffer_interface);
    destroy(pool, WL_SHM_POOL_DESTROY);
    if (!buffer) return nullptr;
    (void)wayland_.proxy_add_listener(buffer, Events::functions(Events::buffer), this);
    file_ = std::move(memory);
    return buffer;
}

// The compositor has copied the buffer. What it reads again is black again.
void WaylandPlaceholder::forget_pages() noexcept {
    if (!file_) return;
    const std::int64_t size = kBytesPerPixel * extent_.width * extent_.height;
    (void)::fallocate(file_.get(), FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 0, size);
    file_.reset();
}

void WaylandPlaceholder::ask_frame() noexcept {
    if (frame_) return;
    wl_argument arguments[] = {new_object()};
    frame_ = wayland_.proxy_marshal_array_constructor(our_surface_, WL_SURFACE_FRAME, arguments,
                                                      wayland_.callback_interface);
    if (!frame_) return;
    (void)wayland_.proxy_add_listener(frame_, Events::functions(Events::next_frame), this);
}

// Some programs (es2gears) sleep at the socket without telling libwayland, and live on what comes
// for a commit. That may have been taken from the socket just now, or nothing of ours is to come as
// the commit was made before the answer to the last one was seen: then something comes after it.
void WaylandPlaceholder::ask_to_be_woken(bool taken) noexcept {
    const std::lock_guard lock(mutex_);
    if (wake_ || (frame_ && !taken)) return;
    wl_argument arguments[] = {new_object()};
    wake_ = wayland_.proxy_marshal_array_constructor(our_display_, WL_DISPLAY_SYNC, arguments,
                                                     wayland_.callback_interface);
    if (!wake_) return;
    (void)wayland_.proxy_add_listener(wake_, Events::functions(Events::wake), this);
}

void WaylandPlaceholder::exchange() noexcept {
    if (lost()) return;
    const Read read_now = read(0);
    if (!congested_) ask_to_be_woken(read_now == Read::done);
    if (read_now == Read::failed || !flush()) lost_.store(true, std::memory_order_release);
}

void WaylandPlaceholder::commit(Extent extent) noexcept {
    // libwayland gives a connection up whose compositor does not read: nothing more is asked of one
    // that is behind. The state that the app has set waits for the next commit.
    if (lost() || congested_) return;
    const std::lock_guard lock(mutex_);
    wl_proxy* old = nullptr;
    std::int32_t damaged = 1;  // a pixel: compositors that see no change may not repaint
    if (!buffer_ || extent.width != extent_.width || extent.height != extent_.height) {
        old = buffer_;
        buffer_ = make_buffer(extent);
        extent_ = extent;
        damaged = INT32_MAX;
    }
    if (buffer_) {
        wl_argument attach[] = {object(buffer_), number(0), number(0)};
        request(surface_, WL_SURFACE_ATTACH, attach);
        wl_argument damage[] = {number(0), number(0), number(damaged), number(damaged)};
        request(surface_, WL_SURFACE_DAMAGE, damage);
    }
    ask_frame();
    request(surface_, WL_SURFACE_COMMIT);
    destroy(old, WL_BUFFER_DESTROY);
}

}  // namespace vdmabuf::window
