// SPDX-License-Identifier: MIT
#pragma once

#include <wayland-client-core.h>

#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <set>
#include <string>
#include <thread>
#include <utility>

#include "runtime/common/result.hpp"
#include "runtime/common/unique_fd.hpp"

struct wl_compositor;
struct wl_registry;
struct wl_shm;
struct wl_subcompositor;
struct wp_presentation;
struct wp_viewporter;
struct zwp_linux_dmabuf_v1;

namespace vdmabuf::viewer::wayland {

// Our own objects on the connection that SDL has made: globals, an event queue, and the thread that
// serves it. Events are handled with the lock, and whoever makes or ends objects of the queue holds
// it, so that no event meets an object that has gone or is not complete. (Requests need no lock.)
class Display {
  public:
    // `display` must live until the end of the object. EIO: the compositor has gone.
    static Result<std::shared_ptr<Display>> create(wl_display* display);
    ~Display();
    Display(const Display&) = delete;
    Display& operator=(const Display&) = delete;

    struct Globals {  // null: the compositor has none
        wl_compositor* compositor = nullptr;
        wl_subcompositor* subcompositor = nullptr;
        wl_shm* shm = nullptr;
        wp_viewporter* viewporter = nullptr;
        wp_presentation* presentation = nullptr;
        zwp_linux_dmabuf_v1* dmabuf = nullptr;
    };
    const Globals& globals() const { return globals_; }

    // Why no dmabufs can be passed on here; empty: they can.
    const std::string& why_not_direct() const { return why_not_direct_; }
    // Whether the compositor says that it takes such dmabufs.
    bool takes(std::uint32_t fourcc, std::uint64_t modifier) const {
        return formats_.count({fourcc, modifier}) != 0;
    }
    // A time of the clock that the compositor tells times in, by CLOCK_MONOTONIC.
    std::uint64_t to_monotonic(std::uint64_t time_ns) const;

    using Lock = std::unique_lock<std::mutex>;
    Lock lock() { return Lock(mutex_); }
    // Sends what was asked for.
    void flush() { wl_display_flush(display_); }
    // Until `done`, which events change, or the time; false: it was not. Not from a listener.
    bool wait_until(Lock& lock, std::uint64_t deadline_ns, const std::function<bool()>& done);
    bool is_dead() const { return dead_; }

  private:
    explicit Display(wl_display* display) : display_(display) {}
    Status start();
    void on_global(std::uint32_t name, const char* interface, std::uint32_t version);
    void run();
    bool serve_once();

    friend struct DisplayListeners;

    wl_display* display_;
    wl_event_queue* queue_ = nullptr;
    wl_registry* registry_ = nullptr;
    Globals globals_;
    std::set<std::pair<std::uint32_t, std::uint64_t>> formats_;  // of start() alone
    std::string why_not_direct_;
    int clock_ = 0;  // of presentation times

    std::mutex mutex_;
    std::condition_variable changed_;
    std::atomic<bool> dead_ = false;
    UniqueFd stop_;  // an eventfd
    std::thread thread_;
};

}  // namespace vdmabuf::viewer::wayland
