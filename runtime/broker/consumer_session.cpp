// SPDX-License-Identifier: MIT
#include "runtime/broker/consumer_session.hpp"

#include <unistd.h>

#include <algorithm>
#include <utility>
#include <vector>

#include "runtime/broker/version_range.hpp"
#include "runtime/common/clock.hpp"
#include "runtime/common/log.hpp"

namespace vdmabuf::broker {

using consumer::Type;
using stream::ErrorCode;

namespace {

std::uint32_t number(Type type) {
    return static_cast<std::uint32_t>(type);
}

}  // namespace

ConsumerSession::ConsumerSession(Router& router, unsigned index)
    : router_(router),
      index_(index),
      raw_(router.raw_buffers(), [this](std::span<const std::byte> message, FdList fds) {
          if (!refused_) channel_->send(message, std::move(fds));
      }) {}

Result<std::unique_ptr<ConsumerSession>> ConsumerSession::create(Router& router, unsigned index,
                                                                 UniqueFd socket,
                                                                 std::function<void()> ended) {
    std::unique_ptr<ConsumerSession> session(new ConsumerSession(router, index));
    ConsumerSession* self = session.get();
    session->self_ = std::make_shared<ConsumerSession*>(self);
    SocketChannel::Handlers handlers;
    handlers.message = [self](std::span<const std::byte> bytes, const std::vector<UniqueFd>& fds) {
        if (fds.empty()) return self->message(bytes);
        self->refuse(ErrorCode::protocol, 0, "a consumer sends no descriptors");
    };
    handlers.closed = std::move(ended);
    auto channel = SocketChannel::create(router.loop(), std::move(socket), std::move(handlers));
    if (!channel) return channel.error();
    session->channel_ = std::move(*channel);
    return session;
}

ConsumerSession::~ConsumerSession() {
    *self_ = nullptr;
}

void ConsumerSession::send(std::span<const std::byte> message) {
    if (!refused_) channel_->send(message);
}

void ConsumerSession::send_error(ErrorCode code, std::uint32_t request, const std::string& text) {
    auto message = consumer::make<consumer::ErrorMessage>();
    message.code = static_cast<std::uint32_t>(code);
    message.request = request;
    consumer::put_text(message.text, text);
    send(consumer::bytes_of(message));
}

void ConsumerSession::refuse(ErrorCode code, std::uint32_t request, const std::string& text) {
    if (refused_) return;
    LOG_WARNING("consumer '%s': %s", name_.c_str(), text.c_str());
    send_error(code, request, text);
    refused_ = true;
    channel_->close();
}

// ---- what the router tells

void ConsumerSession::stream_added(Stream& stream) {
    if (greeted_) send(consumer::bytes_of(stream.added_message()));
}

void ConsumerSession::stream_removed(Stream& stream) {
    if (!greeted_) return;
    auto message = consumer::make<consumer::StreamRemoved>();
    message.stream = stream.id();
    send(consumer::bytes_of(message));
    const auto found = attachments_.find(stream.id());
    if (found == attachments_.end()) return;
    // The consumer may be drawing: it answers IMAGE_DONE or DETACH when it is not. But the pages of
    // an app that has ended are not kept for one that forgets to.
    found->second.removed = true;
    for (auto& [id, held] : found->second.images) held.gone = true;
    if (found->second.images.empty()) {
        attachments_.erase(found);
        return;
    }
    const std::weak_ptr<ConsumerSession*> weak = self_;
    router_.loop().at(now_ns() + kRemovedImagesNs, [weak, id = stream.id()] {
        if (const auto self = weak.lock(); self && *self) (*self)->attachments_.erase(id);
    });
}

void ConsumerSession::title_changed(Stream& stream) {
    if (!greeted_) return;
    auto message = consumer::make<consumer::StreamTitle>();
    message.stream = stream.id();
    consumer::put_text(message.title, stream.info().title);
    send(consumer::bytes_of(message));
}

void ConsumerSession::hdr_changed(Stream& stream) {
    if (stream.attached(index_)) send_hdr(stream);
}

void ConsumerSession::send_hdr(const Stream& stream) {
    auto message = consumer::make<consumer::StreamHdr>();
    message.stream = stream.id();
    message.metadata = stream.hdr();
    send(consumer::bytes_of(message));
}

void ConsumerSession::extent_changed(Stream& stream) {
    if (!greeted_ || !(features_ & stream::kFeatureExtent)) return;
    auto message = consumer::make<consumer::StreamExtent>();
    message.stream = stream.id();
    message.width = stream.info().width;
    message.height = stream.info().height;
    send(consumer::bytes_of(message));
}

void ConsumerSession::cursor_changed(Stream& stream, std::uint32_t flags) {
    if (!(features_ & input::kFeatureInput)) return;
    auto message = input::make<input::CursorToConsumer>();
    message.stream = stream.id();
    message.flags = flags;
    send(input::bytes_of(message));
}

void ConsumerSession::cursor_part(const cursor::PartToConsumer& part) {
    // One that does not read must not be ended by what an app does with its cursor.
    constexpr std::size_t kMostQueued = SocketChannel::kMaxQueued / 4;
    if (!(features_ & cursor::kFeatureCursor) || channel_->queued_bytes() > kMostQueued) return;
    send(cursor::bytes_of(part));
}

void ConsumerSession::clipboard_part(const clipboard::PartToConsumer& part) {
    constexpr std::size_t kMostQueued = SocketChannel::kMaxQueued / 2;  // more than the largest
    if (!(features_ & clipboard::kFeatureClipboard) || channel_->queued_bytes() > kMostQueued) {
        return;
    }
    send(clipboard::bytes_of(part));
}

void ConsumerSession::image_added(Stream& stream, const std::shared_ptr<Image>& image) {
    const auto found = attachments_.find(stream.id());
    if (found == attachments_.end()) return;
    if (!give_image(stream, found->second, image, takes_dmabufs())) drop_attachment(stream);
}

void ConsumerSession::image_gone(Stream& stream, std::uint64_t image) {
    const auto attached = attachments_.find(stream.id());
    if (attached == attachments_.end()) return;
    const auto held = attached->second.images.find(image);
    if (held == attached->second.images.end()) return;
    held->second.gone = true;
    auto message = consumer::make<consumer::ImageGone>();
    message.stream = stream.id();
    message.image = image;
    send(consumer::bytes_of(message));
}

// False, and the consumer has been told why, when it cannot have the image.
bool ConsumerSession::give_image(Stream& stream, Attachment& attachment,
                                 const std::shared_ptr<Image>& image, bool as_dmabuf) {
    const std::string unknown = colours_unknown(*image);
    auto exported = unknown.empty() ? router_.export_image(*image, as_dmabuf)
                                    : Result<ExportedMemory>(Error{ENOTSUP, unknown});
    if (!exported && takes_dmabufs()) {
        // It goes on without this image, and can say why.
        LOG_WARNING("image %llu of stream %llu cannot be handed out: %s",
                    static_cast<unsigned long long>(image->message.image),
                    static_cast<unsigned long long>(stream.id()), exported.error().text.c_str());
        ExportedMemory nothing;
        nothing.kind = consumer::MemoryKind::none;
        nothing.reason = exported.error().text;
        exported = std::move(nothing);
    }
    if (!exported) {
        const std::string text = "stream " + std::to_string(stream.id()) +
                                 " cannot be handed out: " + exported.error().text;
        LOG_WARNING("consumer '%s': %s", name_.c_str(), text.c_str());
        send_error(ErrorCode::policy, number(Type::attach), text);
        return false;
    }
    consumer::Image message = image->message;
    message.memory = static_cast<std::uint32_t>(exported->kind);
    message.run_count = exported->run_count;
    message.file_count = exported->file_count;
    if (!exported->reason.empty() && exported->kind == consumer::MemoryKind::runs) {
        LOG_INFO("image %llu of stream %llu goes to '%s' without a dmabuf: %s",
                 static_cast<unsigned long long>(message.image),
                 static_cast<unsigned long long>(stream.id()), name_.c_str(),
                 exported->reason.c_str());
    }
    consumer::put_text(message.reason, exported->reason);
    image->memory = exported->kind;
    std::copy(std::begin(message.reason), std::end(message.reason), image->memory_reason.begin());
    if (!refused_) channel_->send(consumer::bytes_of(message), std::move(exported->fds));
    HeldImage& held = attachment.images[message.image];
    held.image = image;
    held.memory = exported->kind;
    return true;
}

// Numbers that mean another colour than the consumer believes are worse than no picture.
std::string ConsumerSession::colours_unknown(const Image& image) const {
    if (router_.shows(index_, image.message.colour_space)) return {};
    return std::string("its colours are ") + stream::colour_space_name(image.message.colour_space) +
           ", which '" + name_ + "' does not show";
}

void ConsumerSession::drop_attachment(Stream& stream) {
    stream.detach(index_);
    attachments_.erase(stream.id());
}

// ---- what the consumer says

template <typename Message>
void ConsumerSession::handle(std::span<const std::byte> bytes) {
    const auto message = consumer::decode<Message>(bytes);
    if (!message) {
        refuse(ErrorCode::protocol, number(Message::kType), message.error().text);
        return;
    }
    on(*message);
}

void ConsumerSession::message(std::span<const std::byte> bytes) {
    if (refused_) return;
    const auto type = consumer::type_of(bytes);
    if (!type) return refuse(ErrorCode::protocol, 0, type.error().text);
    if (*type == Type::hello) return on_hello(bytes);
    if (!greeted_) return refuse(ErrorCode::protocol, number(*type), "the first message is HELLO");
    if (raw::of_consumer(number(*type))) {
        const auto status = raw_.message(bytes);
        if (status) return;
        return refuse(status.error().code == EDQUOT ? ErrorCode::quota : ErrorCode::protocol,
                      number(*type), status.error().text);
    }
    if (input::of_consumer(number(*type))) return on_input(bytes);
    if (clipboard::of_consumer(number(*type))) return on_clipboard(bytes);
    switch (*type) {
        case Type::attach:
            return handle<consumer::Attach>(bytes);
        case Type::detach:
            return handle<consumer::Detach>(bytes);
        case Type::release:
            return handle<consumer::Release>(bytes);
        case Type::presented:
            return handle<consumer::Presented>(bytes);
        case Type::configure:
            return handle<consumer::Configure>(bytes);
        case Type::close_stream:
            return handle<consumer::CloseStream>(bytes);
        case Type::imported:
            return handle<consumer::Imported>(bytes);
        case Type::image_done:
            return handle<consumer::ImageDone>(bytes);
        case Type::statistics:
            return handle<consumer::Statistics>(bytes);
        case Type::query:
            return handle<consumer::Query>(bytes);
        case Type::formats:
            return handle<consumer::Formats>(bytes);
        case Type::image_again:
            return handle<consumer::ImageAgain>(bytes);
        case Type::colour_spaces:
            return handle<consumer::ShownColourSpaces>(bytes);
        case Type::colour_shown:
            return handle<consumer::StreamColourShown>(bytes);
        default:
            return refuse(ErrorCode::protocol, number(*type), "unknown type of message");
    }
}

void ConsumerSession::on_hello(std::span<const std::byte> bytes) {
    if (greeted_) return refuse(ErrorCode::protocol, number(Type::hello), "HELLO comes once");
    constexpr VersionRange kOurs{consumer::kVersionMin, consumer::kVersionMax};
    const auto theirs = versions_of_hello(bytes);
    if (theirs && sound(*theirs) && !common_version(*theirs, kOurs)) {
        return refuse(ErrorCode::version, number(Type::hello),
                      version_mismatch("consumer protocol", "consumer", *theirs, kOurs));
    }
    const auto hello = consumer::decode<consumer::Hello>(bytes);
    if (!hello) return refuse(ErrorCode::protocol, number(Type::hello), hello.error().text);
    greeted_ = true;
    features_ = hello->features;
    name_ = consumer::get_text(hello->name);
    raw_.greeted(name_, takes_dmabufs());
    auto welcome = consumer::make<consumer::Welcome>();
    welcome.features = router_.features();
    welcome.version = *common_version(*theirs, kOurs);
    welcome.broker_pid = static_cast<std::uint32_t>(::getpid());
    consumer::put_text(welcome.broker_version, VDMABUF_VERSION);
    send(consumer::bytes_of(welcome));
    for (const auto& [id, stream] : router_.streams()) stream_added(*stream);
    LOG_INFO("consumer '%s' (pid %u) has come", name_.c_str(), hello->pid);
}

Stream* ConsumerSession::stream_of(std::uint64_t id, Type request) {
    Stream* stream = router_.find(id);
    if (!stream && !router_.was(id)) {
        refuse(ErrorCode::protocol, number(request), "there has never been such a stream");
    }
    return stream;
}

void ConsumerSession::on(const consumer::Attach& message) {
    Stream* stream = stream_of(message.stream, Type::attach);
    if (!stream) return;
    if (attachments_.contains(stream->id())) {
        return refuse(ErrorCode::protocol, number(Type::attach), "ATTACH of an attached stream");
    }
    Attachment& attachment = attachments_[stream->id()];
    for (std::uint32_t slot = 0; slot < stream::kMaxSlots; ++slot) {
        if (!stream->has_image(slot)) continue;
        if (give_image(*stream, attachment, stream->image(slot), takes_dmabufs())) continue;
        attachments_.erase(stream->id());
        return;
    }
    router_.consumer_attaches(index_);
    // Before the frame that it belongs to.
    if (stream->hdr() != stream::HdrMetadata{}) send_hdr(*stream);
    stream->attach(index_);
}

void ConsumerSession::on(const consumer::Detach& message) {
    Stream* stream = stream_of(message.stream, Type::detach);
    if (stream && attachments_.contains(stream->id())) {
        drop_attachment(*stream);
    } else {
        attachments_.erase(message.stream);  // of a stream that is over
    }
}

void ConsumerSession::on(const consumer::Release& message) {
    Stream* stream = stream_of(message.stream, Type::release);
    if (!stream) return;
    if (stream->release(index_, message.serial) == FramePacer::Answer::unknown) {
        refuse(ErrorCode::protocol, number(Type::release), "RELEASE of a frame that never was");
    }
}

void ConsumerSession::on(const consumer::Presented& message) {
    Stream* stream = stream_of(message.stream, Type::presented);
    if (!stream) return;
    if (stream->presented(index_, message) == FramePacer::Answer::unknown) {
        refuse(ErrorCode::protocol, number(Type::presented), "PRESENTED of a frame that never was");
    }
}

void ConsumerSession::on(const consumer::Configure& message) {
    Stream* stream = stream_of(message.stream, Type::configure);
    // The wishes of one that shows nothing are not forwarded: they would outlive it.
    if (stream && stream->attached(index_)) stream->configure(index_, message);
}

void ConsumerSession::on_input(std::span<const std::byte> bytes) {
    constexpr auto kInput = static_cast<Type>(input::Type::from_consumer);
    const auto message = input::decode<input::FromConsumer>(bytes);
    if (!message) return refuse(ErrorCode::protocol, number(kInput), message.error().text);
    Stream* stream = stream_of(message->stream, kInput);
    if (!input_rate_.spend(now_ns())) {
        return refuse(ErrorCode::quota, number(kInput), "input comes too fast");
    }
    // Only to what it shows.
    if (stream && stream->attached(index_)) stream->input(index_, *message);
}

void ConsumerSession::on_clipboard(std::span<const std::byte> bytes) {
    constexpr auto kPart = static_cast<Type>(clipboard::Type::of_consumer);
    const auto part = clipboard::decode<clipboard::PartOfConsumer>(bytes);
    if (!part) return refuse(ErrorCode::protocol, number(kPart), part.error().text);
    Stream* stream = stream_of(part->stream, kPart);
    if (!stream) return;
    const auto status = stream->clipboard(index_, *part);
    if (!status) refuse(ErrorCode::protocol, number(kPart), status.error().text);
}

void ConsumerSession::on(const consumer::CloseStream& message) {
    if (Stream* stream = stream_of(message.stream, Type::close_stream)) stream->request_close();
}

void ConsumerSession::on(const consumer::Imported& message) {
    if (!stream_of(message.stream, Type::imported)) return;
    const auto attached = attachments_.find(message.stream);
    if (attached == attachments_.end()) return;
    const auto held = attached->second.images.find(message.image);
    if (held == attached->second.images.end()) return;
    Image& image = *held->second.image;
    image.path = static_cast<consumer::ImportPath>(message.path);
    std::copy(std::begin(message.reason), std::end(message.reason), image.reason.begin());
}

void ConsumerSession::on(const consumer::ImageDone& message) {
    if (!router_.was(message.stream)) {
        return refuse(ErrorCode::protocol, number(Type::image_done),
                      "there has never been such a stream");
    }
    const auto attached = attachments_.find(message.stream);
    if (attached == attachments_.end()) return;
    const auto held = attached->second.images.find(message.image);
    if (held == attached->second.images.end()) return;
    if (!held->second.gone) {
        return refuse(ErrorCode::protocol, number(Type::image_done),
                      "IMAGE_DONE before IMAGE_GONE");
    }
    attached->second.images.erase(held);
    if (attached->second.removed && attached->second.images.empty()) attachments_.erase(attached);
}

void ConsumerSession::on(const consumer::Formats& message) {
    router_.consumer_imports(index_, std::span(message.formats).first(message.format_count));
}

void ConsumerSession::on(const consumer::ImageAgain& message) {
    Stream* stream = stream_of(message.stream, Type::image_again);
    const auto attached = attachments_.find(message.stream);
    if (!stream || attached == attachments_.end()) return;
    const auto held = attached->second.images.find(message.image);
    if (held == attached->second.images.end() || held->second.gone) return;
    if (held->second.memory != consumer::MemoryKind::dmabuf) {
        return refuse(ErrorCode::protocol, number(Type::image_again),
                      "IMAGE_AGAIN of an image that was not given as a dmabuf");
    }
    const std::shared_ptr<Image> image = held->second.image;
    if (!give_image(*stream, attached->second, image, false)) drop_attachment(*stream);
}

void ConsumerSession::on(const consumer::ShownColourSpaces& message) {
    router_.consumer_shows(index_, message.spaces);
}

void ConsumerSession::on(const consumer::StreamColourShown& message) {
    Stream* stream = stream_of(message.stream, Type::colour_shown);
    if (stream && stream->attached(index_)) stream->set_colour_shown(message.shown);
}

void ConsumerSession::on(const consumer::Statistics& message) {
    Stream* stream = stream_of(message.stream, Type::statistics);
    const auto attached = attachments_.find(message.stream);
    if (!stream || attached == attachments_.end()) return;
    // The consumer counts from its ATTACH on; the stream's sum is over all consumers that it had.
    Attachment& attachment = attached->second;
    if (message.cpu_copied_bytes > attachment.copied_bytes) {
        stream->add_copied_bytes(message.cpu_copied_bytes - attachment.copied_bytes);
        attachment.copied_bytes = message.cpu_copied_bytes;
    }
    stream->set_latency(message.latency_p50_ns, message.latency_p99_ns);
}

void ConsumerSession::on(const consumer::Query&) {
    for (const auto& [id, stream] : router_.streams()) {
        send(consumer::bytes_of(stream->status()));
        for (std::uint32_t slot = 0; slot < stream::kMaxSlots; ++slot) {
            if (!stream->has_image(slot)) continue;
            const Image& image = *stream->image(slot);
            auto status = consumer::make<consumer::ImageStatus>();
            status.stream = id;
            status.image = image.message.image;
            status.slot = slot;
            status.width = image.message.width;
            status.height = image.message.height;
            status.fourcc = image.message.fourcc;
            status.modifier = image.message.modifier;
            status.pitch = image.message.planes[0].pitch;
            status.buffer_size = image.message.buffer_size;
            status.run_count = static_cast<std::uint32_t>(image.buffer->memory->runs.size());
            status.strategy = image.message.strategy;
            status.path = static_cast<std::uint32_t>(image.path);
            status.memory = static_cast<std::uint32_t>(image.memory);
            std::copy(image.reason.begin(), image.reason.end(), std::begin(status.reason));
            std::copy(image.memory_reason.begin(), image.memory_reason.end(),
                      std::begin(status.memory_reason));
            send(consumer::bytes_of(status));
        }
    }
    raw_.send_status();
    send(consumer::bytes_of(consumer::make<consumer::QueryDone>()));
}

}  // namespace vdmabuf::broker
