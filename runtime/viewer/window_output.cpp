// SPDX-License-Identifier: MIT
#include "runtime/viewer/window_output.hpp"

#include <atomic>
#include <mutex>

#include "runtime/common/clock.hpp"
#include "runtime/common/log.hpp"
#include "runtime/viewer/presenter.hpp"
#include "runtime/viewer/size_wishes.hpp"
#include "runtime/viewer/window_input.hpp"

namespace vdmabuf::viewer {
namespace {

// Brings calls of other threads to the loop's, and drops them once the output has ended.
class LoopEvents {
  public:
    LoopEvents(EventLoop& loop, OutputEvents events)
        : loop_(loop),
          events_(std::make_shared<OutputEvents>(std::move(events))),
          while_alive_(events_) {}

    template <typename Call>
    void post(Call call) const {
        loop_.post([weak = while_alive_, call = std::move(call)] {
            if (const auto events = weak.lock()) call(*events);
        });
    }
    // On the loop's thread.
    void end() { events_.reset(); }

  private:
    EventLoop& loop_;
    std::shared_ptr<OutputEvents> events_;  // of the loop's thread
    const std::weak_ptr<OutputEvents> while_alive_;
};

// What the main thread, the presenter and the loop share of a window. Outlives the output while the
// main thread still has events for it.
class SharedWindow final : public WindowListener {
  public:
    SharedWindow(EventLoop& loop, OutputEvents events, std::shared_ptr<gpu::Device> device,
                 const OutputInfo& info, std::optional<std::uint64_t> refresh_ns,
                 const Settings& settings)
        : events_(loop, std::move(events)),
          wanted_refresh_ns_(refresh_ns),
          takes_input_(info.takes_input),
          hidden_period_ns_(settings.hidden_hz > 0
                                ? static_cast<std::uint64_t>(kNsPerSecond / settings.hidden_hz)
                                : 0),
          scale_(settings.scale),
          hud_(settings.hud) {
        presenter_ = std::make_unique<Presenter>(
            std::move(device), info.history, info.colours, settings.hdr == Hdr::automatic,
            [this](const Shown& shown) {
                events_.post([shown](OutputEvents& to) { to.shown(shown); });
            });
        presenter_->set_scale(scale_);
        if (hud_) presenter_->set_hud(true);
    }

    // ---- the main thread
    void opened(VkSurfaceKHR surface, std::uint32_t width, std::uint32_t height,
                std::uint64_t refresh_ns, std::unique_ptr<wayland::DirectWindow> direct) override {
        const std::lock_guard lock(mutex_);
        if (!presenter_) return;
        refresh_ns_ = wanted_refresh_ns_.value_or(refresh_ns);
        shown_.window_width = width;
        shown_.window_height = height;
        presenter_->start(surface, {width, height}, refresh_ns_, wanted_refresh_ns_.has_value(),
                          std::move(direct));
        tell(wishes_.window_resized({width, height}) ? Size{width, height} : Size{0, 0});
    }
    void open_failed(const std::string& why) override {
        LOG_ERROR("cannot open a window: %s", why.c_str());
        const std::lock_guard lock(mutex_);
        if (presenter_) presenter_->start_without_window();
    }
    void resized(std::uint32_t width, std::uint32_t height) override {
        const std::lock_guard lock(mutex_);
        if (!presenter_) return;
        shown_.window_width = width;
        shown_.window_height = height;
        presenter_->resized({width, height});
        if (wishes_.window_resized({width, height})) tell({width, height});
    }
    void exposed() override {
        const std::lock_guard lock(mutex_);
        if (presenter_) presenter_->redraw();
    }
    void occluded(bool is_occluded) override {
        const std::lock_guard lock(mutex_);
        if (occluded_ == is_occluded) return;
        occluded_ = is_occluded;
        if (presenter_) presenter_->set_hidden(is_occluded ? hidden_period_ns_ : 0);
        tell({0, 0});
    }
    void close_clicked() override {
        events_.post([](OutputEvents& to) { to.close_wanted(); });
    }

    void next_scale() override {
        const std::lock_guard lock(mutex_);
        constexpr int kScales = static_cast<int>(Scale::one_to_one) + 1;
        scale_ = static_cast<Scale>((static_cast<int>(scale_) + 1) % kScales);
        if (presenter_) presenter_->set_scale(scale_);
    }
    void input(std::span<const input::Event> events) override {
        const std::lock_guard lock(mutex_);
        if (!takes_input_) return;
        shown_.scale = scale_;
        WindowInput::Mapped mapped = input_.map(events, shown_);
        if (mapped.events.empty()) return;
        events_.post([mapped = std::move(mapped)](OutputEvents& to) {
            to.input(mapped.events, mapped.width, mapped.height);
        });
    }
    void clipboard(const std::string& text) override {
        events_.post([text](OutputEvents& to) { to.clipboard(text); });
    }
    void toggle_hud() override {
        const std::lock_guard lock(mutex_);
        hud_ = !hud_;
        if (presenter_) presenter_->set_hud(hud_);
    }
    void picture_wanted() override {
        events_.post([](OutputEvents& to) { to.picture_wanted(); });
    }

