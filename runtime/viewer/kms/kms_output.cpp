// SPDX-License-Identifier: MIT
#include "runtime/viewer/kms/kms_output.hpp"

#include <sys/epoll.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <optional>
#include <utility>
#include <vector>

#include "runtime/common/clock.hpp"
#include "runtime/common/log.hpp"
#include "runtime/consumer/colour/colour_converter.hpp"
#include "runtime/viewer/kms/arrow.hpp"
#include "runtime/viewer/kms/composer.hpp"
#include "runtime/viewer/refresh_pacer.hpp"
#include "runtime/viewer/window_input.hpp"

namespace vdmabuf::viewer {
namespace {

// After so long without a frame the HUD says that the picture is still.
constexpr std::uint64_t kHudPauseNs = 1100 * kNsPerMs;

}  // namespace

class KmsOutput final : public Output {
  public:
    KmsOutput(KmsOutputs& desk, OutputInfo info, OutputEvents events)
        : desk_(desk),
          loop_(desk.loop_),
          screen_(desk.screen_),
          info_(std::move(info)),
          events_(std::move(events)),
          pacer_(screen_.refresh_ns(), false),
          composer_(desk.device_, screen_.width(), screen_.height()) {}
    ~KmsOutput() override {
        for (const EventLoop::TimerId timer : {shown_timer_, hud_timer_}) {
            if (timer != 0) loop_.cancel(timer);
        }
        if (watches_) loop_.remove(screen_.fd());
        if (desk_.shown_ == this) desk_.shown_ = nullptr;
        screen_.hide_cursor();
    }
    Status start() {
        auto added = loop_.add(screen_.fd(), EPOLLIN, [this](std::uint32_t) {
            const std::uint64_t at = screen_.on_readable();
            if (at != 0) flipped(at);
        });
        if (!added) return added;
        watches_ = true;
        desk_.shown_ = this;
        if (info_.history) info_.history->watch(desk_.hud_);
        configure(screen_.width(), screen_.height());
        return {};
    }

    // ---- of the session
    void show(std::shared_ptr<consumer::ImportedImage> image, std::uint64_t serial) override {
        // One that still waits belongs to a broker that has gone.
        if (shown_timer_ != 0) loop_.cancel(std::exchange(shown_timer_, 0));
        next_ = Frame{std::move(image), serial};
        if (!waits_) draw();
        if (!focused_) take_focus();
    }
    void set_cursor(bool hidden) override {
        hidden_ = hidden;
        show_cursor();
    }
    void set_cursor_image(const cursor::Image& image) override {
        cursor_ = image;
        show_cursor();
    }

    // ---- of the user
    void input(std::span<const input::Event> happened) {
        if (!info_.takes_input || !drawn_ || desk_.away_) return;
        const consumer::ImageLayout& layout = drawn_->layout();
        const WindowInput::Mapped mapped =
            input_.map(happened, {layout.width, layout.height, layout.scaling, screen_.width(),
                                  screen_.height(), desk_.scale_});
        if (!mapped.events.empty()) events_.input(mapped.events, mapped.width, mapped.height);
    }
    void redraw() {
        redraw_ = true;
        if (!waits_) draw();
    }
    void hud_changed() {
        if (info_.history) info_.history->watch(desk_.hud_);
        redraw();
    }
    void picture_wanted() const { events_.picture_wanted(); }
    void next_wanted() const { events_.next_wanted(); }
    void left() {
        if (std::exchange(focused_, false) && info_.takes_input) {
            const input::Event gone = input::make_event(input::Kind::focus);
            events_.input({&gone, 1}, screen_.width(), screen_.height());
        }
        configure(0, 0);
        // What was on its way to the screen has no one to tell of it.
        if (waits_) flipped(0);
    }
    void entered() {
        configure(0, 0);
        redraw();
        take_focus();
    }
    void show_cursor() {
        if (!desk_.points_ || desk_.grabbed_ || hidden_ || desk_.away_) {
            return screen_.hide_cursor();
        }
        if (!cursor_ || !screen_.set_cursor(*cursor_)) screen_.set_cursor(arrow_cursor());
        screen_.move_cursor(desk_.pointer_.x / input::kFraction,
                            desk_.pointer_.y / input::kFraction);
    }

  private:
    struct Frame {
        std::shared_ptr<consumer::ImportedImage> image;
        std::uint64_t serial = 0;
    };
    struct Direct {
        std::weak_ptr<consumer::ImportedImage> of;  // the image that it was made for
        std::unique_ptr<Screen::Framebuffer> framebuffer;
    };

