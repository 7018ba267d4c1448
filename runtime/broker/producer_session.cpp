// SPDX-License-Identifier: MIT
#include "runtime/broker/producer_session.hpp"

#include <algorithm>
#include <utility>

#include "runtime/broker/image_layout.hpp"
#include "runtime/broker/version_range.hpp"
#include "runtime/common/clock.hpp"
#include "runtime/common/log.hpp"

namespace vdmabuf::broker {

using stream::ErrorCode;
using stream::Type;

ProducerSession::ProducerSession(Router& router, ProducerPort& port, const ProducerInfo& info,
                                 std::shared_ptr<Quota> quota, Quota::Share connection)
    : router_(router),
      port_(port),
      info_(info),
      quota_(std::move(quota)),
      connection_(std::move(connection)),
      clock_(info.vm.empty()),
      raw_(router.raw_buffers(), quota_, raw_host()) {
    router_.add_producer(*this);
}

ProducerSession::~ProducerSession() {
    router_.remove_producer(*this);
    if (ping_timer_) router_.loop().cancel(ping_timer_);
    // Consumers are told of the streams' end; the producer is not there to be told anything.
    failed_ = true;
    remove_streams();
}

void ProducerSession::send(std::span<const std::byte> message) {
    if (!failed_) port_.send(message);
}

void ProducerSession::send_error(ErrorCode code, Type request, const std::string& text) {
    auto message = stream::make<stream::ErrorMessage>();
    message.code = static_cast<std::uint32_t>(code);
    message.request = static_cast<std::uint32_t>(request);
    stream::put_text(message.text, text);
    send(stream::bytes_of(message));
    LOG_WARNING("producer '%s' (%s%s, pid %u): %s",
                app_.empty() ? info_.comm.c_str() : app_.c_str(), info_.vm.empty() ? "" : "VM ",
                info_.vm.empty() ? "local" : info_.vm.c_str(), info_.pid, text.c_str());
}

void ProducerSession::over_quota(Type request, const std::string& text) {
    send_error(ErrorCode::quota, request, text);
}

void ProducerSession::fail(ErrorCode code, Type request, const std::string& text) {
    if (failed_) return;
    send_error(code, request, text);
    failed_ = true;
    remove_streams();
    raw_.reset();
    port_.close(code == ErrorCode::quota    ? CloseReason::quota
                : code == ErrorCode::policy ? CloseReason::policy
                                            : CloseReason::protocol);
}

void ProducerSession::remove_streams() {
    for (auto& [number, entry] : streams_) {
        if (entry.stream) router_.remove_stream(*entry.stream);
    }
    streams_.clear();
    live_streams_ = 0;
}

Created ProducerSession::buffer_created(const stream::BufferId& id,
                                        std::shared_ptr<const BufferMemory> memory) {
    if (buffers_.contains(id)) return Created::exists;
    auto count = quota_->take(Quota::Kind::buffers, 1);
    auto bytes = quota_->take(Quota::Kind::bytes, memory->size);
    if (!count || !bytes || memory->files.size() > consumer::kMaxFiles ||
        memory->runs.size() > consumer::kMaxRuns) {
        if (refused_buffers_.size() < kMaxRefused) refused_buffers_.insert(id);
        return Created::quota;
    }
    refused_buffers_.erase(id);
    auto buffer = router_.make_buffer();
    buffer->memory = std::move(memory);
    buffer->from_vm = !info_.vm.empty();
    buffer->count = std::move(*count);
    buffer->bytes = std::move(*bytes);
    buffers_.emplace(id, std::move(buffer));
    return Created::ok;
}

bool ProducerSession::buffer_destroyed(const stream::BufferId& id) {
    return buffers_.erase(id) > 0 || refused_buffers_.erase(id) > 0;
}

template <typename Message>
void ProducerSession::handle(std::span<const std::byte> bytes) {
    const auto message = stream::decode<Message>(bytes);
    if (!message) return fail(ErrorCode::protocol, Message::kType, message.error().text);
    on(*message);
}

void ProducerSession::message(std::span<const std::byte> bytes) {
    if (failed_) return;
    const auto type = stream::type_of(bytes);
    if (!type) return fail(ErrorCode::protocol, Type{}, type.error().text);
    if (*type == Type::hello) return on_hello(bytes);
    if (!greeted_) {
        // A guest's channel may still have messages from before a RESYNC on their way.
        if (!info_.vm.empty()) return;
        return fail(ErrorCode::protocol, *type, "the first message is HELLO");
    }
    if (raw::of_producer(static_cast<std::uint32_t>(*type))) {
        const auto status = raw_.message(bytes);
        if (status) return;
        return fail(status.error().code == EDQUOT ? ErrorCode::quota : ErrorCode::protocol, *type,
                    status.error().text);
    }
    if (input::of_producer(static_cast<std::uint32_t>(*type))) return on_input(bytes);
    if (cursor::of_producer(static_cast<std::uint32_t>(*type))) return on_cursor_part(bytes);
    if (clipboard::of_producer(static_cast<std::uint32_t>(*type))) return on_clipboard(bytes);
    switch (*type) {
        case Type::stream_create:
            return handle<stream::StreamCreate>(bytes);
        case Type::stream_image:
            return handle<stream::StreamImage>(bytes);
        case Type::present:
            return handle<stream::Present>(bytes);
        case Type::stream_image_gone:
            return handle<stream::StreamImageGone>(bytes);
        case Type::stream_title:
            return handle<stream::StreamTitle>(bytes);
        case Type::stream_hdr:
            return handle<stream::StreamHdr>(bytes);
        case Type::stream_extent:
            return handle<stream::StreamExtent>(bytes);
        case Type::stream_destroy:
            return handle<stream::StreamDestroy>(bytes);
        case Type::pong:
            return handle<stream::Pong>(bytes);
        default:
            return fail(ErrorCode::protocol, *type, "unknown type of message");
    }
}

void ProducerSession::on_hello(std::span<const std::byte> bytes) {
    constexpr VersionRange kOurs{stream::kVersionMin, stream::kVersionMax};
    const auto theirs = versions_of_hello(bytes);
    if (theirs && sound(*theirs) && !common_version(*theirs, kOurs)) {
        return fail(ErrorCode::version, Type::hello,
                    version_mismatch("stream protocol", "producer", *theirs, kOurs));
    }
    const auto hello = stream::decode<stream::Hello>(bytes);
    if (!hello) return fail(ErrorCode::protocol, Type::hello, hello.error().text);
    // Once more after a RESYNC: the producer starts anew. Its buffers are its transport's matter.
    remove_streams();
    raw_.reset();
    greeted_ = true;
    app_ = stream::get_text(hello->app);
    if (app_.empty()) app_ = info_.comm;
    pid_ = info_.pid ? info_.pid : hello->pid;

    auto welcome = stream::make<stream::Welcome>();
    welcome.version = *common_version(*theirs, kOurs);
    welcome.features = router_.features();
    welcome.max_streams = quota_->streams_per_connection();
    told_formats_ = formats();
    wants_colours_ = hello->features & stream::kFeatureColours;
    told_colours_ = colour_spaces();
    welcome.colour_spaces = static_cast<std::uint16_t>(told_colours_);
    welcome.format_count = static_cast<std::uint32_t>(told_formats_.size());
    std::copy(told_formats_.begin(), told_formats_.end(), welcome.formats);
    send(stream::bytes_of(welcome));
    if (!clock_.same_clock()) {
        first_pings_left_ = kFirstPings;
        ping();
    }
}

void ProducerSession::formats_changed() {
    // Before HELLO, and where all went back to what it was, there is nothing to tell.
    if (!greeted_) return;
    if (same_formats(told_formats_, formats()) && told_colours_ == colour_spaces()) return;
    told_formats_ = formats();
    told_colours_ = colour_spaces();
    auto message = stream::make<stream::Formats>();
    message.colour_spaces = told_colours_;
    message.format_count = static_cast<std::uint32_t>(told_formats_.size());
    std::copy(told_formats_.begin(), told_formats_.end(), message.formats);
    send(stream::bytes_of(message));
}

RawProducer::Host ProducerSession::raw_host() {
    RawProducer::Host host;
    host.send = [this](std::span<const std::byte> message) { send(message); };
    host.find = [this](const stream::BufferId& id) -> const std::shared_ptr<Buffer>* {
        static const std::shared_ptr<Buffer> kRefused;
        const auto found = buffers_.find(id);
        if (found != buffers_.end()) return &found->second;
        return refused_buffers_.contains(id) ? &kRefused : nullptr;
    };
    host.origin = [this] { return RawProducer::Origin{info_.vm, app_, pid_, info_.uid}; };
    return host;
}

bool ProducerSession::may_change(Type request) {
    if (quota_->spend_change(now_ns())) return true;
    fail(ErrorCode::quota, request, "streams and images come and go too fast");
    return false;
}

ProducerSession::Entry* ProducerSession::entry_of(std::uint32_t number, Type request) {
    const auto found = streams_.find(number);
    if (found != streams_.end()) return &found->second;
    fail(ErrorCode::protocol, request, "there is no stream " + std::to_string(number));
    return nullptr;
}

void ProducerSession::on(const stream::StreamCreate& message) {
    if (!may_change(Type::stream_create)) return;
    if (streams_.contains(message.stream)) {
        return fail(ErrorCode::protocol, Type::stream_create,
                    "stream " + std::to_string(message.stream) + " is there already");
    }
    if (live_streams_ >= quota_->streams_per_connection()) {
        if (streams_.size() >= live_streams_ + kMaxRefused) {
            return fail(ErrorCode::quota, Type::stream_create, "too many streams, again and again");
        }
        streams_.emplace(message.stream, Entry{});
        return over_quota(Type::stream_create, "no more than " + std::to_string(live_streams_) +
                                                   " streams on one connection");
    }
    Stream::Info info;
    info.vm = info_.vm;
    info.app = app_;
    info.app_id = stream::get_text(message.app_id);
    info.title = stream::get_text(message.title);
    info.pid = pid_;
    info.width = message.width;
    info.height = message.height;
    info.takes_input = message.flags & stream::kStreamTakesInput;
    info.takes_clipboard = message.flags & stream::kStreamTakesClipboard &&
                           router_.clipboard() != clipboard::Policy::off;
    Entry entry;
    entry.stream = &router_.add_stream(*this, message.stream, std::move(info));
    streams_.emplace(message.stream, std::move(entry));
    ++live_streams_;
}

void ProducerSession::on(const stream::StreamImage& message) {
    if (!may_change(Type::stream_image)) return;
    Entry* entry = entry_of(message.stream, Type::stream_image);
    if (!entry || !entry->stream) return;
    const std::uint64_t slot_bit = std::uint64_t{1} << message.slot;
    if (entry->stream->has_image(message.slot) || (entry->refused_slots & slot_bit)) {
        return fail(ErrorCode::protocol, Type::stream_image, "the slot has an image already");
    }
    const auto buffer = buffers_.find(message.buffer);
    if (buffer == buffers_.end()) {
        if (!refused_buffers_.contains(message.buffer)) {
            return fail(ErrorCode::protocol, Type::stream_image, "there is no such buffer");
        }
        entry->refused_slots |= slot_bit;  // the refusal of the buffer has been told
        return;
    }
    if (const auto status = check_layout(message, buffer->second->memory->size); !status) {
        return fail(ErrorCode::protocol, Type::stream_image, status.error().text);
    }
    auto share = quota_->take(Quota::Kind::images, 1);
    if (!share) {
        entry->refused_slots |= slot_bit;
        return over_quota(Type::stream_image,
                          "no more than " + std::to_string(quota_->limit(Quota::Kind::images)) +
                              " images, those that consumers hold included");
    }
    auto image = std::make_shared<Image>();
    image->buffer = buffer->second;
    image->quota = std::move(*share);
    image->message = consumer::make<consumer::Image>();
    image->message.slot = message.slot;
    image->message.width = message.width;
    image->message.height = message.height;
    image->message.fourcc = message.fourcc;
    image->message.modifier = message.modifier;
    image->message.flags = message.flags;
    image->message.colour_space = message.colour_space;
    image->message.strategy = message.strategy;
    image->message.scaling = message.scaling;
    image->message.plane_count = message.plane_count;
    std::copy(std::begin(message.planes), std::end(message.planes),
              std::begin(image->message.planes));
    image->message.buffer_size = buffer->second->memory->size;
    router_.add_image(*entry->stream, image);
}

void ProducerSession::present(std::span<const std::byte> bytes, UniqueFd fence) {
    if (failed_) return;
    const auto message = stream::decode<stream::Present>(bytes);
    if (!message) return fail(ErrorCode::protocol, Type::present, message.error().text);
    if (!greeted_) return fail(ErrorCode::protocol, Type::present, "the first message is HELLO");
    take_frame(*message, std::move(fence));
}

// Frames of a stream become its newest in their order, each when its fence has signalled.
void ProducerSession::take_frame(const stream::Present& message, UniqueFd fence) {
    Entry* entry = entry_of(message.stream, Type::present);
    if (!entry) return;
    if (!entry->stream || (entry->refused_slots >> message.slot & 1)) {
        return release_refused(message);
    }
    const bool waits = fence || (entry->fences && !entry->fences->empty());
    if (!waits) return present_now(message.stream, message);
    if (!entry->fences) {
        entry->fences = std::make_unique<FenceQueue>(
            router_.loop(), waiting_fences_,
            [this](const stream::Present& ready) { present_now(ready.stream, ready); });
    }
    if (entry->fences->add(message, std::move(fence))) return;
    over_quota(Type::present, "no more than " + std::to_string(FenceQueue::kMaxWaiting) +
                                  " frames of one connection wait for their fences");
    release_refused(message);
}

void ProducerSession::present_now(std::uint32_t number, const stream::Present& message) {
    const std::uint64_t received = now_ns();
    Entry* entry = entry_of(number, Type::present);
    if (!entry || !entry->stream) return;
    if (const auto status = entry->stream->present(message, received); !status) {
        return fail(ErrorCode::protocol, Type::present, status.error().text);
    }
    presented_since_ping_ = true;
    if (!clock_.same_clock() && !ping_timer_ && ping_sent_ns_ == 0) ping_later();
}

// A frame of what a quota refused: given back at once, so that no app waits for it.
void ProducerSession::release_refused(const stream::Present& message) {
    auto presented = stream::make<stream::Presented>();
    presented.stream = message.stream;
    presented.serial = message.serial;
    send(stream::bytes_of(presented));
    auto release = stream::make<stream::Release>();
    release.stream = message.stream;
    release.slot = message.slot;
    release.serial = message.serial;
    send(stream::bytes_of(release));
}

void ProducerSession::on(const stream::StreamImageGone& message) {
    Entry* entry = entry_of(message.stream, Type::stream_image_gone);
    if (!entry || !entry->stream) return;
    const std::uint64_t slot_bit = std::uint64_t{1} << message.slot;
    if (entry->refused_slots & slot_bit) {
        entry->refused_slots &= ~slot_bit;
        return;
    }
    if (!entry->stream->has_image(message.slot)) {
        return fail(ErrorCode::protocol, Type::stream_image_gone, "the slot has no image");
    }
    if (entry->fences) entry->fences->withdraw(message.slot);
    router_.remove_image(*entry->stream, message.slot);
}

void ProducerSession::on(const stream::StreamTitle& message) {
    Entry* entry = entry_of(message.stream, Type::stream_title);
    if (entry && entry->stream) entry->stream->set_title(stream::get_text(message.title));
}

void ProducerSession::on(const stream::StreamHdr& message) {
    Entry* entry = entry_of(message.stream, Type::stream_hdr);
    if (entry && entry->stream) entry->stream->set_hdr(message.metadata);
}

void ProducerSession::on(const stream::StreamExtent& message) {
    Entry* entry = entry_of(message.stream, Type::stream_extent);
    if (entry && entry->stream) entry->stream->set_extent(message.width, message.height);
}

void ProducerSession::on_input(std::span<const std::byte> bytes) {
    if (input::type_of(bytes) && *input::type_of(bytes) == input::Type::cursor_of_producer) {
        return on_cursor(bytes);
    }
    constexpr auto kAck = static_cast<Type>(input::Type::ack);
    const auto ack = input::decode<input::Ack>(bytes);
    if (!ack) return fail(ErrorCode::protocol, kAck, ack.error().text);
    Entry* entry = entry_of(ack->stream, kAck);
    if (!entry || !entry->stream) return;
    if (const auto status = entry->stream->input_taken(*ack); !status) {
        fail(ErrorCode::protocol, kAck, status.error().text);
    }
}

void ProducerSession::on_cursor(std::span<const std::byte> bytes) {
    constexpr auto kCursor = static_cast<Type>(input::Type::cursor_of_producer);
    const auto cursor = input::decode<input::CursorOfProducer>(bytes);
    if (!cursor) return fail(ErrorCode::protocol, kCursor, cursor.error().text);
    if (!may_change(kCursor)) return;
    Entry* entry = entry_of(cursor->stream, kCursor);
    if (entry && entry->stream) entry->stream->set_cursor(cursor->flags);
}

void ProducerSession::on_cursor_part(std::span<const std::byte> bytes) {
    constexpr auto kPart = static_cast<Type>(cursor::Type::of_producer);
    const auto part = cursor::decode<cursor::PartOfProducer>(bytes);
    if (!part) return fail(ErrorCode::protocol, kPart, part.error().text);
    Entry* entry = entry_of(part->stream, kPart);
    if (entry && entry->stream) entry->stream->forward_cursor(*part);
}

void ProducerSession::on_clipboard(std::span<const std::byte> bytes) {
    constexpr auto kPart = static_cast<Type>(clipboard::Type::of_producer);
    constexpr auto kTaken = static_cast<Type>(clipboard::Type::taken_by_producer);
    if (*stream::type_of(bytes) == kTaken) {
        const auto taken = clipboard::decode<clipboard::TakenByProducer>(bytes);
        if (!taken) return fail(ErrorCode::protocol, kTaken, taken.error().text);
        Entry* entry = entry_of(taken->stream, kTaken);
        if (!entry || !entry->stream) return;
        const auto status = entry->stream->clipboard_taken(*taken);
        if (!status) fail(ErrorCode::protocol, kTaken, status.error().text);
        return;
    }
    const auto part = clipboard::decode<clipboard::PartOfProducer>(bytes);
    if (!part) return fail(ErrorCode::protocol, kPart, part.error().text);
    Entry* entry = entry_of(part->stream, kPart);
    if (entry && entry->stream) entry->stream->forward_clipboard(*part);
}

void ProducerSession::on(const stream::StreamDestroy& message) {
    Entry* entry = entry_of(message.stream, Type::stream_destroy);
    if (!entry) return;
    if (entry->stream) {
        router_.remove_stream(*entry->stream);
        --live_streams_;
    }
    streams_.erase(message.stream);
}

// ---- the clock

void ProducerSession::on(const stream::Pong& message) {
    // An answer that is not awaited is old (from before a RESYNC), and of no use.
    if (ping_sent_ns_ == 0 || message.token != ping_token_) return;
    clock_.add_sample(ping_sent_ns_, now_ns(), message.producer_ns);
    ping_sent_ns_ = 0;
    if (first_pings_left_ > 0) {
        ping();
    } else {
        ping_later();
    }
}

void ProducerSession::ping() {
    if (failed_) return;
    if (first_pings_left_ > 0) --first_pings_left_;
    presented_since_ping_ = false;
    auto message = stream::make<stream::Ping>();
    message.token = ++ping_token_;
    ping_sent_ns_ = now_ns();
    send(stream::bytes_of(message));
    // Also the time limit of the answer: a lost PING must not end the series.
    ping_later();
}

// A connection without frames needs no clock, and must cost nothing.
void ProducerSession::ping_later() {
    if (ping_timer_) return;
    ping_timer_ = router_.loop().at(now_ns() + kPingNs, [this] {
        ping_timer_ = 0;
        ping_sent_ns_ = 0;
        if (presented_since_ping_) ping();
    });
}

}  // namespace vdmabuf::broker
