// SPDX-License-Identifier: MIT
#include "runtime/api/consumer_handle.hpp"

#include <algorithm>
#include <cerrno>
#include <iterator>
#include <utility>

#include "runtime/common/seqpacket.hpp"

using namespace vdmabuf;
using namespace vdmabuf::api;

Result<std::unique_ptr<vdmabuf_consumer>> vdmabuf_consumer::open(
    const vdmabuf_consumer_options& options) {
    std::unique_ptr<vdmabuf_consumer> made(new vdmabuf_consumer);
    auto loop = PollableLoop::create();
    if (!loop) return loop.error();
    made->loop_ = std::move(*loop);
    consumer::Client::Options client;
    client.name = options.name ? options.name : process_name();
    client.features = options.flags & VDMABUF_CONSUMER_DMABUF ? consumer::kFeatureDmabuf : 0;
    client.features |= input::kFeatureInput | cursor::kFeatureCursor;
    if (options.flags & VDMABUF_CONSUMER_COLOURS) client.colour_spaces = stream::kAllColourSpaces;
    const bool waits = options.flags & VDMABUF_CONSUMER_WAIT;
    if (options.socket) {
        client.socket_path = options.socket;
    } else {
        auto path = runtime_directory(waits);
        if (!path) return path.error();
        client.socket_path = *path + "/consumer.sock";
    }
    consumer::ClientListener& listener = *made;
    made->client_ =
        std::make_unique<consumer::Client>(made->loop_->loop(), std::move(client), listener);
    const Status connected = made->client_->connect_now();
    if (!connected && !waits) return connected.error();
    made->loop_->arm();
    return made;
}

int vdmabuf_consumer::dispatch(vdmabuf_consumer_event* event) {
    current_.reset();
    keep_.reset();
    if (events_.empty()) loop_->turn();
    while (!events_.empty()) {
        current_ = std::move(events_.front());
        events_.pop_front();
        out_ = {};
        out_.size = sizeof out_;
        const bool told = std::visit([this](auto& what) { return hand(what); }, *current_);
        if (!told) continue;
        loop_->arm();
        return hand_out(out_, event) ? 1 : fail(EINVAL, "vdmabuf_consumer_event.size");
    }
    loop_->arm();
    return 0;
}

// ---- what comes

void vdmabuf_consumer::connected(const consumer::Welcome& message) {
    serves_raw_ = message.features & raw::kFeatureRaw;
    unacknowledged_ = 0;
    if (serves_raw_) {
        for (const auto& [number, subscription] : subscriptions_) subscribe_again(number);
    }
    events_.push_back(ConnectedEvent{consumer::get_text(message.broker_version)});
}

void vdmabuf_consumer::disconnected(const std::string& reason) {
    reattaching_.clear();
    events_.push_back(DisconnectedEvent{reason});
}

void vdmabuf_consumer::stream_added(const consumer::StreamAdded& message) {
    events_.push_back(StreamAddedEvent{std::make_shared<Stream>(message)});
}

void vdmabuf_consumer::stream_removed(std::uint64_t stream) {
    events_.push_back(StreamRemovedEvent{stream});
}

void vdmabuf_consumer::stream_title(std::uint64_t stream, const std::string& title) {
    events_.push_back(StreamTitleEvent{stream, title});
}

void vdmabuf_consumer::image(const consumer::Image& message, consumer::BufferFiles files) {
    events_.push_back(ImageEvent{std::make_shared<ImageRecord>(message, std::move(files))});
}

void vdmabuf_consumer::image_gone(std::uint64_t stream, std::uint64_t image) {
    events_.push_back(ImageGoneEvent{stream, image});
}

void vdmabuf_consumer::frame(const consumer::Frame& message) {
    events_.push_back(FrameEvent{std::make_shared<FrameRecord>(message)});
}

void vdmabuf_consumer::broker_says(const consumer::ErrorMessage& message) {
    events_.push_back(ErrorEvent{consumer::get_text(message.text)});
}

void vdmabuf_consumer::query_done() {
    if (reattaching_.empty()) return;
    const std::uint64_t stream = reattaching_.front();
    reattaching_.pop_front();
    const auto found = streams_.find(stream);
    const bool wanted = std::find(reattaching_.begin(), reattaching_.end(), stream) ==
                        reattaching_.end();  // else detached, and attached again
    if (found != streams_.end() && found->second->attached && wanted) client_->attach(stream);
}

// ---- what the program learns

bool vdmabuf_consumer::hand(ConnectedEvent& event) {
    online_ = true;
    out_.type = VDMABUF_CONSUMER_CONNECTED;
    out_.text = event.text.c_str();
    return true;
}

bool vdmabuf_consumer::hand(DisconnectedEvent& event) {
    // A broker that has gone before it said WELCOME was never there.
    if (!online_) return false;
    online_ = false;
    // Pointers of the program end with the next dispatch.
    auto over = std::make_shared<std::pair<decltype(streams_), decltype(raws_)>>();
    over->first = std::move(streams_);
    over->first.merge(removed_);
    over->second = std::move(raws_);
    streams_.clear();
    removed_.clear();
    raws_.clear();
    keep_ = std::move(over);
    out_.type = VDMABUF_CONSUMER_DISCONNECTED;
    out_.text = event.text.c_str();
    return true;
}

