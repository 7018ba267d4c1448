// SPDX-License-Identifier: MIT
#pragma once

#include <condition_variable>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <thread>

#include "runtime/consumer/gpu/commands.hpp"
#include "runtime/consumer/gpu/device.hpp"
#include "runtime/consumer/imported_image.hpp"
#include "runtime/viewer/draw.hpp"
#include "runtime/viewer/frame_history.hpp"
#include "runtime/viewer/hud.hpp"
#include "runtime/viewer/output.hpp"
#include "runtime/viewer/refresh_pacer.hpp"
#include "runtime/viewer/stream_colours.hpp"
#include "runtime/viewer/swapchain.hpp"
#include "runtime/viewer/wayland/direct_window.hpp"

namespace vdmabuf::viewer {

// The thread that draws one window: newest frame to a swapchain's image, wait for the GPU, tell.
// The other calls come from any thread and return at once, but for the destructor.
class Presenter {
  public:
    using ShownHandler = std::function<void(const Shown&)>;  // on the presenter's thread

    // `history`: what a HUD tells of; null: it never gets one. `native`: colours other than sRGB go
    // to displays that take them as they are.
    Presenter(std::shared_ptr<gpu::Device> device, std::shared_ptr<FrameHistory> history,
              std::shared_ptr<StreamColours> colours, bool native, ShownHandler shown);
    // Ends the thread; waits for the GPU's last submission.
    ~Presenter();
    Presenter(const Presenter&) = delete;
    Presenter& operator=(const Presenter&) = delete;

    // The window is there; `refresh_ns` and `always`: as RefreshPacer. The surface must live until
    // the presenter's end. `direct`: where the compositor is Wayland's.
    void start(VkSurfaceKHR surface, VkExtent2D extent, std::uint64_t refresh_ns, bool always,
               std::unique_ptr<wayland::DirectWindow> direct);
    // The window will never be there: frames are given up.
    void start_without_window();
    void show(std::shared_ptr<consumer::ImportedImage> image, std::uint64_t serial);
    void resized(VkExtent2D extent);
    void redraw();
    void set_scale(Scale scale);  // and draws anew
    void set_hud(bool on);        // likewise
    // While nobody sees the window, frames count as shown no faster than every `period_ns`; 0: it
    // is seen.
    void set_hidden(std::uint64_t period_ns);

  private:
    struct Frame {
        std::shared_ptr<consumer::ImportedImage> image;
        std::uint64_t serial = 0;
    };
    enum class Drawn { yes, no, later };  // no: the window has no area

    void run();
    void draw_next(std::unique_lock<std::mutex>& lock);
    // `submitted_ns`: when the drawing was handed to the GPU.
    Result<Drawn> draw(const consumer::ImportedImage& image, VkExtent2D extent, bool anew,
                       Scale scale, bool hud, std::uint64_t& submitted_ns);
    // The frame goes to the compositor as it is. False: it is to be drawn.
    bool pass_on(consumer::ImportedImage& image, VkExtent2D extent, Scale scale, bool hud,
                 bool is_new);
    void wait_for_display(Shown& shown);
    bool prepare_hud(VkFormat format);
    void wait_for_work(std::unique_lock<std::mutex>& lock);
    void wait_until_shown(std::unique_lock<std::mutex>& lock, Shown& shown, std::uint64_t at);

    std::shared_ptr<gpu::Device> device_;
    const std::shared_ptr<FrameHistory> history_;
    const std::shared_ptr<StreamColours> colours_;
    const bool native_;
    ShownHandler shown_;

    std::mutex mutex_;
    std::condition_variable changed_;
    bool stop_ = false;
    bool started_ = false;
    bool redraw_ = false;
    bool new_extent_ = false;
    VkSurfaceKHR surface_ = VK_NULL_HANDLE;
    VkExtent2D extent_{};
    Scale scale_ = Scale::fit;
    bool hud_wanted_ = false;
    std::optional<Frame> next_;
    std::optional<RefreshPacer> pacer_;
    std::uint64_t hidden_period_ns_ = 0;

    // Of the thread alone.
    std::optional<Frame> newest_;
    std::unique_ptr<wayland::DirectWindow> direct_;  // set by start(); null: no Wayland
    std::string told_;                               // why frames are drawn, as was said last
    std::optional<Swapchain> swapchain_;
    std::optional<gpu::Commands> commands_;
    Painter painter_;
    std::unique_ptr<Hud> hud_;  // made by the first frame that it is wanted on
    bool hud_broken_ = false;
    bool hud_stale_ = false;      // tells of frames that were a second ago
    bool kept_told_ = false;      // that the compositor keeps frames
    bool broken_ = false;         // the last drawing failed, and that was said
    std::uint64_t shown_ns_ = 0;  // when the last frame counted as shown

    std::thread thread_;  // last: started when all else is there
};

}  // namespace vdmabuf::viewer
