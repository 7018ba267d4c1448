// SPDX-License-Identifier: MIT
#include "runtime/viewer/wayland/shown_times.hpp"

#include <utility>

#include "presentation-time-client-protocol.h"
#include "runtime/common/clock.hpp"

namespace vdmabuf::viewer::wayland {
namespace {

using Feedback = struct wp_presentation_feedback;  // there is a function of this name, too

// Times further away than this are not believed.
constexpr std::uint64_t kBelievedNs = kNsPerSecond;

}  // namespace

struct FeedbackListener {
    static void sync_output(void*, Feedback*, wl_output*) {}
    static void presented(void* data, Feedback* feedback, std::uint32_t high, std::uint32_t low,
                          std::uint32_t ns, std::uint32_t refresh_ns, std::uint32_t, std::uint32_t,
                          std::uint32_t) {
        auto& times = *static_cast<ShownTimes*>(data);
        const std::uint64_t seconds = std::uint64_t{high} << 32 | low;
        const std::uint64_t at =
            times.display_->to_monotonic(seconds * kNsPerSecond + std::uint64_t{ns});
        const std::uint64_t now = now_ns();
        if (at + kBelievedNs > now && at < now + kBelievedNs) {
            times.told_ = ShownTimes::Time{at, refresh_ns};
        }
        discarded(data, feedback);
    }
    static void discarded(void* data, Feedback* feedback) {
        wp_presentation_feedback_destroy(feedback);
        static_cast<ShownTimes*>(data)->asked_ = nullptr;
    }
    static constexpr wp_presentation_feedback_listener kAll{sync_output, presented, discarded};
};

ShownTimes::~ShownTimes() {
    const auto lock = display_->lock();
    forget();
}

void ShownTimes::forget() {
    if (asked_) wp_presentation_feedback_destroy(std::exchange(asked_, nullptr));
    told_.reset();
}

void ShownTimes::ask(const Display::Lock&, wl_surface* surface) {
    if (!display_->globals().presentation) return;
    forget();
    asked_ = wp_presentation_feedback(display_->globals().presentation, surface);
    if (asked_) wp_presentation_feedback_add_listener(asked_, &FeedbackListener::kAll, this);
}

std::optional<ShownTimes::Time> ShownTimes::wait(std::uint64_t timeout_ns) {
    auto lock = display_->lock();
    display_->wait_until(lock, now_ns() + timeout_ns, [this] { return !asked_; });
    return std::exchange(told_, std::nullopt);
}

}  // namespace vdmabuf::viewer::wayland