    void configure(std::uint32_t width, std::uint32_t height) {
        events_.configured(width, height, screen_.refresh_ns(), desk_.away_);
    }
    void take_focus() {
        if (!drawn_ || desk_.away_) return;
        focused_ = true;
        std::vector<input::Event> events{input::make_event(input::Kind::focus, 0, 1)};
        if (desk_.points_ && !desk_.grabbed_) events.push_back(desk_.pointer_);
        input(events);
        show_cursor();
    }

    // The frame that waits, else the last one anew.
    void draw() {
        flips_frame_ = next_.has_value();
        redraw_ = false;
        if (flips_frame_) {
            shown_ = {};
            shown_.serial = next_->serial;
            shown_.refresh_ns = screen_.refresh_ns();
            shown_.cpu_copied_bytes = next_->image->prepare();
            shown_.imported_ns = now_ns();
            before_ = std::exchange(drawn_, std::move(next_->image));
            next_.reset();
        }
        if (!drawn_) return;
        if (desk_.away_) {
            // Nobody sees it, and the screen is another program's.
            if (flips_frame_) later(now_ns() + std::max(screen_.refresh_ns(), hidden_period_ns()));
            return;
        }
        info_.colours->set_shown(shown_without_display(drawn_->layout()));
        const Screen::Framebuffer* framebuffer = desk_.hud_ ? nullptr : direct(drawn_);
        if (!framebuffer) framebuffer = compose(*drawn_);
        shown_.drawn_ns = now_ns();
        if (!framebuffer) return give_up("no framebuffer");
        waits_ = true;
        auto flips = screen_.show(*framebuffer);
        if (!flips) return give_up(flips.error().text);
        watch_hud();
        if (!*flips) flipped(0);
    }
    std::uint64_t hidden_period_ns() const {
        const double hz = desk_.settings_.hidden_hz;
        return hz > 0 ? static_cast<std::uint64_t>(kNsPerSecond / hz) : 0;
    }
    void give_up(const std::string& why) {
        if (!std::exchange(told_, true)) LOG_ERROR("cannot show: %s", why.c_str());
        waits_ = false;
        if (!flips_frame_) return;
        shown_.ok = false;
        later(now_ns() + screen_.refresh_ns());
    }
    void flipped(std::uint64_t at) {
        if (!std::exchange(waits_, false)) return;
        if (flips_frame_) {
            shown_.display_time = at != 0;
            // Some controllers (virtio-gpu) have no refresh, and have flipped at once.
            later(pacer_.shown_at(at != 0 ? at : now_ns()));
        }
        if (next_ || redraw_) draw();
    }
    void later(std::uint64_t at) {
        shown_.time_ns = at;
        shown_timer_ = loop_.at(at, [this] {
            shown_timer_ = 0;
            before_.reset();
            events_.shown(shown_);
        });
    }
    // A HUD that says so of frames that come no more, once: then nothing wakes us.
    void watch_hud() {
        if (hud_timer_ != 0) loop_.cancel(std::exchange(hud_timer_, 0));
        if (!desk_.hud_ || !flips_frame_) return;
        hud_timer_ = loop_.at(now_ns() + kHudPauseNs, [this] {
            hud_timer_ = 0;
            redraw();
        });
    }

    // Null: it is to be copied.
    const Screen::Framebuffer* direct(const std::shared_ptr<consumer::ImportedImage>& image) {
        std::erase_if(direct_, [](const Direct& each) { return each.of.expired(); });
        const consumer::ImageLayout& layout = image->layout();
        if (image->dmabuf() < 0 || consumer::ColourConverter::wanted(layout) || layout.y_flip ||
            layout.plane_count != 1 || layout.width != screen_.width() ||
            layout.height != screen_.height() || refused_) {
            return nullptr;
        }
        for (const Direct& each : direct_) {
            if (each.of.lock() == image) return each.framebuffer.get();
        }
        auto imported = screen_.import(image->dmabuf(), layout.format->fourcc,
                                       static_cast<std::uint32_t>(layout.offset),
                                       static_cast<std::uint32_t>(layout.pitch), layout.modifier);
        if (!imported) {
            refused_ = true;
            LOG_INFO("frames are copied to the screen: %s", imported.error().text.c_str());
            return nullptr;
        }
        direct_.push_back({image, std::move(*imported)});
        return direct_.back().framebuffer.get();
    }

