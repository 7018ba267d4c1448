// SPDX-License-Identifier: MIT
#pragma once

#include <cstdint>
#include <memory>
#include <optional>

#include "runtime/viewer/wayland/display.hpp"

struct wl_surface;
struct wp_presentation_feedback;

namespace vdmabuf::viewer::wayland {

// When the contents of a surface came onto the screen, as the compositor tells by
// presentation-time.
class ShownTimes {
  public:
    explicit ShownTimes(std::shared_ptr<Display> display) : display_(std::move(display)) {}
    ~ShownTimes();
    ShownTimes(const ShownTimes&) = delete;
    ShownTimes& operator=(const ShownTimes&) = delete;

    // Of the next commit of `surface`. What was asked for before is forgotten.
    void ask(wl_surface* surface) { ask(display_->lock(), surface); }
    void ask(const Display::Lock& lock, wl_surface* surface);

    struct Time {
        std::uint64_t time_ns = 0;     // CLOCK_MONOTONIC
        std::uint64_t refresh_ns = 0;  // 0: not known
    };
    // The answer. Nothing where the compositor does not tell, has not within `timeout_ns` (windows
    // that nobody sees), or says that these contents never were on the screen.
    std::optional<Time> wait(std::uint64_t timeout_ns);

  private:
    friend struct FeedbackListener;
    void forget();
    std::shared_ptr<Display> display_;
    struct wp_presentation_feedback* asked_ = nullptr;  // with the display's lock
    std::optional<Time> told_;                          // likewise
};

}  // namespace vdmabuf::viewer::wayland