    // ---- the loop's thread
    // `size`: of the window, as the app has it. True: the window should take it.
    bool show(std::shared_ptr<consumer::ImportedImage> image, std::uint64_t serial, Size size) {
        const std::lock_guard lock(mutex_);
        const consumer::ImageLayout& layout = image->layout();
        shown_.picture_width = layout.width;
        shown_.picture_height = layout.height;
        shown_.scaling = layout.scaling;
        presenter_->show(std::move(image), serial);
        return wishes_.frame_resized(size);
    }
    void end() {
        events_.end();
        std::unique_ptr<Presenter> presenter;
        {
            const std::lock_guard lock(mutex_);
            presenter = std::move(presenter_);
        }
        // Not under the lock: its thread is joined here.
    }

  private:
    void tell(Size size) {
        const bool hidden = occluded_;
        const std::uint64_t refresh_ns = refresh_ns_;
        events_.post([size, hidden, refresh_ns](OutputEvents& to) {
            to.configured(size.first, size.second, refresh_ns, hidden);
        });
    }

    LoopEvents events_;
    const std::optional<std::uint64_t> wanted_refresh_ns_;
    const bool takes_input_;
    const std::uint64_t hidden_period_ns_;
    std::mutex mutex_;
    WindowInput input_;
    WindowInput::Shown shown_;
    SizeWishes wishes_;
    std::uint64_t refresh_ns_ = 0;
    bool occluded_ = false;
    Scale scale_;
    bool hud_;
    std::unique_ptr<Presenter> presenter_;  // null: the output has ended
};

class WindowOutput final : public Output {
  public:
    WindowOutput(WindowSystem& windows, const OutputInfo& info, const Settings& settings,
                 std::shared_ptr<SharedWindow> shared)
        : windows_(windows), info_(info), settings_(settings), shared_(std::move(shared)) {}
    ~WindowOutput() override {
        shared_->end();
        if (window_ != 0) windows_.close_window(window_);
    }

    void show(std::shared_ptr<consumer::ImportedImage> image, std::uint64_t serial) override {
        const consumer::ImageLayout& layout = image->layout();
        const bool scaled = layout.scaling.behaviour != stream::ScalingBehaviour::any;
        const std::uint32_t width = scaled ? info_.width : layout.width;
        const std::uint32_t height = scaled ? info_.height : layout.height;
        const bool new_size = shared_->show(std::move(image), serial, {width, height});
        if (window_ == 0) {
            window_ = windows_.open_window(
                {info_.title, info_.app_id, width, height, settings_.fullscreen, settings_.on_top,
                 info_.takes_clipboard},
                shared_);
        } else if (new_size) {
            windows_.resize_window(window_, width, height);
        }
    }
    void set_cursor(bool hidden) override {
        if (window_ != 0) windows_.set_cursor(window_, hidden);
    }
    void set_cursor_image(const cursor::Image& image) override {
        if (window_ != 0) windows_.set_cursor_image(window_, image);
    }
    void set_clipboard(const std::string& text) override {
        if (window_ != 0) windows_.set_clipboard(window_, text);
    }
    void set_extent(std::uint32_t width, std::uint32_t height) override {
        info_.width = width;  // from the next picture on
        info_.height = height;
    }
    void set_title(const std::string& title) override {
        info_.title = title;
        if (window_ != 0) windows_.set_title(window_, title);
    }

  private:
    WindowSystem& windows_;
    OutputInfo info_;
    const Settings& settings_;
    std::shared_ptr<SharedWindow> shared_;
    WindowSystem::WindowId window_ = 0;  // opened by the first frame: then its size is known
};

}  // namespace

Result<std::unique_ptr<Output>> WindowOutputs::make(const OutputInfo& info, OutputEvents events) {
    auto shared = std::make_shared<SharedWindow>(loop_, std::move(events), device_, info,
                                                 refresh_ns_, settings_);
    return std::unique_ptr<Output>(
        std::make_unique<WindowOutput>(windows_, info, settings_, std::move(shared)));
}

}  // namespace vdmabuf::viewer
