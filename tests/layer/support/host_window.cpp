// SPDX-License-Identifier: MIT
#include "tests/layer/support/host_window.hpp"

#include <sys/mman.h>

#include <chrono>
#include <cstring>

#include "runtime/common/clock.hpp"
#include "runtime/consumer/pixel_format.hpp"
#include "runtime/consumer/scattered_mapping.hpp"

namespace vdmabuf::test {
namespace {

constexpr std::size_t kKeptFrames = 64;

Result<Mapping> map_buffer(const consumer::BufferFiles& files) {
    if (files.kind != consumer::MemoryKind::dmabuf) return consumer::map_scattered(files);
    void* const address =
        ::mmap(nullptr, files.size, PROT_READ, MAP_SHARED, files.files.at(0).get(), 0);
    if (address == MAP_FAILED) return system_error("mmap of a dmabuf");
    return Mapping(address, files.size);
}

}  // namespace

HostWindow::HostWindow(const std::string& socket, stream::ColourSpaces colours)
    : loop_(*EventLoop::create()) {
    consumer::Client::Options options;
    options.socket_path = socket;
    options.name = "layer-test";
    options.colour_spaces = colours;
    // What is exported by a driver comes in no other way.
    options.features = input::kFeatureInput | cursor::kFeatureCursor | consumer::kFeatureDmabuf |
                       stream::kFeatureExtent | clipboard::kFeatureClipboard;
    client_ = std::make_unique<consumer::Client>(*loop_, options, *this);
    thread_ = std::thread([this] { loop_->run(); });
}

HostWindow::~HostWindow() {
    loop_->stop();
    thread_.join();
    client_.reset();
}

template <typename Condition>
bool HostWindow::wait(int timeout_ms, Condition condition) {
    std::unique_lock lock(mutex_);
    return changed_.wait_for(lock, std::chrono::milliseconds(timeout_ms), condition);
}

std::shared_ptr<const SeenFrame> HostWindow::wait_frame(const Match& match, int timeout_ms) {
    std::shared_ptr<const SeenFrame> found;
    (void)wait(timeout_ms, [&] {
        for (auto frame = frames_.rbegin(); frame != frames_.rend(); ++frame) {
            if (!match(**frame)) continue;
            found = *frame;
            return true;
        }
        return false;
    });
    return found;
}

bool HostWindow::wait_connected(int timeout_ms) {
    return wait(timeout_ms, [this] { return connected_; });
}

bool HostWindow::wait_title(const std::string& title, int timeout_ms) {
    return wait(timeout_ms, [&] {
        for (const auto& [stream, known] : titles_) {
            if (known == title) return true;
        }
        return false;
    });
}

bool HostWindow::wait_app_id(const std::string& app_id, int timeout_ms) {
    return wait(timeout_ms, [&] {
        for (const auto& [stream, known] : app_ids_) {
            if (known == app_id) return true;
        }
        return false;
    });
}

bool HostWindow::wait_hdr(const stream::HdrMetadata& metadata, int timeout_ms) {
    return wait(timeout_ms, [&] { return hdr_ == metadata; });
}

bool HostWindow::wait_streams(std::size_t count, int timeout_ms) {
    return wait(timeout_ms, [&] { return titles_.size() == count; });
}

std::size_t HostWindow::frame_count() {
    const std::lock_guard lock(mutex_);
    return frame_count_;
}

std::vector<std::uint64_t> HostWindow::streams() {
    const std::lock_guard lock(mutex_);
    std::vector<std::uint64_t> streams;
    for (const auto& [stream, title] : titles_) streams.push_back(stream);
    return streams;
}

void HostWindow::resize_streams(std::uint32_t width, std::uint32_t height, bool occluded) {
    loop_->post([this, width, height, occluded, streams = streams()] {
        for (const std::uint64_t stream : streams) {
            client_->configure(stream, width, height, refresh_ns_.load(), occluded);
        }
    });
}

void HostWindow::input(const std::string& title, std::vector<input::Event> events,
                       std::uint32_t width, std::uint32_t height) {
    loop_->post([this, found = stream_of(title), width, height, events = std::move(events)] {
        client_->input(found, events, width, height);
    });
}

std::uint64_t HostWindow::stream_of(const std::string& title) {
    const std::lock_guard lock(mutex_);
    std::uint64_t found = 0;
    for (const auto& [stream, known] : titles_) {
        if (known == title) found = stream;
    }
    return found;
}

void HostWindow::clipboard(const std::string& title, const std::string& text) {
    loop_->post([this, found = stream_of(title), text] { client_->clipboard(found, text); });
}

void HostWindow::clipboard_text(std::uint64_t, const std::string& text) {
    const std::lock_guard lock(mutex_);
    copied_.push_back(text);
    changed_.notify_all();
}

std::vector<std::string> HostWindow::wait_copied(std::size_t count, int timeout_ms) {
    std::vector<std::string> found;
    (void)wait(timeout_ms, [&] {
        found = copied_;
        return found.size() >= count;
    });
    return found;
}

void HostWindow::close_streams() {
    loop_->post([this, streams = streams()] {
        for (const std::uint64_t stream : streams) client_->close_stream(stream);
    });
}

void HostWindow::connected(const consumer::Welcome&) {
    const std::lock_guard lock(mutex_);
    connected_ = true;
    changed_.notify_all();
}

void HostWindow::disconnected(const std::string&) {
    images_.clear();
    const std::lock_guard lock(mutex_);
    connected_ = false;
    titles_.clear();
    changed_.notify_all();
}

void HostWindow::stream_added(const consumer::StreamAdded& message) {
    client_->attach(message.stream);
    const std::lock_guard lock(mutex_);
    titles_[message.stream] = consumer::get_text(message.title);
    app_ids_[message.stream] = consumer::get_text(message.app_id);
    changed_.notify_all();
}

void HostWindow::stream_removed(std::uint64_t stream) {
    std::erase_if(images_, [&](const auto& known) { return known.second.image.stream == stream; });
    const std::lock_guard lock(mutex_);
    titles_.erase(stream);
    app_ids_.erase(stream);
    changed_.notify_all();
}

void HostWindow::stream_title(std::uint64_t stream, const std::string& title) {
    const std::lock_guard lock(mutex_);
    titles_[stream] = title;
    changed_.notify_all();
}

void HostWindow::stream_extent(std::uint64_t, std::uint32_t width, std::uint32_t height) {
    const std::lock_guard lock(mutex_);
    extent_ = {width, height};
    changed_.notify_all();
}

bool HostWindow::wait_extent(std::uint32_t width, std::uint32_t height, int timeout_ms) {
    return wait(timeout_ms, [&] { return extent_ == std::pair{width, height}; });
}

void HostWindow::cursor(std::uint64_t, bool hidden) {
    const std::lock_guard lock(mutex_);
    cursor_hidden_ = hidden;
    changed_.notify_all();
}

void HostWindow::cursor_image(std::uint64_t, const cursor::Image& image) {
    const std::lock_guard lock(mutex_);
    cursor_image_ = image;
    changed_.notify_all();
}

std::optional<cursor::Image> HostWindow::wait_cursor_image(std::uint32_t width,
                                                           std::uint32_t height, int timeout_ms) {
    std::optional<cursor::Image> found;
    (void)wait(timeout_ms, [&] {
        const bool fits = cursor_image_ && cursor_image_->shape.width == width &&
                          cursor_image_->shape.height == height;
        if (fits) found = cursor_image_;
        return fits;
    });
    return found;
}

bool HostWindow::wait_cursor(bool hidden, int timeout_ms) {
    return wait(timeout_ms, [&] { return cursor_hidden_ == hidden; });
}

void HostWindow::stream_hdr(std::uint64_t, const stream::HdrMetadata& metadata) {
    const std::lock_guard lock(mutex_);
    hdr_ = metadata;
    changed_.notify_all();
}

void HostWindow::image(const consumer::Image& message, consumer::BufferFiles files) {
    auto mapping = map_buffer(files);
    if (mapping) images_.insert_or_assign(message.image, Known{message, *std::move(mapping)});
}

void HostWindow::image_gone(std::uint64_t stream, std::uint64_t image) {
    images_.erase(image);
    client_->image_done(stream, image);
}

void HostWindow::frame(const consumer::Frame& message) {
    const auto known = images_.find(message.image);
    if (known != images_.end()) {
        auto seen = std::make_shared<SeenFrame>();
        seen->message = message;
        seen->image = known->second.image;
        const auto& plane = seen->image.planes[0];
        const auto* format = consumer::find_format(seen->image.fourcc);
        const std::size_t row = std::size_t{format ? format->bytes : 0} * seen->image.width;
        seen->bytes.resize(row * seen->image.height);
        for (std::uint32_t y = 0; y < seen->image.height; ++y) {
            std::memcpy(seen->bytes.data() + y * row,
                        known->second.mapping.bytes() + plane.offset + y * plane.pitch, row);
        }
        if (format && format->bytes == 4) {
            seen->pixels.resize(seen->bytes.size() / 4);
            std::memcpy(seen->pixels.data(), seen->bytes.data(), seen->bytes.size());
        }
        const std::lock_guard lock(mutex_);
        ++frame_count_;
        frames_.push_back(std::move(seen));
        if (frames_.size() > kKeptFrames) frames_.erase(frames_.begin());
        changed_.notify_all();
    }
    client_->presented(message.stream, message.serial, now_ns(), refresh_ns_.load(), true);
    client_->release(message.stream, message.serial);
}

}  // namespace vdmabuf::test
