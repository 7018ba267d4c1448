// SPDX-License-Identifier: MIT
#include "runtime/consumer/client.hpp"

#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>

#include "runtime/common/clock.hpp"
#include "runtime/common/drm_format.hpp"
#include "runtime/common/log.hpp"
#include "runtime/common/raw_messages.hpp"
#include "runtime/common/seqpacket.hpp"

namespace vdmabuf::consumer {
namespace {

constexpr std::uint64_t kFirstRetryNs = 50 * kNsPerMs;
constexpr std::uint64_t kLastRetryNs = 500 * kNsPerMs;
// A broker that takes none of this many messages has stopped working.
constexpr std::size_t kMaxOutgoing = 8192;
// Messages per wake-up, so that a busy broker does not starve the timers of the loop.
constexpr int kMaxBatch = 64;

Error broken(const char* what) {
    return Error{EPROTO, std::string("the broker breaks the protocol: ") + what};
}

}  // namespace

Result<std::string> default_socket_path() {
    auto directory = runtime_directory(false);
    if (!directory) return directory.error();
    return *directory + "/consumer.sock";
}

Client::Client(EventLoop& loop, Options options, ClientListener& listener)
    : loop_(loop), options_(std::move(options)), listener_(listener), retry_ns_(kFirstRetryNs) {
    retry_timer_ = loop_.at(0, [this] {
        retry_timer_ = 0;
        connect();
    });
}

Client::~Client() {
    if (retry_timer_ != 0) loop_.cancel(retry_timer_);
    if (socket_) loop_.remove(socket_.get());
}

void Client::adopt(UniqueFd socket) {
    if (retry_timer_ != 0) loop_.cancel(retry_timer_);
    retry_timer_ = 0;
    reconnects_ = false;
    socket_ = std::move(socket);
    start();
}

void Client::connect() {
    const Status connected = connect_now();
    if (connected) {
        last_error_.clear();
    } else if (connected.error().text != last_error_) {
        last_error_ = connected.error().text;
        LOG_INFO("waiting for a broker: %s", last_error_.c_str());
    }
}

Status Client::connect_now() {
    if (retry_timer_ != 0) loop_.cancel(retry_timer_);
    retry_timer_ = 0;
    auto socket = connect_to(options_.socket_path, SOCK_SEQPACKET);
    if (!socket) {
        connect_later();
        return socket.error();
    }
    socket_ = std::move(*socket);
    start();
    return {};
}

void Client::connect_later() {
    if (!reconnects_) return;
    retry_timer_ = loop_.at(now_ns() + retry_ns_, [this] {
        retry_timer_ = 0;
        connect();
    });
    retry_ns_ = std::min(retry_ns_ * 2, kLastRetryNs);
}

void Client::start() {
    const Status added =
        loop_.add(socket_.get(), EPOLLIN, [this](std::uint32_t events) { on_socket(events); });
    if (!added) {
        socket_.reset();
        LOG_ERROR("%s", added.error().text.c_str());
        connect_later();
        return;
    }
    auto hello = make<Hello>();
    hello.pid = static_cast<std::uint32_t>(::getpid());
    hello.features = options_.features;
    put_text(hello.name, options_.name);
    send(hello);
    if (formats_) send(*formats_);
}

void Client::drop(const std::string& reason) {
    if (!socket_) return;
    LOG_INFO("connection to the broker ended: %s", reason.c_str());
    loop_.remove(socket_.get());
    socket_.reset();
    outgoing_.clear();
    streams_.clear();
    // A broker that is gone before it said WELCOME is not worth a quick retry.
    if (welcomed_) retry_ns_ = kFirstRetryNs;
    welcomed_ = false;
    connect_later();
    listener_.disconnected(reason);
}

void Client::on_socket(std::uint32_t events) {
    if (events & EPOLLOUT && !flush()) return;
    if (!(events & (EPOLLIN | EPOLLHUP | EPOLLERR))) return;
    for (int i = 0; i < kMaxBatch && socket_; ++i) {
        if (!receive_one()) return;
    }
}

bool Client::receive_one() {
    // Only what has been received is read.
    // NOLINTNEXTLINE(cppcoreguidelines-pro-type-member-init)
    std::array<std::byte, stream::kMaxMessage> buffer;
    auto message = receive_message(socket_.get(), buffer);
    if (!message) {
        const int code = message.error().code;
        if (code != EAGAIN && code != EWOULDBLOCK) drop(message.error().text);
        return false;
    }
    if (message->size == 0) {
        drop("closed by the broker");
        return false;
    }
    const std::span<const std::byte> bytes(buffer.data(), message->size);
    const Status handled = handle(bytes, std::move(message->fds));
    if (handled) return true;
    LOG_WARNING("%s", handled.error().text.c_str());
    drop(handled.error().text);
    return false;
}

Status Client::handle(std::span<const std::byte> bytes, std::vector<UniqueFd> fds) {
    auto type = type_of(bytes);
    if (!type) return type.error();
    if (raw::to_consumer(static_cast<std::uint32_t>(*type))) {
        if (!welcomed_) return broken("something before WELCOME");
        return listener_.raw_message(bytes, std::move(fds));
    }
    if (*type != Type::image && !fds.empty()) return broken("a message with descriptors");
    if (*type == Type::error) {
        auto m = decode<ErrorMessage>(bytes);
        if (!m) return m.error();
        LOG_ERROR("the broker says: %s", get_text(m->text).c_str());
        listener_.broker_says(*m);
        return {};  // what it means for the connection, the broker does
    }
    if (!welcomed_) {
        if (*type != Type::welcome) return broken("something before WELCOME");
        auto m = decode<Welcome>(bytes);
        if (!m) return m.error();
        if (m->version < kVersionMin || m->version > kVersionMax) {
            return broken("WELCOME with a version that was not offered");
        }
        welcomed_ = true;
        broker_features_ = m->features;
        LOG_INFO("connected to broker %s (process %u)", get_text(m->broker_version).c_str(),
                 m->broker_pid);
        if (options_.colour_spaces && broker_features_ & stream::kFeatureColours) {
            auto spaces = make<ShownColourSpaces>();
            spaces.spaces = options_.colour_spaces;
            send(spaces);
        }
        listener_.connected(*m);
        return {};
    }
    if (cursor::to_consumer(static_cast<std::uint32_t>(*type))) {
        auto m = cursor::decode<cursor::PartToConsumer>(bytes);
        if (!m) return m.error();
        const auto found = streams_.find(m->stream);
        if (found == streams_.end()) return broken("cursor of an unknown stream");
        if (const auto image = found->second.cursor.add(*m)) {
            listener_.cursor_image(m->stream, *image);
        }
        return {};
    }
    if (clipboard::to_consumer(static_cast<std::uint32_t>(*type))) return handle_clipboard(bytes);
    if (input::to_consumer(static_cast<std::uint32_t>(*type))) {
        auto m = input::decode<input::CursorToConsumer>(bytes);
        if (!m) return m.error();
        if (!streams_.contains(m->stream)) return broken("cursor of an unknown stream");
        listener_.cursor(m->stream, m->flags & input::kCursorHidden);
        return {};
    }
    switch (*type) {
        case Type::stream_added: {
            auto m = decode<StreamAdded>(bytes);
            if (!m) return m.error();
            if (streams_.size() >= options_.max_streams) return broken("too many streams");
            const auto [added, is_new] = streams_.try_emplace(m->stream);
            if (!is_new) return broken("a stream added twice");
            added->second.takes_clipboard = m->flags & stream::kStreamTakesClipboard;
            listener_.stream_added(*m);
            return {};
        }
        case Type::stream_removed: {
            auto m = decode<StreamRemoved>(bytes);
            if (!m) return m.error();
            if (streams_.erase(m->stream) == 0) return broken("an unknown stream removed");
            listener_.stream_removed(m->stream);
            return {};
        }
        case Type::stream_title: {
            auto m = decode<StreamTitle>(bytes);
            if (!m) return m.error();
            if (!streams_.contains(m->stream)) return broken("title of an unknown stream");
            listener_.stream_title(m->stream, get_text(m->title));
            return {};
        }
        case Type::stream_hdr: {
            auto m = decode<StreamHdr>(bytes);
            if (!m) return m.error();
            if (!streams_.contains(m->stream)) return broken("metadata of an unknown stream");
            listener_.stream_hdr(m->stream, m->metadata);
            return {};
        }
        case Type::stream_extent: {
            auto m = decode<StreamExtent>(bytes);
            if (!m) return m.error();
            if (!streams_.contains(m->stream)) return broken("extent of an unknown stream");
            listener_.stream_extent(m->stream, m->width, m->height);
            return {};
        }
        case Type::image:
            return handle_image(bytes, std::move(fds));
        case Type::image_gone: {
            auto m = decode<ImageGone>(bytes);
            if (!m) return m.error();
            const auto stream = streams_.find(m->stream);
            if (stream == streams_.end()) return broken("IMAGE_GONE of an unknown stream");
            if (!stream->second.attached) return {};  // sent before our DETACH arrived
            Known& known = stream->second;
            if (!known.images.contains(m->image) || !known.gone.insert(m->image).second) {
                return broken("IMAGE_GONE of an unknown image");
            }
            listener_.image_gone(m->stream, m->image);
            return {};
        }
        case Type::frame:
            return handle_frame(bytes);
        case Type::stream_status: {
            auto m = decode<StreamStatus>(bytes);
            if (!m) return m.error();
            listener_.stream_status(*m);
            return {};
        }
        case Type::image_status: {
            auto m = decode<ImageStatus>(bytes);
            if (!m) return m.error();
            listener_.image_status(*m);
            return {};
        }
        case Type::query_done: {
            auto m = decode<QueryDone>(bytes);
            if (!m) return m.error();
            listener_.query_done();
            return {};
        }
        default:
            return broken("a message that only consumers send, or of unknown type");
    }
}

Status Client::handle_image(std::span<const std::byte> bytes, std::vector<UniqueFd> fds) {
    auto m = decode<Image>(bytes);
    if (!m) return m.error();
    const auto stream = streams_.find(m->stream);
    if (stream == streams_.end()) return broken("IMAGE of an unknown stream");
    if (!stream->second.attached) return {};  // sent before our DETACH arrived
    Known& known = stream->second;
    if (known.images.size() >= options_.max_images) return broken("too many images");
    if (!known.images.insert(m->image).second && known.again.erase(m->image) == 0) {
        return broken("an image announced twice");
    }
    auto files = take_buffer(*m, std::move(fds));
    if (!files) return files.error();
    listener_.image(*m, std::move(*files));
    return {};
}

Status Client::handle_frame(std::span<const std::byte> bytes) {
    auto m = decode<Frame>(bytes);
    if (!m) return m.error();
    const auto stream = streams_.find(m->stream);
    if (stream == streams_.end()) return broken("FRAME of an unknown stream");
    if (!stream->second.attached) return {};  // sent before our DETACH arrived
    const Known& known = stream->second;
    if (!known.images.contains(m->image) || known.gone.contains(m->image)) {
        return broken("FRAME of an unknown image");
    }
    listener_.frame(*m);
    return {};
}

void Client::formats(std::span<const stream::FormatModifier> list) {
    auto m = make<Formats>();
    // Round by round the next of each format, so that no format is cut off by the others.
    std::vector<bool> taken(list.size());
    for (bool more = true; more && m.format_count < stream::kMaxFormats;) {
        more = false;
        std::set<std::uint32_t> seen;
        for (std::size_t i = 0; i < list.size() && m.format_count < stream::kMaxFormats; ++i) {
            if (taken[i] || list[i].modifier == kModifierLinear) continue;
            if (!seen.insert(list[i].fourcc).second) continue;
            taken[i] = more = true;
            m.formats[m.format_count++] = {list[i].fourcc, 0, list[i].modifier};
        }
    }
    formats_ = m;
    send(m);
}

template <typename Message>
void Client::send(const Message& message) {
    send_bytes(bytes_of(message));
}

void Client::send_bytes(std::span<const std::byte> bytes) {
    if (!socket_) return;
    if (outgoing_.empty()) {
        const int failed = send_message(socket_.get(), bytes);
        // Anything but a full socket is seen, and handled, by the next read.
        if (failed != EAGAIN && failed != EWOULDBLOCK && failed != ENOBUFS) return;
        static_cast<void>(loop_.modify(socket_.get(), EPOLLIN | EPOLLOUT));
    }
    if (outgoing_.size() >= kMaxOutgoing) {
        // The end of the socket, not drop(): the caller may be inside of a listener's call.
        ::shutdown(socket_.get(), SHUT_RDWR);
        return;
    }
    outgoing_.emplace_back(bytes.begin(), bytes.end());
}

bool Client::flush() {
    while (!outgoing_.empty()) {
        const int failed = send_message(socket_.get(), outgoing_.front());
        if (failed == EAGAIN || failed == EWOULDBLOCK || failed == ENOBUFS) return true;
        if (failed != 0) {
            drop(std::string("send: ") + std::strerror(failed));
            return false;
        }
        outgoing_.pop_front();
    }
    static_cast<void>(loop_.modify(socket_.get(), EPOLLIN));
    return true;
}

void Client::attach(std::uint64_t stream) {
    const auto found = streams_.find(stream);
    if (found == streams_.end() || found->second.attached) return;
    found->second.attached = true;
    auto m = make<Attach>();
    m.stream = stream;
    send(m);
}

void Client::detach(std::uint64_t stream) {
    const auto found = streams_.find(stream);
    if (found == streams_.end() || !found->second.attached) return;
    found->second = Known{};
    auto m = make<Detach>();
    m.stream = stream;
    send(m);
}

void Client::release(std::uint64_t stream, std::uint64_t serial) {
    auto m = make<Release>();
    m.stream = stream;
    m.serial = serial;
    send(m);
}

void Client::presented(std::uint64_t stream, std::uint64_t serial, std::uint64_t time_ns,
                       std::uint64_t refresh_ns, bool shown) {
    auto m = make<Presented>();
    m.stream = stream;
    m.serial = serial;
    m.time_ns = time_ns;
    m.refresh_ns = refresh_ns;
    m.flags = shown ? stream::kPresentedShown : 0;
    send(m);
}

void Client::configure(std::uint64_t stream, std::uint32_t width, std::uint32_t height,
                       std::uint64_t refresh_ns, bool occluded) {
    auto m = make<Configure>();
    m.stream = stream;
    m.width = std::min(width, stream::kMaxExtent);
    m.height = std::min(height, stream::kMaxExtent);
    m.refresh_ns = refresh_ns;
    m.flags = occluded ? stream::kConfigureOccluded : 0;
    send(m);
}

void Client::close_stream(std::uint64_t stream) {
    auto m = make<CloseStream>();
    m.stream = stream;
    send(m);
}

void Client::input(std::uint64_t stream, std::span<const input::Event> events, std::uint32_t width,
                   std::uint32_t height) {
    if (!welcomed_ || !(broker_features_ & input::kFeatureInput)) return;
    while (!events.empty()) {
        auto m = input::make<input::FromConsumer>();
        m.stream = stream;
        m.width = width;
        m.height = height;
        m.count =
            static_cast<std::uint32_t>(std::min<std::size_t>(events.size(), input::kMaxEvents));
        std::copy_n(events.begin(), m.count, m.events);
        events = events.subspan(m.count);
        send(m);
    }
}

void Client::clipboard(std::uint64_t stream, const std::string& text) {
    const auto found = streams_.find(stream);
    if (!welcomed_ || !(broker_features_ & clipboard::kFeatureClipboard)) return;
    if (found == streams_.end() || !found->second.takes_clipboard) return;
    auto plain = clipboard::plain_text(text);
    if (!plain) return;
    found->second.outgoing.set(std::move(*plain));
    found->second.outgoing.push(stream, [this](const auto& part) { send(part); });
}

Status Client::handle_clipboard(std::span<const std::byte> bytes) {
    if (auto taken = clipboard::decode<clipboard::TakenToConsumer>(bytes)) {
        const auto found = streams_.find(taken->stream);
        if (found == streams_.end()) return broken("clipboard of an unknown stream");
        ClipboardOutgoing& outgoing = found->second.outgoing;
        if (!outgoing.taken(taken->count)) return broken("clipboard taken that was not sent");
        outgoing.push(taken->stream, [this](const auto& part) { send(part); });
        return {};
    }
    auto part = clipboard::decode<clipboard::PartToConsumer>(bytes);
    if (!part) return part.error();
    if (!streams_.contains(part->stream)) return broken("clipboard of an unknown stream");
    if (std::exchange(clipboard_stream_, part->stream) != part->stream) clipboard_parts_ = {};
    const auto text = clipboard_parts_.add(*part);
    if (text) listener_.clipboard_text(part->stream, *text);
    return {};
}

void Client::imported(std::uint64_t stream, std::uint64_t image, ImportPath path,
                      const std::string& reason) {
    auto m = make<Imported>();
    m.stream = stream;
    m.image = image;
    m.path = static_cast<std::uint32_t>(path);
    put_text(m.reason, reason);
    send(m);
}

void Client::image_done(std::uint64_t stream, std::uint64_t image) {
    const auto found = streams_.find(stream);
    if (found != streams_.end()) {
        found->second.images.erase(image);
        found->second.gone.erase(image);
        found->second.again.erase(image);
    }
    auto m = make<ImageDone>();
    m.stream = stream;
    m.image = image;
    send(m);
}

void Client::image_again(std::uint64_t stream, std::uint64_t image) {
    const auto found = streams_.find(stream);
    if (found == streams_.end() || !found->second.images.contains(image)) return;
    found->second.again.insert(image);
    auto m = make<ImageAgain>();
    m.stream = stream;
    m.image = image;
    send(m);
}

void Client::statistics(const Statistics& message) {
    send(message);
}

void Client::colour_shown(std::uint64_t stream, stream::ColourShown shown) {
    if (!(broker_features_ & stream::kFeatureColours)) return;
    auto m = make<StreamColourShown>();
    m.stream = stream;
    m.shown = static_cast<std::uint32_t>(shown);
    send(m);
}

void Client::query() {
    send(make<Query>());
}

}  // namespace vdmabuf::consumer
