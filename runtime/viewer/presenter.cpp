// SPDX-License-Identifier: MIT
#include "runtime/viewer/presenter.hpp"

#include <algorithm>
#include <chrono>
#include <utility>

#include "runtime/common/clock.hpp"
#include "runtime/common/log.hpp"
#include "runtime/consumer/writers_semaphore.hpp"

namespace vdmabuf::viewer {
namespace {

// After so long without a frame the HUD says that the picture is still.
constexpr std::chrono::milliseconds kHudPause{1100};
// A window that is not seen may show nothing for long; the app's next frame waits for this one.
constexpr std::uint64_t kShownNs = 100 * kNsPerMs;
// How long a compositor may keep the frame before. The broker takes that back after half a second.
constexpr std::uint64_t kReleasedNs = 300 * kNsPerMs;

}  // namespace

Presenter::Presenter(std::shared_ptr<gpu::Device> device, std::shared_ptr<FrameHistory> history,
                     std::shared_ptr<StreamColours> colours, bool native, ShownHandler shown)
    : device_(std::move(device)),
      history_(std::move(history)),
      colours_(std::move(colours)),
      native_(native),
      shown_(std::move(shown)),
      painter_(device_),
      thread_([this] { run(); }) {}

Presenter::~Presenter() {
    {
        const std::lock_guard lock(mutex_);
        stop_ = true;
        changed_.notify_all();
    }
    thread_.join();
}

void Presenter::start(VkSurfaceKHR surface, VkExtent2D extent, std::uint64_t refresh_ns,
                      bool always, std::unique_ptr<wayland::DirectWindow> direct) {
    const std::lock_guard lock(mutex_);
    surface_ = surface;
    direct_ = std::move(direct);
    extent_ = extent;
    pacer_.emplace(refresh_ns, always);
    started_ = true;
    changed_.notify_all();
}

void Presenter::start_without_window() {
    const std::lock_guard lock(mutex_);
    pacer_.emplace(kNsPerSecond / 60, true);
    started_ = true;
    changed_.notify_all();
}

void Presenter::show(std::shared_ptr<consumer::ImportedImage> image, std::uint64_t serial) {
    const std::lock_guard lock(mutex_);
    next_ = Frame{std::move(image), serial};
    changed_.notify_all();
}

void Presenter::resized(VkExtent2D extent) {
    const std::lock_guard lock(mutex_);
    extent_ = extent;
    new_extent_ = true;
    redraw_ = true;
    changed_.notify_all();
}

void Presenter::redraw() {
    const std::lock_guard lock(mutex_);
    redraw_ = true;
    changed_.notify_all();
}

void Presenter::set_scale(Scale scale) {
    const std::lock_guard lock(mutex_);
    scale_ = scale;
    redraw_ = true;
    changed_.notify_all();
}

void Presenter::set_hud(bool on) {
    if (!history_) return;
    history_->watch(on);
    const std::lock_guard lock(mutex_);
    hud_wanted_ = on;
    redraw_ = true;
    changed_.notify_all();
}

void Presenter::set_hidden(std::uint64_t period_ns) {
    const std::lock_guard lock(mutex_);
    hidden_period_ns_ = period_ns;
    changed_.notify_all();
}

void Presenter::wait_for_work(std::unique_lock<std::mutex>& lock) {
    const auto work = [this] { return stop_ || (started_ && (next_ || redraw_)); };
    if (!hud_stale_) return changed_.wait(lock, work);
    // A HUD that says so of frames that come no more, once: then it sleeps as well.
    if (changed_.wait_for(lock, kHudPause, work)) return;
    hud_stale_ = false;
    redraw_ = started_ && hud_wanted_;
    changed_.wait(lock, work);
}

void Presenter::run() {
    std::unique_lock lock(mutex_);
    for (;;) {
        if (swapchain_ && !next_ && !redraw_ && !stop_) {
            lock.unlock();
            swapchain_->acquire_ahead();
            lock.lock();
        }
        wait_for_work(lock);
        if (stop_) break;
        draw_next(lock);
    }
    lock.unlock();
    // On the thread that used them, and before the window goes.
    commands_.reset();
    hud_.reset();
    direct_.reset();
    swapchain_.reset();
}

void Presenter::draw_next(std::unique_lock<std::mutex>& lock) {
    std::optional<Frame> frame = std::move(next_);
    next_.reset();
    redraw_ = false;
    const bool anew = std::exchange(new_extent_, false);
    const VkExtent2D extent = extent_;
    const Scale scale = scale_;
    const bool hud = hud_wanted_;
    const VkSurfaceKHR surface = surface_;
    lock.unlock();

    Shown shown;
    if (frame) {
        shown.serial = frame->serial;
        shown.cpu_copied_bytes = frame->image->prepare();
        shown.imported_ns = now_ns();
    }
    const bool is_new = frame.has_value();
    consumer::ImportedImage* image = nullptr;
    if (is_new) {
        image = frame->image.get();
    } else if (newest_) {
        image = newest_->image.get();
    }
    Drawn drawn = Drawn::no;
    if (surface != VK_NULL_HANDLE && image) {
        shown.passed_on = pass_on(*image, extent, scale, hud, is_new);
        if (shown.passed_on) {
            drawn = Drawn::yes;
            shown.submitted_ns = now_ns();
        } else {
            if (!swapchain_) swapchain_.emplace(device_, surface);
            auto tried = draw(*image, extent, anew, scale, hud, shown.submitted_ns);
            if (!tried && !broken_) LOG_ERROR("cannot draw: %s", tried.error().text.c_str());
            broken_ = !tried;
            if (tried) drawn = *tried;
            if (drawn == Drawn::yes && direct_) direct_->uncover();
        }
    }
    shown.ok = drawn == Drawn::yes;
    // The one before is not read by the GPU any more: draw() has waited.
    if (is_new) newest_ = std::move(frame);
    shown.drawn_ns = shown.time_ns = now_ns();
    if (is_new && shown.ok) wait_for_display(shown);
    hud_stale_ = hud && (is_new || hud_stale_);

    lock.lock();
    if (drawn == Drawn::later) redraw_ = true;
    if (!is_new) return;
    if (shown.refresh_ns == 0) shown.refresh_ns = pacer_->refresh_ns();
    // What could not be shown must not make the app run without limit.
    std::uint64_t at = shown.time_ns + shown.refresh_ns;
    if (shown.ok) {
        at = shown.display_time ? pacer_->told_at(shown.time_ns) : pacer_->shown_at(shown.time_ns);
    }
    wait_until_shown(lock, shown, at);
    lock.unlock();
    shown_(shown);
    lock.lock();
}

bool Presenter::pass_on(consumer::ImportedImage& image, VkExtent2D extent, Scale scale, bool hud,
                        bool is_new) {
    if (!direct_) return false;
    const wayland::DirectWindow::Size window{extent.width, extent.height};
    const Status can = hud ? Status(Error{EBUSY, "the HUD lies over them"})
                           : direct_->prepare(image, window, scale);
    const std::string why = can ? "no" : can.error().text;
    if (std::exchange(told_, why) != why) {
        if (can) {
            LOG_INFO("frames are passed on to the Wayland compositor");
        } else {
            LOG_INFO("frames are drawn: %s", why.c_str());
        }
    }
    if (!can) return false;
    colours_->set_shown(stream::ColourShown::native);  // others are not taken
    direct_->show(image, window, scale, is_new);
    swapchain_.reset();  // what it has shown is below the frame now
    direct_->cover(window);
    return true;
}

// The time of the display itself, where it is told. One that says so too early, or not in time, is
// paced like those that say nothing.
void Presenter::wait_for_display(Shown& shown) {
    if (shown.passed_on || (direct_ && !device_->tells_when_shown())) {
        if (const auto told = direct_->wait_time(kShownNs)) {
            shown.time_ns = told->time_ns;
            shown.refresh_ns = told->refresh_ns;
            shown.display_time = true;
        }
    } else if (swapchain_->wait_until_shown(kShownNs)) {
        shown.time_ns = now_ns();
        shown.display_time = true;
    }
    // The app gets the frame before when this one counts as shown.
    if (direct_ && !direct_->wait_released(kReleasedNs) && !std::exchange(kept_told_, true)) {
        LOG_WARNING("the compositor keeps frames that it shows no more");
    }
}

// At `at`, or later in a window that nobody sees; one that comes into sight goes on at once.
void Presenter::wait_until_shown(std::unique_lock<std::mutex>& lock, Shown& shown,
                                 std::uint64_t at) {
    for (;;) {
        const bool slowed = hidden_period_ns_ != 0 && shown_ns_ + hidden_period_ns_ > at;
        const std::uint64_t until = slowed ? shown_ns_ + hidden_period_ns_ : at;
        const std::uint64_t now = now_ns();
        if (stop_ || now >= until) {
            shown.time_ns = slowed ? until : std::max(at, shown_ns_);
            break;
        }
        changed_.wait_for(lock, std::chrono::nanoseconds(until - now));
    }
    shown.refresh_ns = std::max(shown.refresh_ns, hidden_period_ns_);
    shown_ns_ = shown.time_ns;
}

// False: there is none, and that was said.
bool Presenter::prepare_hud(VkFormat format) {
    if (hud_ && hud_->format() == format) return true;
    if (hud_broken_) return false;
    hud_.reset();  // the GPU does not read it: each drawing is waited for
    auto made = Hud::create(device_, format);
    if (!made) {
        hud_broken_ = true;
        LOG_WARNING("%s", made.error().text.c_str());
        return false;
    }
    hud_ = std::move(*made);
    return true;
}

Result<Presenter::Drawn> Presenter::draw(const consumer::ImportedImage& image, VkExtent2D extent,
                                         bool anew, Scale scale, bool hud,
                                         std::uint64_t& submitted_ns) {
    if (!commands_) {
        auto commands = gpu::Commands::create(device_);
        if (!commands) return commands.error();
        commands_.emplace(std::move(*commands));
    }
    if (anew) swapchain_->invalidate();
    swapchain_->set_drawn_on(hud);
    // The HUD's colours are sRGB's: while it is on, so are the picture's.
    const Look pictures = look_of(image.layout());
    auto target = swapchain_->acquire(extent, pictures, native_ && !hud);
    if (!target) return target.error();
    if (target->image == VK_NULL_HANDLE) return target->busy ? Drawn::later : Drawn::no;
    const auto failed = [this](const Error& error) {
        swapchain_->invalidate();
        return error;
    };
    auto prepared = painter_.prepare(image, target->extent, target->look);
    if (!prepared) return failed(prepared.error());
    auto writers = consumer::semaphore_of_writers(*device_, image.dmabuf());
    if (!writers) return failed(writers.error());
    auto commands = commands_->begin();
    if (!commands) return failed(commands.error());
    const bool with_hud = hud && prepare_hud(target->look.format);
    stream::HdrMetadata metadata;
    if (pictures.space != stream::ColourSpace::srgb_nonlinear) {
        metadata = colours_->metadata();
        if (target->look.space == pictures.space) swapchain_->set_metadata(metadata);
    }
    colours_->set_shown(target->look.space == pictures.space ? stream::ColourShown::native
                                                             : stream::ColourShown::converted);
    painter_.record(*commands, image, target->image, target->extent, target->look, metadata, scale,
                    with_hud ? Painter::Then::draw_on : Painter::Then::present);
    if (with_hud) {
        auto recorded = hud_->record(*commands, {target->image, target->extent}, history_->newest(),
                                     image.layout());
        if (!recorded) return failed(recorded.error());
    }
    auto sent = commands_->submit({target->acquired, writers->get()}, target->drawn);
    if (!sent) return failed(sent.error());
    submitted_ns = now_ns();
    if (direct_ && !device_->tells_when_shown()) direct_->ask_time();
    auto presented = swapchain_->present(*target);
    auto waited = commands_->wait();
    if (!waited) return failed(waited.error());
    if (with_hud) hud_->drawn();
    if (!presented) return presented.error();
    return Drawn::yes;
}

}  // namespace vdmabuf::viewer
