// SPDX-License-Identifier: MIT
#include "runtime/viewer/presenter.hpp"

#include <chrono>

#include "runtime/common/clock.hpp"
#include "runtime/common/log.hpp"
#include "runtime/consumer/writers_semaphore.hpp"

namespace vdmabuf::viewer {

Presenter::Presenter(std::shared_ptr<gpu::Device> device, ShownHandler shown)
    : device_(std::move(device)),
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
                      bool always) {
    const std::lock_guard lock(mutex_);
    surface_ = surface;
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

void Presenter::run() {
    std::unique_lock lock(mutex_);
    for (;;) {
        changed_.wait(lock, [this] { return stop_ || (started_ && (next_ || redraw_)); });
        if (stop_) break;
        draw_next(lock);
    }
    lock.unlock();
    // On the thread that used them, and before the window goes.
    commands_.reset();
    swapchain_.reset();
}

void Presenter::draw_next(std::unique_lock<std::mutex>& lock) {
    std::optional<Frame> frame = std::move(next_);
    next_.reset();
    redraw_ = false;
    const bool anew = std::exchange(new_extent_, false);
    const VkExtent2D extent = extent_;
    const Scale scale = scale_;
    const VkSurfaceKHR surface = surface_;
    lock.unlock();

    Shown shown;
    if (frame) {
        shown.serial = frame->serial;
        shown.cpu_copied_bytes = frame->image->prepare();
    }
    const bool is_new = frame.has_value();
    const consumer::ImportedImage* image = nullptr;
    if (is_new) {
        image = frame->image.get();
    } else if (newest_) {
        image = newest_->image.get();
    }
    Drawn drawn = Drawn::no;
    if (surface != VK_NULL_HANDLE && image) {
        if (!swapchain_) swapchain_.emplace(device_, surface);
        auto tried = draw(*image, extent, anew, scale);
        if (!tried && !broken_) LOG_ERROR("cannot draw: %s", tried.error().text.c_str());
        broken_ = !tried;
        if (tried) drawn = *tried;
    }
    shown.ok = drawn == Drawn::yes;
    // The one before is not read by the GPU any more: draw() has waited.
    if (is_new) newest_ = std::move(frame);
    const std::uint64_t handed = now_ns();

    lock.lock();
    if (drawn == Drawn::later) redraw_ = true;
    if (!is_new) return;
    shown.refresh_ns = pacer_->refresh_ns();
    // What could not be shown must not make the app run without limit.
    const std::uint64_t at = shown.ok ? pacer_->shown_at(handed) : handed + shown.refresh_ns;
    while (!stop_ && now_ns() < at) {
        changed_.wait_for(lock, std::chrono::nanoseconds(at - now_ns()));
    }
    shown.time_ns = at;
    lock.unlock();
    shown_(shown);
    lock.lock();
}

Result<Presenter::Drawn> Presenter::draw(const consumer::ImportedImage& image, VkExtent2D extent,
                                         bool anew, Scale scale) {
    if (!commands_) {
        auto commands = gpu::Commands::create(device_);
        if (!commands) return commands.error();
        commands_.emplace(std::move(*commands));
    }
    if (anew) swapchain_->invalidate();
    auto target = swapchain_->acquire(extent, image.layout().format->vulkan);
    if (!target) return target.error();
    if (target->image == VK_NULL_HANDLE) return target->busy ? Drawn::later : Drawn::no;
    const auto failed = [this](const Error& error) {
        swapchain_->invalidate();
        return error;
    };
    auto prepared = painter_.prepare(image, target->extent, target->format);
    if (!prepared) return failed(prepared.error());
    auto writers = consumer::semaphore_of_writers(*device_, image.dmabuf());
    if (!writers) return failed(writers.error());
    auto commands = commands_->begin();
    if (!commands) return failed(commands.error());
    painter_.record(*commands, image, target->image, target->extent, target->format, scale);
    auto sent = commands_->submit({target->acquired, writers->get()}, target->drawn);
    if (!sent) return failed(sent.error());
    auto presented = swapchain_->present(*target);
    auto waited = commands_->wait();
    if (!waited) return failed(waited.error());
    if (!presented) return presented.error();
    return Drawn::yes;
}

}  // namespace vdmabuf::viewer
