// SPDX-License-Identifier: MIT
#include "runtime/viewer/session.hpp"

#include <unistd.h>

#include <algorithm>

#include "runtime/common/clock.hpp"
#include "runtime/common/log.hpp"
#include "runtime/common/strategy_name.hpp"
#include "runtime/viewer/report.hpp"

namespace vdmabuf::viewer {
namespace {

constexpr std::uint64_t kStatisticsNs = kNsPerSecond;
// How long a window waits for its broker to come back, before it closes.
constexpr std::uint64_t kWindowWaitsNs = 3 * kNsPerSecond;
// How long the end of a run waits for the broker's figures.
constexpr std::uint64_t kLastFiguresNs = 300 * kNsPerMs;
// A broker that announces more is not believed; nobody wants that many windows.
constexpr std::size_t kMaxViews = 256;

std::string colours_text(std::uint32_t space, stream::ColourShown shown) {
    return std::string(stream::colour_space_name(space)) + ", " +
           stream::colour_shown_name(static_cast<std::uint32_t>(shown));
}

std::string title_of(const std::string& title, const std::string& app) {
    return title.empty() ? app : title;
}

}  // namespace

Session::Session(EventLoop& loop, const Settings& settings, std::shared_ptr<gpu::Device> device,
                 OutputFactory& outputs)
    : loop_(loop),
      settings_(settings),
      device_(device),
      outputs_(outputs),
      importer_(std::move(device), settings.import) {}

Session::~Session() {
    for (const EventLoop::TimerId timer : {statistics_timer_, watch_timer_, finish_timer_}) {
        if (timer != 0) loop_.cancel(timer);
    }
    for (auto& view : views_) {
        if (view->farewell != 0) loop_.cancel(view->farewell);
    }
}

void Session::start(const std::string& socket_path) {
    importer_.warm_up();
    consumer::Client::Options options;
    options.socket_path = socket_path;
    options.name = "vdmabuf-viewer";
    options.features = importer_.takes_dmabufs() ? consumer::kFeatureDmabuf : 0;
    options.features |= input::kFeatureInput | cursor::kFeatureCursor | stream::kFeatureExtent;
    options.colour_spaces =
        settings_.hdr == Hdr::off ? stream::kSrgbAlone : stream::kAllColourSpaces;
    if (settings_.clipboard != clipboard::Policy::off)
        options.features |= clipboard::kFeatureClipboard;
    client_ = std::make_unique<consumer::Client>(loop_, options, *this);
    client_->formats(importer_.formats());
    last_frame_ns_ = now_ns();
    if (settings_.timeout_s > 0) watch_time();
}

// ---- streams

bool Session::wanted(const consumer::StreamAdded& message) const {
    if (settings_.stream && *settings_.stream != message.stream) return false;
    if (settings_.vm && *settings_.vm != consumer::get_text(message.vm)) return false;
    if (settings_.app.empty()) return true;
    return consumer::get_text(message.app) == settings_.app ||
           consumer::get_text(message.app_id) == settings_.app ||
           consumer::get_text(message.title).find(settings_.app) != std::string::npos;
}

Session::View* Session::find(std::uint64_t stream) {
    const auto found = std::find_if(views_.begin(), views_.end(),
                                    [&](const auto& view) { return view->stream == stream; });
    return found == views_.end() ? nullptr : found->get();
}

// The window that the stream had before the broker was started again: numbers of streams are new
// then, but the program is the same.
Session::View* Session::find_waiting(const consumer::StreamAdded& message) {
    for (auto& view : views_) {
        if (view->stream == 0 && view->record->pid == message.pid &&
            view->record->vm == consumer::get_text(message.vm) &&
            view->record->app == consumer::get_text(message.app) &&
            view->app_id == consumer::get_text(message.app_id)) {
            return view.get();
        }
    }
    return nullptr;
}

StreamRecord& Session::record_of(const consumer::StreamAdded& message) {
    StreamRecord& record = records_.emplace_back();
    record.vm = consumer::get_text(message.vm);
    record.app = consumer::get_text(message.app);
    record.title = consumer::get_text(message.title);
    record.pid = message.pid;
    record.width = message.width;
    record.height = message.height;
    return record;
}

void Session::connected(const consumer::Welcome&) {}

void Session::disconnected(const std::string&) {
    others_.clear();  // the next broker announces them anew
    for (auto& view : views_) {
        if (view->stream == 0) continue;
        view->stream = 0;
        // The output keeps what it shows; everything else belongs to the old broker.
        view->images.clear();
        view->waiting.reset();
        view->given.reset();
        view->shown.reset();
        view->holds.clear();
        view->kept.clear();
        View* waiting = view.get();
        view->farewell = loop_.at(now_ns() + kWindowWaitsNs, [this, waiting] {
            waiting->farewell = 0;
            end_view(*waiting);
            show_next_single();
        });
    }
    if (finishing_) stop();
}

void Session::stream_added(const consumer::StreamAdded& message) {
    if (!wanted(message)) return;
    View* view = find_waiting(message);
    if (settings_.single && !view && !views_.empty()) {
        if (others_.size() >= kMaxViews) others_.erase(others_.begin());
        others_.push_back(message);
        return;
    }
    if (view) {
        loop_.cancel(view->farewell);
        view->farewell = 0;
    } else {
        if (views_.size() >= kMaxViews) {
            LOG_WARNING("more than %zu streams: the others are not shown", kMaxViews);
            return;
        }
        view = views_.emplace_back(std::make_unique<View>()).get();
        view->alive = std::make_shared<View*>(view);
        view->record = &record_of(message);
        view->app_id = consumer::get_text(message.app_id);
        view->info = {title_of(view->record->title, view->record->app),
                      title_of(view->app_id, view->record->app),
                      message.width,
                      message.height,
                      settings_.input && message.flags & stream::kStreamTakesInput,
                      settings_.input && message.flags & stream::kStreamTakesClipboard};
        view->input = std::make_unique<InputSender>(
            loop_, [this, view](std::span<const input::Event> events, std::uint32_t width,
                                std::uint32_t height) {
                if (view->stream != 0) client_->input(view->stream, events, width, height);
            });
        view->info.history = std::make_shared<FrameHistory>();
        LOG_INFO("stream %llu: %s%s%s (process %u), %ux%u",
                 static_cast<unsigned long long>(message.stream), view->record->vm.c_str(),
                 view->record->vm.empty() ? "" : "/", view->record->app.c_str(), message.pid,
                 message.width, message.height);
    }
    had_stream_ = true;
    view->stream = message.stream;
    view->announced = message;
    view->copied_bytes = view->frames_received = view->frames_shown = 0;
    view->statistics_due = false;
    view->colours_told = stream::ColourShown::unknown;
    view->info.colours->set_metadata({});
    view->record->reattached();
    client_->attach(message.stream);
    view->input->say_again();
}

void Session::show_next_single() {
    if (!views_.empty() || others_.empty()) return;
    const consumer::StreamAdded next = others_.back();
    others_.pop_back();
    stream_added(next);
}

// The others in turn; the one that is shown comes last again.
void Session::next_single(View& view) {
    if (others_.empty() || view.stream == 0) return;
    const consumer::StreamAdded shown = view.announced;
    end_view(view);
    client_->detach(shown.stream);
    others_.insert(others_.begin(), shown);
    show_next_single();
}

void Session::stream_removed(std::uint64_t stream) {
    std::erase_if(others_, [&](const auto& other) { return other.stream == stream; });
    if (View* view = find(stream)) {
        for (const std::uint64_t image : end_view(*view)) client_->image_done(stream, image);
        show_next_single();
    }
    if (settings_.once && had_stream_ && views_.empty()) finish(Exit::ok);
}

void Session::stream_title(std::uint64_t stream, const std::string& title) {
    for (consumer::StreamAdded& other : others_) {
        if (other.stream == stream) consumer::put_text(other.title, title);
    }
    View* view = find(stream);
    if (!view) return;
    consumer::put_text(view->announced.title, title);
    view->record->title = title;
    view->info.title = title_of(title, view->record->app);
    if (view->output) view->output->set_title(view->info.title);
}

void Session::stream_extent(std::uint64_t stream, std::uint32_t width, std::uint32_t height) {
    const auto keep = [&](consumer::StreamAdded& announced) {
        announced.width = width;
        announced.height = height;
    };
    for (consumer::StreamAdded& other : others_) {
        if (other.stream == stream) keep(other);
    }
    View* view = find(stream);
    if (!view) return;
    keep(view->announced);
    view->info.width = width;
    view->info.height = height;
    if (view->output) view->output->set_extent(width, height);
}

void Session::stream_hdr(std::uint64_t stream, const stream::HdrMetadata& metadata) {
    if (View* view = find(stream)) view->info.colours->set_metadata(metadata);
}

void Session::cursor(std::uint64_t stream, bool hidden) {
    View* view = find(stream);
    if (view && view->output) view->output->set_cursor(hidden);
}

void Session::cursor_image(std::uint64_t stream, const cursor::Image& image) {
    View* view = find(stream);
    if (view && view->output) view->output->set_cursor_image(image);
}

void Session::clipboard_text(std::uint64_t stream, const std::string& text) {
    View* view = find(stream);
    if (view && view->output && view->info.takes_clipboard) view->output->set_clipboard(text);
}

// Ends the stream's window; its images, which are unmapped by then.
std::vector<std::uint64_t> Session::end_view(View& view) {
    keep_picture(view);
    if (view.farewell != 0) loop_.cancel(view.farewell);
    std::vector<std::uint64_t> images;
    for (const auto& [id, held] : view.images) images.push_back(id);
    const auto found = std::find_if(views_.begin(), views_.end(),
                                    [&](const auto& each) { return each.get() == &view; });
    views_.erase(found);
    return images;
}

// ---- images and frames

void Session::image(const consumer::Image& message, consumer::BufferFiles files) {
    View* view = find(message.stream);
    if (!view) return;
    Held& held = view->images[message.image];
    held.again = false;
    const std::uint64_t start = now_ns();
    consumer::ImportOutcome outcome = importer_.import(message, std::move(files), held.no_dmabuf);
    const std::uint64_t took_us = (now_ns() - start) / 1000;
    if (outcome.again) return ask_again(held, message.stream, message.image, outcome.no_dmabuf);
    StreamRecord& record = *view->record;
    const bool news = record.path != outcome.path || record.import_reason != outcome.reason;
    VDMABUF_LOG_AT(news ? log::Level::info : log::Level::debug,
                   "stream %llu image %llu: %ux%u imported by %s in %llu us (%s)",
                   static_cast<unsigned long long>(message.stream),
                   static_cast<unsigned long long>(message.image), message.width, message.height,
                   consumer::to_string(outcome.path), static_cast<unsigned long long>(took_us),
                   outcome.reason.c_str());
    record.path = outcome.path;
    record.import_reason = outcome.reason;
    record.strategy = message.strategy;
    record.colour_space = message.colour_space;
    client_->imported(message.stream, message.image, outcome.path, outcome.reason);
    held.image = std::move(outcome.image);
    if (view->waiting && view->waiting->image == message.image) {
        const consumer::Frame frame = *view->waiting;
        view->waiting.reset();
        show(*view, frame);
    }
}

void Session::ask_again(Held& held, std::uint64_t stream, std::uint64_t image,
                        const std::string& why) {
    LOG_INFO("stream %llu image %llu: asked for once more, without dmabuf: %s",
             static_cast<unsigned long long>(stream), static_cast<unsigned long long>(image),
             why.c_str());
    held.image.reset();
    held.again = true;
    held.no_dmabuf = why;
    client_->image_again(stream, image);
}

void Session::image_gone(std::uint64_t stream, std::uint64_t image) {
    View* view = find(stream);
    if (!view) return;
    const auto held = view->images.find(image);
    if (held == view->images.end()) return;
    held->second.gone = true;
    if (view->waiting && view->waiting->image == image) {
        give_up(*view->waiting);
        view->waiting.reset();
    }
    if (!in_use(*view, image)) drop_image(*view, image);
}

bool Session::in_use(const View& view, std::uint64_t image) {
    return (view.given && view.given->image == image) ||
           (view.shown && view.shown->image == image) ||
           std::any_of(view.kept.begin(), view.kept.end(),
                       [image](const FrameName& frame) { return frame.image == image; });
}

void Session::drop_image(View& view, std::uint64_t image) {
    view.images.erase(image);  // unmaps the pages, before anybody is told so
    client_->image_done(view.stream, image);
}

void Session::frame(const consumer::Frame& message) {
    const std::uint64_t now = now_ns();
    View* view = find(message.stream);
    if (!view) return;
    const auto held = view->images.find(message.image);
    if (held == view->images.end()) return;
    last_frame_ns_ = now;
    if (!finishing_) view->record->received(message, now);
    ++view->frames_received;
    report_statistics_soon(*view);
    // A second frame before the answer to the first is against the rules; no harm done.
    if (view->given || view->waiting) return give_up(message);
    show(*view, message);
}

void Session::give_up(const consumer::Frame& message) {
    client_->presented(message.stream, message.serial, now_ns(), 0, false);
    client_->release(message.stream, message.serial);
}

void Session::show(View& view, const consumer::Frame& message) {
    Held& held = view.images[message.image];
    if (held.image && !held.confirmed) {
        const Status confirmed = importer_.confirm(*held.image);
        held.confirmed = true;
        if (!confirmed) {
            ask_again(held, message.stream, message.image, confirmed.error().text);
        }
    }
    if (held.again) {
        view.waiting = message;
        return;
    }
    const std::shared_ptr<consumer::ImportedImage> image = held.image;
    if (!image) return give_up(message);
    view.record->width = image->layout().width;
    view.record->height = image->layout().height;
    if (!view.output) {
        // A picture that is scaled to its window does not say how large that is.
        if (image->layout().scaling.behaviour == stream::ScalingBehaviour::any) {
            view.info.width = image->layout().width;
            view.info.height = image->layout().height;
        }
        auto output = outputs_.make(view.info, events_of(view));
        if (!output) {
            give_up(message);
            return fail(output.error().text);
        }
        view.output = std::move(*output);
    }
    view.given = FrameName{message.image, message.serial, last_frame_ns_};
    if (view.info.history->is_watched()) {
        view.sample = {};
        view.sample.time(Stage::called) = message.called_ns;
        view.sample.time(Stage::gpu_done) = message.gpu_done_ns;
        view.sample.time(Stage::sent) = message.sent_ns;
        view.sample.time(Stage::received) = last_frame_ns_;
        view.sample.presented_count = message.presented_count;
        view.sample.copied_bytes = message.cpu_copied_bytes;
    }
    view.output->show(image, message.serial);
}

OutputEvents Session::events_of(View& view) {
    OutputEvents events;
    events.shown = [this, &view](const Shown& shown) { on_shown(view, shown); };
    events.configured = [this, &view](std::uint32_t width, std::uint32_t height,
                                      std::uint64_t refresh_ns, bool occluded) {
        if (view.stream != 0) {
            client_->configure(view.stream, width, height, refresh_ns, occluded);
        }
    };
    events.hold = [this, &view](std::uint64_t serial) { return hold(view, serial); };
    events.close_wanted = [this, &view] { close_wanted(view); };
    events.input = [&view](std::span<const input::Event> happened, std::uint32_t width,
                           std::uint32_t height) { view.input->add(happened, width, height); };
    events.clipboard = [this, &view](const std::string& text) {
        view.input->flush();  // it has the focus
        if (view.stream != 0) client_->clipboard(view.stream, text);
    };
    events.picture_wanted = [this, &view] { save_picture(view); };
    // Not from within a call of the output that it ends.
    events.next_wanted = [this, wanted = &view] {
        loop_.post([this, wanted] {
            for (const auto& each : views_) {
                if (each.get() == wanted) return next_single(*each);
            }
        });
    };
    return events;
}

void Session::on_shown(View& view, const Shown& shown) {
    if (!view.given || view.given->serial != shown.serial) return;  // of a broker that has gone
    client_->presented(view.stream, shown.serial, shown.time_ns, shown.refresh_ns, shown.ok);
    tell_colours(view);
    keep_sample(view, shown);
    const std::optional<FrameName> before = view.shown;
    view.shown = view.given;
    view.given.reset();
    Held& held = view.images[view.shown->image];
    view.newest = held.image;
    if (shown.ok && shown.passed_on != held.passed_on) tell_passed_on(view, held, shown.passed_on);
    view.newest_serial = shown.serial;
    view.copied_bytes += shown.cpu_copied_bytes;
    ++view.frames_shown;
    report_statistics_soon(view);
    if (!finishing_) {
        view.record->consumer_copied_bytes += shown.cpu_copied_bytes;
        if (shown.ok) ++view.record->frames_shown;
        if (shown.ok && shown.passed_on) ++view.record->frames_passed_on;
        if (shown.display_time) ++view.record->frames_timed;
        if (shown.submitted_ns != 0) {
            view.record->received_to_submitted.add(shown.submitted_ns - view.shown->received_ns);
        }
    }
    if (before) {
        if (is_held(view, before->serial)) {
            view.kept.push_back(*before);
        } else {
            release(view, *before);
        }
    }
    if (settings_.frames != 0 && view.record->frames_received >= settings_.frames) {
        finish(Exit::ok);
    }
}

// ---- frames that others than the output read

std::shared_ptr<void> Session::hold(View& view, std::uint64_t serial) {
    std::shared_ptr<void> token(
        nullptr, [this, weak = std::weak_ptr(view.alive), loop = &loop_](const void*) {
            loop->post([this, weak] {
                if (const auto alive = weak.lock()) let_go(**alive);
            });
        });
    view.holds[serial] = token;
    return token;
}

bool Session::is_held(const View& view, std::uint64_t serial) {
    const auto found = view.holds.find(serial);
    return found != view.holds.end() && !found->second.expired();
}

void Session::let_go(View& view) {
    std::erase_if(view.holds, [](const auto& each) { return each.second.expired(); });
    const auto held =
        std::partition(view.kept.begin(), view.kept.end(),
                       [&view](const FrameName& frame) { return is_held(view, frame.serial); });
    const std::vector<FrameName> free(held, view.kept.end());
    view.kept.erase(held, view.kept.end());
    for (const FrameName& frame : free) release(view, frame);
}

void Session::release(View& view, const FrameName& frame) {
    client_->release(view.stream, frame.serial);
    const auto held = view.images.find(frame.image);
    if (held != view.images.end() && held->second.gone && !in_use(view, frame.image)) {
        drop_image(view, frame.image);
    }
}

void Session::tell_passed_on(const View& view, Held& held, bool passed_on) {
    held.passed_on = passed_on;
    if (!held.image) return;
    const std::string& how = held.image->reason();
    client_->imported(view.stream, view.shown->image, held.image->path(),
                      passed_on ? "passed on to the Wayland compositor; drawn: " + how : how);
}

void Session::tell_colours(View& view) {
    const stream::ColourShown shown = view.info.colours->shown();
    if (shown == view.colours_told) return;
    view.colours_told = shown;
    view.record->colour_shown = shown;
    client_->colour_shown(view.stream, shown);
}

void Session::keep_sample(View& view, const Shown& shown) {
    if (!shown.ok) ++view.frames_failed;
    // Watched since it was given to the output only: no times of it are known.
    if (!view.info.history->is_watched() || view.sample.time(Stage::received) == 0) return;
    view.sample.time(Stage::imported) = shown.imported_ns;
    view.sample.time(Stage::drawn) = shown.drawn_ns;
    view.sample.time(Stage::shown) = shown.time_ns;
    view.sample.copied_bytes += shown.cpu_copied_bytes;
    const StreamRecord& record = *view.record;
    view.info.history->add(
        view.sample,
        {record.vm, record.app,
         std::string(consumer::to_string(record.path)) +
             (record.frames_passed_on != 0 ? ", passed on without the HUD" : ""),
         record.import_reason, record.strategy == 0 ? "" : strategy_name(record.strategy),
         colours_text(record.colour_space, record.colour_shown), record.frames_received,
         record.frames_skipped, view.frames_failed});
    view.sample = {};
}

void Session::close_wanted(View& view) {
    // Asked twice, or with nobody to ask: the window goes, whatever the app does.
    if (view.stream == 0) {
        end_view(view);
        show_next_single();
        return;
    }
    const std::uint64_t stream = view.stream;
    if (view.close_asked) {
        const bool last = views_.size() == 1 && others_.empty();
        end_view(view);
        client_->detach(stream);
        show_next_single();
        if (settings_.once && last) finish(Exit::ok);
        return;
    }
    view.close_asked = true;
    LOG_INFO("stream %llu: asked to close", static_cast<unsigned long long>(stream));
    client_->close_stream(stream);
}

// ---- figures and the end

void Session::keep_picture(View& view) {
    if (settings_.screenshot.empty() || !view.newest || finishing_) return;
    auto picture = take_picture(device_, *view.newest, view.info.colours->metadata());
    if (!picture) {
        LOG_WARNING("no screenshot: %s", picture.error().text.c_str());
        return;
    }
    view.record->picture = std::move(*picture);
    view.record->picture_serial = view.newest_serial;
}

// A user has pressed the key. No file is written over.
void Session::save_picture(const View& view) {
    if (!view.newest) return;
    auto picture = take_picture(device_, *view.newest, view.info.colours->metadata());
    if (!picture) {
        LOG_WARNING("no picture: %s", picture.error().text.c_str());
        return;
    }
    std::string name = view.record->app.empty() ? "window" : view.record->app;
    for (char& each : name) {  // the guest's text: no part of a path
        const bool plain = (each >= '0' && each <= '9') || (each >= 'a' && each <= 'z') ||
                           (each >= 'A' && each <= 'Z') || each == '-' || each == '_';
        if (!plain) each = '_';
    }
    if (picture_.valid()) picture_.wait();  // it has its name then
    std::string path;
    for (unsigned number = 1; path.empty() && number < 10000; ++number) {
        std::string tried = settings_.pictures + "/" + name + "-" + std::to_string(number) + ".png";
        if (::access(tried.c_str(), F_OK) != 0) path = std::move(tried);
    }
    if (path.empty()) {
        LOG_WARNING("no picture: too many in %s", settings_.pictures.c_str());
    } else {
        // Compressing takes longer than a frame may wait.
        picture_ = std::async(std::launch::async, [picture = std::move(*picture), path] {
            if (auto wrote = write_png(picture, path); !wrote) {
                LOG_WARNING("%s", wrote.error().text.c_str());
            } else {
                LOG_INFO("picture in %s", path.c_str());
            }
        });
    }
}

// At most once a second, and not at all while nothing moves: an idle viewer sleeps.
void Session::report_statistics_soon(View& view) {
    view.statistics_due = true;
    if (statistics_timer_ != 0) return;
    statistics_timer_ = loop_.at(now_ns() + kStatisticsNs, [this] { report_statistics(); });
}

void Session::report_statistics() {
    statistics_timer_ = 0;
    for (auto& view : views_) {
        if (view->stream == 0 || !view->statistics_due) continue;
        view->statistics_due = false;
        const Percentiles latency = view->record->present_to_received.microseconds();
        auto message = consumer::make<consumer::Statistics>();
        message.stream = view->stream;
        message.frames_received = view->frames_received;
        message.frames_shown = view->frames_shown;
        message.cpu_copied_bytes = view->copied_bytes;
        message.latency_p50_ns = static_cast<std::uint64_t>(latency.p50 * 1000);
        message.latency_p99_ns = static_cast<std::uint64_t>(latency.p99 * 1000);
        client_->statistics(message);
    }
}

void Session::watch_time() {
    const auto limit =
        static_cast<std::uint64_t>(settings_.timeout_s * static_cast<double>(kNsPerSecond));
    if (now_ns() >= last_frame_ns_ + limit) {
        LOG_ERROR("no frame arrived for %g s", settings_.timeout_s);
        return finish(Exit::timeout);
    }
    watch_timer_ = loop_.at(last_frame_ns_ + limit, [this] { watch_time(); });
}

void Session::finish(Exit status) {
    if (finishing_) return;
    status_ = status;
    for (auto& view : views_) keep_picture(*view);
    finishing_ = true;
    if (!client_ || !client_->is_connected()) return stop();
    client_->query();
    finish_timer_ = loop_.at(now_ns() + kLastFiguresNs, [this] {
        finish_timer_ = 0;
        stop();
    });
}

void Session::fail(const std::string& text) {
    LOG_ERROR("%s", text.c_str());
    finishing_ = true;
    status_ = Exit::error;
    stop();
}

void Session::stream_status(const consumer::StreamStatus& message) {
    if (View* view = find(message.stream)) {
        view->record->broker_copied_bytes = message.broker_copied_bytes;
    }
}

void Session::query_done() {
    if (finishing_) stop();
}

void Session::stop() {
    loop_.stop();
}

}  // namespace vdmabuf::viewer
