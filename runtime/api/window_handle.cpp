// SPDX-License-Identifier: MIT
#include "runtime/api/window_handle.hpp"

#include <fcntl.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <utility>

#include "runtime/api/endpoint_name.hpp"
#include "runtime/common/clock.hpp"
#include "runtime/common/drm_format.hpp"
#include "runtime/common/sync_file.hpp"

using namespace vdmabuf;
using namespace vdmabuf::api;

namespace {

constexpr std::uint32_t kImagesByDefault = 3;
constexpr std::uint32_t kBytesOfAPixel = 4;
constexpr std::uint64_t kPitchOf = 256;  // what GPUs want of rows
constexpr std::uint32_t kFrameBits = 0x7FFFFFFF;

bool extent_fits(std::uint32_t width, std::uint32_t height) {
    return width >= 1 && height >= 1 && width <= stream::kMaxExtent && height <= stream::kMaxExtent;
}

vdmabuf_input_event plain(const input::Event& event) {
    return {event.kind, event.code, event.value, event.x, event.y};
}

}  // namespace

Result<std::unique_ptr<vdmabuf_window>> vdmabuf_window::open(
    const vdmabuf_window_options& options) {
    auto endpoint = endpoint_named(options.endpoint);
    if (!endpoint) return endpoint.error();
    std::unique_ptr<vdmabuf_window> made(new vdmabuf_window);
    made->wake_.reset(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
    if (!made->wake_) return system_error("eventfd");
    made->fourcc_ = options.fourcc != 0 ? options.fourcc : fourcc_of("XR24");
    made->count_ = options.images != 0 ? options.images : kImagesByDefault;
    if (options.flags & VDMABUF_WINDOW_MAILBOX) made->mode_ = stream::PresentMode::mailbox;
    auto connection =
        producer::Connection::open(*endpoint, options.name ? options.name : process_name());
    if (!connection) return connection.error();
    made->connection_ = std::move(*connection);
    const auto formats = made->connection_->formats();
    const bool known = std::any_of(formats.begin(), formats.end(), [&](const auto& format) {
        return format.fourcc == made->fourcc_ && format.modifier == kModifierLinear;
    });
    if (!known) return Error{EOPNOTSUPP, "the host does not know such a format"};
    producer::StreamInfo info;
    info.title = options.title ? options.title : "";
    info.app_id = options.app_id ? options.app_id : "";
    info.width = options.width;
    info.height = options.height;
    info.takes_input = options.flags & VDMABUF_WINDOW_INPUT;
    auto stream = made->connection_->create_stream(info, made.get());
    if (!stream) return stream.error();
    made->stream_ = std::move(*stream);
    if (auto images = made->make_images(options.width, options.height); !images) {
        return images.error();
    }
    return made;
}

Status vdmabuf_window::make_images(std::uint32_t width, std::uint32_t height) {
    Images images{width, height, 0, {}};
    images.pitch = (std::uint64_t{width} * kBytesOfAPixel + kPitchOf - 1) / kPitchOf * kPitchOf;
    auto slots = stream_->reserve_slots(count_);
    if (!slots) return slots.error();
    const auto undo = [&](const Error& why) {
        for (const std::uint32_t slot : *slots) stream_->remove_image(slot);
        return why;
    };
    for (const std::uint32_t slot : *slots) {
        auto buffer = connection_->alloc(images.pitch * height);
        if (!buffer) return undo(buffer.error());
        producer::ImageInfo info;
        info.width = width;
        info.height = height;
        info.fourcc = fourcc_;
        info.planes[0] = {0, images.pitch};
        if (auto set = stream_->set_image(slot, info, *buffer, this); !set) {
            return undo(set.error());
        }
        images.all.push_back({slot, std::move(*buffer), false});
    }
    std::swap(images_, images);
    // Whatever the host still shows of these stays its own.
    for (const Image& old : images.all) stream_->remove_image(old.slot);
    const std::lock_guard lock(mutex_);
    for (const Image& old : images.all) busy_ &= ~(std::uint64_t{1} << old.slot);
    return {};
}

// ---- the program

int vdmabuf_window::dispatch(vdmabuf_window_event* event) {
    {
        const std::lock_guard lock(mutex_);
        if (news_.empty()) return 0;
        told_ = std::move(news_.front());
        news_.pop_front();
        input_waiting_ -= told_.input.size();
        std::uint64_t count = 0;
        if (news_.empty() && ::read(wake_.get(), &count, sizeof count) < 0) count = 0;
    }
    told_.event.size = sizeof told_.event;
    told_.event.input = told_.input.empty() ? nullptr : told_.input.data();
    told_.event.nr_input = static_cast<std::uint32_t>(told_.input.size());
    return hand_out(told_.event, event) ? 1 : fail(EINVAL, "vdmabuf_window_event.size");
}

int vdmabuf_window::acquire(vdmabuf_window_image* image) {
    const std::lock_guard lock(mutex_);
    for (std::size_t i = 0; i < images_.all.size(); ++i) {
        Image& each = images_.all[i];
        if (each.acquired || busy_ >> each.slot & 1) continue;
        vdmabuf_window_image out{};
        out.size = sizeof out;
        out.number = each.slot;
        out.width = images_.width;
        out.height = images_.height;
        out.pitch = images_.pitch;
        out.pixels = each.buffer->mapping.data();
        out.fd = each.buffer->fd.get();
        if (!hand_out(out, image)) return fail(EINVAL, "vdmabuf_window_image.size");
        each.acquired = true;
        return 0;
    }
    wants_room_ = true;
    return fail(EAGAIN, "no image is free");
}

int vdmabuf_window::present(std::uint32_t number, int in_fence) {
    const auto found = std::find_if(images_.all.begin(), images_.all.end(), [&](const Image& each) {
        return each.slot == number && each.acquired;
    });
    if (found == images_.all.end()) return fail(ENOENT, "there is no such image to present");
    UniqueFd fence;
    if (in_fence >= 0) {
        if (!is_sync_file(in_fence)) return fail(EBADF, "in_fence is no sync_file");
        fence.reset(::fcntl(in_fence, F_DUPFD_CLOEXEC, 3));
        if (!fence) return error.set(system_error("in_fence"));
    }
    found->acquired = false;
    {
        const std::lock_guard lock(mutex_);
        busy_ |= std::uint64_t{1} << number;
    }
    producer::FrameInfo frame;
    frame.slot = number;
    frame.mode = mode_;
    frame.called_ns = now_ns();
    frame.gpu_done_ns = fence ? 0 : frame.called_ns;
    const std::uint64_t serial = stream_->present(frame, std::move(fence));
    return static_cast<int>(serial & kFrameBits);
}

int vdmabuf_window::resize(std::uint32_t width, std::uint32_t height) {
    if (!extent_fits(width, height)) return fail(EINVAL, "extents are 1 to 32768 pixels");
    auto made = make_images(width, height);
    return made ? 0 : error.set(made.error());
}

int vdmabuf_window::set_title(const char* title) {
    if (!title) return fail(EINVAL, "a NULL pointer");
    stream_->set_title(title);
    return 0;
}

int vdmabuf_window::set_cursor(const std::uint32_t* pixels, std::uint32_t width,
                               std::uint32_t height, std::uint32_t hot_x, std::uint32_t hot_y) {
    cursor::Image image;
    image.shape = {1, 1, 0, 0};
    image.pixels = {0};  // nothing to be seen
    if (pixels) {
        if (width < 1 || height < 1 || width > cursor::kMaxExtent || height > cursor::kMaxExtent ||
            hot_x >= width || hot_y >= height) {
            return fail(EINVAL, "a cursor has 1 to 256 pixels a side, and points with one of them");
        }
        image.shape = {static_cast<std::uint16_t>(width), static_cast<std::uint16_t>(height),
                       static_cast<std::uint16_t>(hot_x), static_cast<std::uint16_t>(hot_y)};
        image.pixels.assign(pixels, pixels + std::size_t{width} * height);
    }
    stream_->set_cursor(image);
    return 0;
}

// ---- the connection's thread

void vdmabuf_window::wake() const {
    const std::uint64_t one = 1;
    // Full is as good as written.
    if (::write(wake_.get(), &one, sizeof one) < 0) return;
}

void vdmabuf_window::tell(News news) {
    if (news_.size() >= kMaxNews) {
        // What is newest counts: of frames and sizes at least.
        const auto old = std::find_if(news_.begin(), news_.end(), [](const News& each) {
            return each.event.type == VDMABUF_WINDOW_FRAME ||
                   each.event.type == VDMABUF_WINDOW_CONFIGURE;
        });
        if (old == news_.end()) return;
        news_.erase(old);
    }
    input_waiting_ += news.input.size();
    news_.push_back(std::move(news));
    wake();
}

void vdmabuf_window::on_release(std::uint32_t slot, std::uint64_t) {
    const std::lock_guard lock(mutex_);
    busy_ &= ~(std::uint64_t{1} << slot);
    if (!std::exchange(wants_room_, false)) return;
    News news;
    news.event.type = VDMABUF_WINDOW_ROOM;
    tell(std::move(news));
}

void vdmabuf_window::on_presented(const stream::Presented& message) {
    News news;
    news.event.type = VDMABUF_WINDOW_FRAME;
    news.event.frame = static_cast<std::uint32_t>(message.serial) & kFrameBits;
    news.event.shown = message.flags & stream::kPresentedShown ? 1 : 0;
    news.event.time_ns = message.time_ns;
    news.event.refresh_ns = message.refresh_ns;
    const std::lock_guard lock(mutex_);
    tell(std::move(news));
}

void vdmabuf_window::on_configure(const stream::Configure& message) {
    News news;
    news.event.type = VDMABUF_WINDOW_CONFIGURE;
    news.event.width = message.width;
    news.event.height = message.height;
    news.event.refresh_ns = message.refresh_ns;
    news.event.occluded = message.flags & stream::kConfigureOccluded ? 1 : 0;
    const std::lock_guard lock(mutex_);
    tell(std::move(news));
}

void vdmabuf_window::on_close() {
    News news;
    news.event.type = VDMABUF_WINDOW_CLOSE;
    const std::lock_guard lock(mutex_);
    tell(std::move(news));
}

void vdmabuf_window::on_lost() {
    News news;
    news.event.type = VDMABUF_WINDOW_LOST;
    const std::lock_guard lock(mutex_);
    tell(std::move(news));
}

void vdmabuf_window::on_input(std::span<const input::Event> events, std::uint32_t width,
                              std::uint32_t height) {
    News news;
    news.event.type = VDMABUF_WINDOW_INPUT_HAPPENED;
    news.event.width = width;
    news.event.height = height;
    const std::lock_guard lock(mutex_);
    for (const input::Event& event : events) {
        if (input::kind_of(event) == input::Kind::focus) focused_ = event.value == 1;
        news.input.push_back(plain(event));
    }
    if (input_waiting_ + news.input.size() > kMaxInput) {
        std::erase_if(news_, [](const News& each) { return !each.input.empty(); });
        input_waiting_ = 0;
        news.input = {plain(input::make_event(input::Kind::focus))};
        if (focused_) news.input.push_back(plain(input::make_event(input::Kind::focus, 0, 1)));
    }
    tell(std::move(news));
}