bool vdmabuf_consumer::hand(ErrorEvent& event) {
    out_.type = VDMABUF_CONSUMER_ERROR;
    out_.text = event.text.c_str();
    return true;
}

bool vdmabuf_consumer::hand(StreamAddedEvent& event) {
    streams_[event.record->info.id] = event.record;
    out_.type = VDMABUF_CONSUMER_STREAM_ADDED;
    out_.stream = &event.record->info;
    return true;
}

bool vdmabuf_consumer::hand(StreamRemovedEvent& event) {
    const auto found = streams_.find(event.stream);
    if (found == streams_.end()) return false;
    const auto record = found->second;
    streams_.erase(found);
    record->removed = true;
    for (auto& [id, image] : record->images) image->gone = true;
    if (!record->images.empty()) removed_[event.stream] = record;
    keep_ = record;
    out_.type = VDMABUF_CONSUMER_STREAM_REMOVED;
    out_.stream = &record->info;
    return true;
}

bool vdmabuf_consumer::hand(StreamTitleEvent& event) {
    const auto found = streams_.find(event.stream);
    if (found == streams_.end()) return false;
    found->second->set_title(event.title);
    out_.type = VDMABUF_CONSUMER_STREAM_TITLE;
    out_.stream = &found->second->info;
    return true;
}

bool vdmabuf_consumer::hand(ImageEvent& event) {
    const auto found = streams_.find(event.record->info.stream);
    if (found == streams_.end() || !found->second->attached) return false;
    auto& place = found->second->images[event.record->info.id];
    keep_ = std::move(place);  // one that came as a dmabuf, and comes again
    place = event.record;
    out_.type = VDMABUF_CONSUMER_IMAGE_ADDED;
    out_.image = &event.record->info;
    return true;
}

bool vdmabuf_consumer::hand(ImageGoneEvent& event) {
    const auto stream = streams_.find(event.stream);
    if (stream == streams_.end()) return false;
    const auto found = stream->second->images.find(event.image);
    if (found == stream->second->images.end()) return false;
    found->second->gone = true;
    keep_ = found->second;
    out_.type = VDMABUF_CONSUMER_IMAGE_GONE;
    out_.image = &found->second->info;
    return true;
}

bool vdmabuf_consumer::hand(FrameEvent& event) {
    const auto found = streams_.find(event.record->info.stream);
    if (found == streams_.end() || !found->second->attached) return false;
    found->second->last_serial = event.record->info.serial;
    out_.type = VDMABUF_CONSUMER_FRAME;
    out_.frame = &event.record->info;
    return true;
}

// ---- streams

const vdmabuf_stream_info* vdmabuf_consumer::stream_at(std::size_t index) const {
    if (index >= streams_.size()) return nullptr;
    return &std::next(streams_.begin(), static_cast<std::ptrdiff_t>(index))->second->info;
}

const vdmabuf_stream_info* vdmabuf_consumer::stream(std::uint64_t id) const {
    const auto found = streams_.find(id);
    return found == streams_.end() ? nullptr : &found->second->info;
}

const vdmabuf_image_info* vdmabuf_consumer::image(std::uint64_t stream, std::uint64_t image) const {
    for (const auto* records : {&streams_, &removed_}) {
        const auto found = records->find(stream);
        if (found == records->end()) continue;
        const auto known = found->second->images.find(image);
        if (known != found->second->images.end()) return &known->second->info;
    }
    return nullptr;
}

std::shared_ptr<StreamRecord> vdmabuf_consumer::known_stream(std::uint64_t id, int& result) {
    result = 0;
    if (!online_) {
        result = fail(ENOTCONN, "there is no broker");
        return nullptr;
    }
    const auto found = streams_.find(id);
    if (found != streams_.end()) return found->second;
    result = fail(ENOENT, "there is no such stream");
    return nullptr;
}

int vdmabuf_consumer::attach(std::uint64_t stream) {
    int result = 0;
    const auto record = known_stream(stream, result);
    if (!record) return result;
    if (record->attached) return fail(EALREADY, "the stream is attached");
    record->attached = true;
    if (record->was_attached) {
        // What belonged to the last time may be on its way still: first an answer from behind it.
        reattaching_.push_back(stream);
        client_->query();
    } else {
        client_->attach(stream);
    }
    return 0;
}

// Events of an attachment that is over are of no use, and must not be taken for the next one's.
void vdmabuf_consumer::forget_events_of(std::uint64_t stream) {
    std::erase_if(events_, [stream](const ConsumerEvent& event) {
        if (const auto* image = std::get_if<ImageEvent>(&event)) {
            return image->record->info.stream == stream;
        }
        if (const auto* gone = std::get_if<ImageGoneEvent>(&event)) return gone->stream == stream;
        if (const auto* frame = std::get_if<FrameEvent>(&event)) {
            return frame->record->info.stream == stream;
        }
        if (const auto* cursor = std::get_if<CursorEvent>(&event)) return cursor->stream == stream;
        return false;
    });
}

