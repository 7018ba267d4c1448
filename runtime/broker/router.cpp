// SPDX-License-Identifier: MIT
#include "runtime/broker/router.hpp"

#include <algorithm>
#include <utility>

#include "runtime/broker/consumer_session.hpp"
#include "runtime/common/clock.hpp"

namespace vdmabuf::broker {

Result<std::unique_ptr<Router>> Router::create(EventLoop& loop, bool share_vm_memory,
                                               clipboard::Policy clipboard) {
    std::unique_ptr<Router> router(new Router(loop, share_vm_memory, clipboard));
    Router* self = router.get();
    auto timer = WakeTimer::create(loop, [self] { self->on_wake(); });
    if (!timer) return timer.error();
    router->timer_ = std::move(*timer);
    return router;
}

Router::~Router() {
    if (formats_timer_) loop_.cancel(formats_timer_);
}

std::uint32_t Router::features() const {
    return raw::kFeatureRaw | input::kFeatureInput | cursor::kFeatureCursor |
           stream::kFeatureExtent | stream::kFeatureColours |
           (clipboard_ != clipboard::Policy::off ? clipboard::kFeatureClipboard : 0);
}

Stream& Router::add_stream(ProducerLink& producer, std::uint32_t number, Stream::Info info) {
    const std::uint64_t id = next_stream_++;
    const auto input = input_.find(info.vm);
    auto added = std::make_unique<Stream>(*this, producer, id, number, std::move(info),
                                          input == input_.end() ? nullptr : &input->second);
    Stream& stream = *added;
    streams_.emplace(id, std::move(added));
    // schedule() must not allocate.
    if (scheduled_.capacity() < streams_.size()) scheduled_.reserve(2 * streams_.size());
    for (ConsumerSession* consumer : consumers_) {
        if (consumer) consumer->stream_added(stream);
    }
    return stream;
}

void Router::set_input_port(const std::string& vm, InputPort* port) {
    if (port) {
        input_.try_emplace(vm, *port);
    } else {
        input_.erase(vm);
    }
}

void Router::remove_stream(Stream& stream) {
    stream.end_input();
    for (ConsumerSession* consumer : consumers_) {
        if (consumer) consumer->stream_removed(stream);
    }
    std::erase(scheduled_, &stream);
    streams_.erase(stream.id());
}

void Router::tell_title(Stream& stream) {
    for (ConsumerSession* consumer : consumers_) {
        if (consumer) consumer->title_changed(stream);
    }
}

void Router::tell_cursor(Stream& stream, unsigned consumer, std::uint32_t flags) {
    if (consumers_[consumer]) consumers_[consumer]->cursor_changed(stream, flags);
}

void Router::tell_cursor(unsigned consumer, const cursor::PartToConsumer& part) {
    if (consumers_[consumer]) consumers_[consumer]->cursor_part(part);
}

void Router::tell_clipboard(unsigned consumer, const clipboard::PartToConsumer& part) {
    if (consumers_[consumer]) consumers_[consumer]->clipboard_part(part);
}

void Router::tell_hdr(Stream& stream) {
    for (ConsumerSession* consumer : consumers_) {
        if (consumer) consumer->hdr_changed(stream);
    }
}

void Router::tell_extent(Stream& stream) {
    for (ConsumerSession* consumer : consumers_) {
        if (consumer) consumer->extent_changed(stream);
    }
}

void Router::add_image(Stream& stream, const std::shared_ptr<Image>& image) {
    image->message.image = next_image_++;
    image->message.stream = stream.id();
    image->frame = consumer::make<consumer::Frame>();
    image->frame.stream = stream.id();
    image->frame.image = image->message.image;
    const std::uint32_t slot = image->message.slot;
    stream.set_image(slot, image);
    for (ConsumerSession* consumer : consumers_) {
        if (consumer) consumer->image_added(stream, image);
    }
}

void Router::remove_image(Stream& stream, std::uint32_t slot) {
    const std::uint64_t image = stream.image(slot)->message.image;
    // First the pacer: no FRAME of the image may follow its IMAGE_GONE.
    stream.remove_image(slot);
    for (ConsumerSession* consumer : consumers_) {
        if (consumer) consumer->image_gone(stream, image);
    }
}

unsigned Router::free_index(unsigned limit) const {
    for (unsigned i = 0; i < std::min(limit, FramePacer::kMaxConsumers); ++i) {
        if (!consumers_[i]) return i;
    }
    return FramePacer::kMaxConsumers;
}

void Router::add_consumer(unsigned index, ConsumerSession& session) {
    consumers_[index] = &session;
}

void Router::remove_consumer(unsigned index) {
    for (auto& [id, stream] : streams_) {
        if (stream->attached(index)) stream->detach(index);
    }
    consumers_[index] = nullptr;
    const bool colours = colours_.leave(index);
    if (formats_.leave(index) || colours) formats_changed();
}

void Router::consumer_imports(unsigned index, std::span<const stream::FormatModifier> formats) {
    if (formats_.say(index, formats)) formats_changed();
}

void Router::consumer_shows(unsigned index, stream::ColourSpaces spaces) {
    if (colours_.say(index, spaces)) formats_changed();
}

void Router::consumer_attaches(unsigned index) {
    const bool colours = colours_.attach(index);
    if (formats_.attach(index) || colours) formats_changed();
}

void Router::formats_changed() {
    if (formats_timer_) return;
    formats_timer_ = loop_.at(now_ns() + kFormatsNs, [this] {
        formats_timer_ = 0;
        for (ProducerLink* producer : producers_) producer->formats_changed();
    });
}

Stream* Router::find(std::uint64_t id) {
    const auto found = streams_.find(id);
    return found == streams_.end() ? nullptr : found->second.get();
}

Result<ExportedMemory> Router::export_image(Image& image, bool as_dmabuf) {
    return export_buffer(*image.buffer, as_dmabuf);
}

Result<ExportedMemory> Router::export_buffer(Buffer& buffer, bool as_dmabuf) {
    return exporter_.give(buffer, as_dmabuf);
}

void Router::send_to(unsigned consumer, std::span<const std::byte> message) {
    if (consumers_[consumer]) consumers_[consumer]->send(message);
}

void Router::schedule(Stream& stream) {
    const std::uint64_t deadline = stream.deadline_ns();
    if (deadline == 0) return;
    if (!stream.scheduled) {
        stream.scheduled = true;
        scheduled_.push_back(&stream);
    }
    timer_->arm(deadline);
}

void Router::on_wake() {
    const std::uint64_t now = now_ns();
    std::uint64_t next = 0;
    for (std::size_t i = 0; i < scheduled_.size();) {
        Stream& stream = *scheduled_[i];
        std::uint64_t deadline = stream.deadline_ns();
        if (deadline != 0 && deadline <= now) {
            stream.tick();
            deadline = stream.deadline_ns();
        }
        if (deadline == 0) {
            stream.scheduled = false;
            scheduled_[i] = scheduled_.back();
            scheduled_.pop_back();
            continue;
        }
        if (next == 0 || deadline < next) next = deadline;
        ++i;
    }
    if (next != 0) timer_->arm(next);
}

}  // namespace vdmabuf::broker
