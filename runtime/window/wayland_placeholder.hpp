// SPDX-License-Identifier: MIT
// Keeps an app's Wayland surface alive in the guest while its picture is shown on the host.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <mutex>

#include "runtime/common/unique_fd.hpp"
#include "runtime/window/extent.hpp"
#include "runtime/window/wayland_library.hpp"

struct wl_surface;

namespace vdmabuf::window {

// A compositor maps a surface when it has a buffer, and answers its frame callbacks when it is
// committed: each present does both, as a driver's does, with a black buffer of the images' size.
// A viewport would save the memory, but a surface can have one only, and that may be the app's; the
// pages are given back as soon as the compositor has looked at them.
//
// A frame callback of the layer's own goes with it: some programs (es2gears) draw whenever the
// socket wakes them, and live on the events of the driver.
//
// Objects of ours have an event queue of their own. Events of the app are read from the socket, as
// any reader does, but dispatched by the app alone: some programs (vkcube) never read by themselves
// and live on what the driver reads while it presents.
//
// commit() makes requests alone, which libwayland collects; exchange() is all that calls the
// system, and may run on another thread: the app's presents for no more than a wake of that one.
class WaylandPlaceholder {
  public:
    // Null when the compositor does not answer. `surface` outlives the object (Vulkan,
    // "vkCreateWaylandSurfaceKHR").
    static std::unique_ptr<WaylandPlaceholder> make(const Wayland& wayland, wl_display* display,
                                                    wl_surface* surface);
    ~WaylandPlaceholder();
    WaylandPlaceholder(const WaylandPlaceholder&) = delete;
    WaylandPlaceholder& operator=(const WaylandPlaceholder&) = delete;

    // Commits what the app has set on its surface, with a buffer of this size. To be followed by
    // exchange(), with few other commits between.
    void commit(Extent extent) noexcept;
    // Sends what was requested, and reads what has come. Does not wait for the compositor. One
    // thread at a time.
    void exchange() noexcept;
    bool lost() const noexcept { return lost_.load(std::memory_order_acquire); }

  private:
    WaylandPlaceholder(const Wayland& wayland, wl_display* display, wl_surface* surface);
    struct Events;
    enum class Read { done, nothing, failed };

    bool bind_globals();
    void request(void* proxy, std::uint32_t opcode, wl_argument* arguments = nullptr) noexcept;
    void destroy(wl_proxy*& proxy, std::uint32_t opcode) noexcept;
    wl_proxy* make_buffer(Extent extent) noexcept;
    bool flush() noexcept;
    Read read(int timeout_ms) noexcept;
    void forget_pages() noexcept;
    void ask_frame() noexcept;
    void ask_to_be_woken(bool taken) noexcept;

    const Wayland& wayland_;
    wl_display* const display_;
    wl_surface* const surface_;
    wl_event_queue* queue_ = nullptr;
    wl_proxy* shm_ = nullptr;
    wl_proxy* our_surface_ = nullptr;  // the app's, for callbacks into our queue
    wl_proxy* our_display_ = nullptr;  // likewise

    std::mutex mutex_;  // of what follows; never held during a call to the system but for
                        // new buffers
    wl_proxy* buffer_ = nullptr;
    wl_proxy* frame_ = nullptr;  // a callback that has not come
    wl_proxy* wake_ = nullptr;   // likewise
    Extent extent_{};
    UniqueFd file_;  // of the buffer, until its pages were given back

    std::atomic<bool> congested_{false};
    std::atomic<bool> lost_{false};
};

}  // namespace vdmabuf::window