    const Screen::Framebuffer* compose(const consumer::ImportedImage& image) {
        auto& to = dumb_[turn_ ^= 1];
        if (!to) {
            auto made = screen_.make_dumb();
            if (!made) return failed(made.error());
            to = std::move(*made);
        }
        auto pixels = composer_.compose(image, desk_.scale_, info_.colours->metadata(),
                                        desk_.hud_ ? info_.history.get() : nullptr);
        if (!pixels) return failed(pixels.error());
        const std::size_t row = std::size_t{screen_.width()} * 4;
        for (std::uint32_t y = 0; y < screen_.height(); ++y) {
            std::memcpy(to->pixels() + std::size_t{y} * to->pitch(), *pixels + y * row, row);
        }
        if (flips_frame_) shown_.cpu_copied_bytes += row * screen_.height();
        return to.get();
    }
    const Screen::Framebuffer* failed(const Error& error) {
        if (!told_) LOG_ERROR("cannot draw: %s", error.text.c_str());
        return nullptr;
    }

    KmsOutputs& desk_;
    EventLoop& loop_;
    Screen& screen_;
    const OutputInfo info_;
    OutputEvents events_;
    RefreshPacer pacer_;
    Composer composer_;
    WindowInput input_;
    bool focused_ = false;
    bool hidden_ = false;  // the app wants no cursor
    std::optional<cursor::Image> cursor_;
    bool watches_ = false;
    bool waits_ = false;        // for a flip
    bool flips_frame_ = false;  // of a frame, not of one that was shown before
    bool redraw_ = false;
    bool refused_ = false;  // the controller does not take this stream's dmabufs
    bool told_ = false;
    Shown shown_;
    EventLoop::TimerId shown_timer_ = 0;
    EventLoop::TimerId hud_timer_ = 0;
    std::optional<Frame> next_;                        // not drawn yet
    std::shared_ptr<consumer::ImportedImage> drawn_;   // handed to the screen
    std::shared_ptr<consumer::ImportedImage> before_;  // read until drawn_ is shown
    std::array<std::unique_ptr<Screen::Framebuffer>, 2> dumb_;
    unsigned turn_ = 0;
    std::vector<Direct> direct_;
};

KmsOutputs::KmsOutputs(EventLoop& loop, Screen& screen, std::shared_ptr<gpu::Device> device,
                       const Settings& settings)
    : loop_(loop),
      screen_(screen),
      device_(std::move(device)),
      settings_(settings),
      scale_(settings.scale),
      hud_(settings.hud) {}
KmsOutputs::~KmsOutputs() = default;

Result<std::unique_ptr<Output>> KmsOutputs::make(const OutputInfo& info, OutputEvents events) {
    auto output = std::make_unique<KmsOutput>(*this, info, std::move(events));
    if (auto started = output->start(); !started) return started.error();
    return std::unique_ptr<Output>(std::move(output));
}

void KmsOutputs::input(std::span<const input::Event> events) {
    for (const input::Event& event : events) {
        if (input::kind_of(event) == input::Kind::motion) point(event);
    }
    if (shown_) shown_->input(events);
}

void KmsOutputs::point(const input::Event& motion) {
    pointer_ = motion;
    if (!std::exchange(points_, true) && shown_) shown_->show_cursor();
    screen_.move_cursor(motion.x / input::kFraction, motion.y / input::kFraction);
}

void KmsOutputs::set_grabbed(bool grabbed) {
    grabbed_ = grabbed;
    if (shown_) shown_->show_cursor();
}

void KmsOutputs::toggle_hud() {
    hud_ = !hud_;
    if (shown_) shown_->hud_changed();
}

void KmsOutputs::next_scale() {
    constexpr int kScales = static_cast<int>(Scale::one_to_one) + 1;
    scale_ = static_cast<Scale>((static_cast<int>(scale_) + 1) % kScales);
    if (shown_) shown_->redraw();
}

void KmsOutputs::picture_wanted() {
    if (shown_) shown_->picture_wanted();
}

void KmsOutputs::next_stream() {
    if (shown_) shown_->next_wanted();
}

void KmsOutputs::leave() {
    if (std::exchange(away_, true)) return;
    if (shown_) shown_->left();
    screen_.leave();
}

void KmsOutputs::enter() {
    if (!away_) return;
    if (auto ours = screen_.enter(); !ours) {
        LOG_ERROR("%s", ours.error().text.c_str());
        return;
    }
    away_ = false;
    if (shown_) shown_->entered();
}

}  // namespace vdmabuf::viewer
