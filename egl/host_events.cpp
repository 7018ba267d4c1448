// SPDX-License-Identifier: MIT
#include "egl/host_events.hpp"

#include <algorithm>
#include <chrono>

#include "runtime/common/clock.hpp"

namespace vdmabuf::egl {

void HostEvents::frame(std::uint64_t serial) noexcept {
    const std::lock_guard lock(mutex_);
    frames_[serial % kMaxFrames] = serial;
}

void HostEvents::ended(std::uint64_t serial, bool shown, std::uint64_t time_ns,
                       std::uint64_t refresh_ns) noexcept {
    {
        const std::lock_guard lock(mutex_);
        std::uint64_t& known = frames_[serial % kMaxFrames];
        if (known != serial) return;  // told already
        known = 0;
        EGLHostEventVDMABUF event{};
        event.type = EGL_FRAME_EVENT_VDMABUF;
        event.shown = shown ? EGL_TRUE : EGL_FALSE;
        event.serial = serial;
        event.time = time_ns != 0 ? time_ns : now_ns();
        event.refresh = refresh_ns;
        put(event);
    }
    changed_.notify_all();
}

void HostEvents::presented(const stream::Presented& message) noexcept {
    ended(message.serial, (message.flags & stream::kPresentedShown) != 0, message.time_ns,
          message.refresh_ns);
}

// A host that answers says before what became of the frame.
void HostEvents::released(std::uint64_t serial) noexcept {
    ended(serial, false, 0, 0);
}

void HostEvents::configured(const stream::Configure& message) noexcept {
    {
        const std::lock_guard lock(mutex_);
        configured_ = message;
        EGLHostEventVDMABUF event{};
        event.type = EGL_CONFIGURE_EVENT_VDMABUF;
        event.width = static_cast<EGLint>(message.width);
        event.height = static_cast<EGLint>(message.height);
        event.occluded = (message.flags & stream::kConfigureOccluded) != 0 ? EGL_TRUE : EGL_FALSE;
        event.refresh = message.refresh_ns;
        put(event);
    }
    changed_.notify_all();
}

void HostEvents::close() noexcept {
    {
        const std::lock_guard lock(mutex_);
        close_requested_ = true;
        EGLHostEventVDMABUF event{};
        event.type = EGL_CLOSE_EVENT_VDMABUF;
        put(event);
    }
    changed_.notify_all();
}

void HostEvents::end() noexcept {
    {
        const std::lock_guard lock(mutex_);
        ended_ = true;
    }
    changed_.notify_all();
}

// The oldest one goes where an app does not take them.
void HostEvents::put(const EGLHostEventVDMABUF& event) noexcept {
    events_[(first_ + count_) % kMaxEvents] = event;
    if (count_ < kMaxEvents) {
        ++count_;
    } else {
        first_ = (first_ + 1) % kMaxEvents;
    }
}

window::Extent HostEvents::wish() const noexcept {
    const std::lock_guard lock(mutex_);
    return {configured_.width, configured_.height};
}

bool HostEvents::occluded() const noexcept {
    const std::lock_guard lock(mutex_);
    return (configured_.flags & stream::kConfigureOccluded) != 0;
}

bool HostEvents::close_requested() const noexcept {
    const std::lock_guard lock(mutex_);
    return close_requested_;
}

bool HostEvents::next(std::uint64_t timeout_ns, EGLHostEventVDMABUF& event) {
    event = {};
    event.type = EGL_NONE;
    std::unique_lock lock(mutex_);
    const auto ready = [this] { return count_ != 0 || ended_; };
    if (timeout_ns == EGL_FOREVER_KHR) {
        changed_.wait(lock, ready);
    } else {
        // Longer than any program runs, and no sum of it with the time overflows.
        constexpr std::uint64_t kLongest = std::uint64_t{1} << 60;
        const std::chrono::nanoseconds timeout(std::min(timeout_ns, kLongest));
        (void)changed_.wait_for(lock, timeout, ready);
    }
    if (ended_) return false;
    if (count_ == 0) return true;
    event = events_[first_];
    first_ = (first_ + 1) % kMaxEvents;
    --count_;
    return true;
}

}  // namespace vdmabuf::egl