int vdmabuf_consumer::detach(std::uint64_t stream) {
    if (const auto over = removed_.find(stream); over != removed_.end()) {
        for (const auto& [id, image] : over->second->images) client_->image_done(stream, id);
        removed_.erase(over);
        return 0;
    }
    int result = 0;
    const auto record = known_stream(stream, result);
    if (!record) return result;
    if (!record->attached) return fail(ENOENT, "the stream is not attached");
    record->attached = false;
    record->was_attached = true;
    record->images.clear();
    forget_events_of(stream);
    client_->detach(stream);
    return 0;
}

int vdmabuf_consumer::presented(std::uint64_t stream, std::uint64_t serial, std::uint64_t time_ns,
                                std::uint64_t refresh_ns, bool shown) {
    int result = 0;
    const auto record = known_stream(stream, result);
    if (!record) return result;
    // The broker ends a connection that speaks of frames that never were.
    if (serial == 0 || serial > record->last_serial) return fail(ENOENT, "there is no such frame");
    client_->presented(stream, serial, time_ns, refresh_ns, shown);
    return 0;
}

int vdmabuf_consumer::release(std::uint64_t stream, std::uint64_t serial) {
    int result = 0;
    const auto record = known_stream(stream, result);
    if (!record) return result;
    if (serial == 0 || serial > record->last_serial) return fail(ENOENT, "there is no such frame");
    client_->release(stream, serial);
    return 0;
}

int vdmabuf_consumer::image_done(std::uint64_t stream, std::uint64_t image) {
    if (!online_) return fail(ENOTCONN, "there is no broker");
    for (auto* records : {&streams_, &removed_}) {
        const auto found = records->find(stream);
        if (found == records->end()) continue;
        auto& images = found->second->images;
        const auto known = images.find(image);
        if (known == images.end()) continue;
        if (!known->second->gone) {
            return fail(EBUSY, "the image is still presented: detach, or wait for IMAGE_GONE");
        }
        images.erase(known);
        client_->image_done(stream, image);
        if (found->second->removed && images.empty()) records->erase(found);
        return 0;
    }
    return fail(ENOENT, "there is no such image");
}

int vdmabuf_consumer::image_again(std::uint64_t stream, std::uint64_t image) {
    int result = 0;
    const auto record = known_stream(stream, result);
    if (!record) return result;
    const auto known = record->images.find(image);
    if (known == record->images.end()) return fail(ENOENT, "there is no such image");
    ImageRecord& info = *known->second;
    if (info.gone) return fail(ENOENT, "the image is gone");
    if (info.memory.view()->kind != VDMABUF_MEMORY_DMABUF || info.again) {
        return fail(EALREADY, "the image has not come as a dmabuf, or was asked for again");
    }
    info.again = true;
    client_->image_again(stream, image);
    return 0;
}

int vdmabuf_consumer::imported(std::uint64_t stream, std::uint64_t image, std::uint32_t path,
                               const char* reason) {
    int result = 0;
    const auto record = known_stream(stream, result);
    if (!record) return result;
    if (!record->images.contains(image)) return fail(ENOENT, "there is no such image");
    if (path >= consumer::kImportPathCount) return fail(EINVAL, "no VDMABUF_IMPORT_*");
    client_->imported(stream, image, static_cast<consumer::ImportPath>(path), reason ? reason : "");
    return 0;
}

static_assert(static_cast<int>(consumer::ImportPath::udmabuf) == VDMABUF_IMPORT_DMABUF &&
              static_cast<int>(consumer::ImportPath::host_pointer) == VDMABUF_IMPORT_HOST_POINTER &&
              static_cast<int>(consumer::ImportPath::copy) == VDMABUF_IMPORT_COPY);

int vdmabuf_consumer::configure(std::uint64_t stream, std::uint32_t width, std::uint32_t height,
                                std::uint64_t refresh_ns, std::uint32_t flags) {
    int result = 0;
    const auto record = known_stream(stream, result);
    if (!record) return result;
    if (!record->attached) return fail(ENOENT, "the stream is not attached");
    if (flags & ~VDMABUF_CONFIGURE_OCCLUDED || width > stream::kMaxExtent ||
        height > stream::kMaxExtent) {
        return fail(EINVAL, "extents are at most 32768 pixels, flags VDMABUF_CONFIGURE_*");
    }
    client_->configure(stream, width, height, refresh_ns, flags & VDMABUF_CONFIGURE_OCCLUDED);
    return 0;
}

int vdmabuf_consumer::close_stream(std::uint64_t stream) {
    int result = 0;
    if (!known_stream(stream, result)) return result;
    client_->close_stream(stream);
    return 0;
}

int vdmabuf_consumer::formats(const vdmabuf_format* list, std::size_t count) {
    if (count > 0 && !list) return fail(EINVAL, "a NULL pointer");
    if (count > 4096) return fail(EINVAL, "too many formats");
    std::vector<stream::FormatModifier> formats;
    for (std::size_t i = 0; i < count; ++i) {
        formats.push_back({list[i].fourcc, 0, list[i].modifier});
    }
    client_->formats(formats);
    return 0;
}
