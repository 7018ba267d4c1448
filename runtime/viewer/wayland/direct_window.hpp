// SPDX-License-Identifier: MIT
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "runtime/consumer/imported_image.hpp"
#include "runtime/viewer/fit.hpp"
#include "runtime/viewer/wayland/buffer.hpp"
#include "runtime/viewer/wayland/display.hpp"
#include "runtime/viewer/wayland/shown_times.hpp"

struct wl_buffer;
struct wl_subsurface;
struct wl_surface;
struct wp_viewport;

namespace vdmabuf::viewer::wayland {

// What the compositor does for a window beside showing what is drawn into it: it takes frames as
// they are, by a subsurface that lies over the window and takes no input, and tells when it has
// shown something. The window itself is SDL's; below a frame that is passed on it is black.
// One thread, but for the constructor.
class DirectWindow {
  public:
    struct Size {
        std::uint32_t width = 0;
        std::uint32_t height = 0;
        bool operator==(const Size&) const = default;
    };

    // `window` must outlive the object. `passes_on` false: it tells times only.
    DirectWindow(std::shared_ptr<Display> display, wl_surface* window, bool passes_on);
    ~DirectWindow();
    DirectWindow(const DirectWindow&) = delete;
    DirectWindow& operator=(const DirectWindow&) = delete;

    // Whether the compositor can show the image so; the reason why not. Waits for its answer when
    // it sees the image for the first time, and for the GPU of the image's producer.
    Status prepare(consumer::ImportedImage& image, Size window, Scale scale);
    // Shows what was prepared. `anew`: it is another picture than the last one.
    void show(consumer::ImportedImage& image, Size window, Scale scale, bool anew);
    // After show(): what was drawn into the window will not be seen any more. Then the window may
    // have no swapchain.
    void cover(Size window);
    // The window has been drawn into: that is to be seen.
    void uncover();
    bool is_covered() const { return mapped_; }
    // The compositor reads no other images than the newest, nor do its devices. False: it does
    // still, after that time.
    bool wait_released(std::uint64_t timeout_ns);

    // Of what is drawn: to be called before that is presented.
    void ask_time() { times_.ask(window_); }
    // Of what was shown or presented last.
    std::optional<ShownTimes::Time> wait_time(std::uint64_t timeout_ns) {
        return times_.wait(timeout_ns);
    }

  private:
    std::shared_ptr<Buffer> buffer_of(consumer::ImportedImage& image, std::string& why);
    void put(const Placement& at);
    void commit_window(Size window);

    std::shared_ptr<Display> display_;
    wl_surface* window_;
    const bool passes_on_;
    ShownTimes times_;
    wl_surface* surface_ = nullptr;  // null: frames are not passed on
    wl_subsurface* subsurface_ = nullptr;
    wp_viewport* viewport_ = nullptr;
    std::optional<Placement> placed_;
    std::vector<std::shared_ptr<Buffer>> shown_;  // that the compositor may read; newest last
    Size black_;                                  // of the window below; 0: it has been drawn into
    wl_buffer* background_ = nullptr;
    bool mapped_ = false;
};

}  // namespace vdmabuf::viewer::wayland
