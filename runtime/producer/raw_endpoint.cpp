// SPDX-License-Identifier: MIT
#include "runtime/producer/raw_endpoint.hpp"

#include <fcntl.h>
#include <linux/virtio_vdmabuf.h>
#include <poll.h>
#include <sys/epoll.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <utility>

#include "runtime/common/clock.hpp"
#include "runtime/common/dmabuf.hpp"
#include "runtime/common/log.hpp"

namespace vdmabuf::producer {
namespace {

constexpr std::uint64_t kHandshakeNs = 2 * kNsPerSecond;
constexpr std::uint64_t kRetryMinNs = 20 * kNsPerMs;
constexpr std::uint64_t kRetryMaxNs = 500 * kNsPerMs;
constexpr std::uint64_t kPage = 4096;
// Messages in one go, so that a busy host does not starve the caller's other work.
constexpr int kMaxBatch = 32;

bool signalled(int fence) {
    pollfd wait{fence, POLLIN, 0};
    return ::poll(&wait, 1, 0) > 0;
}

Result<UniqueFd> duplicate(int fd) {
    UniqueFd copy(::fcntl(fd, F_DUPFD_CLOEXEC, 3));
    if (!copy) return system_error("the fence is no descriptor");
    return copy;
}

bool topic_fits(const std::string& topic) {
    if (topic.empty() || topic.size() >= raw::kTopicSize) return false;
    return std::none_of(topic.begin(), topic.end(),
                        [](char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7F; });
}

}  // namespace

// ---- the way to the host

Result<std::unique_ptr<RawEndpoint>> RawEndpoint::open(EventLoop& loop, const Endpoint& endpoint,
                                                       const std::string& app, bool waits) {
    std::unique_ptr<RawEndpoint> made(new RawEndpoint(loop, endpoint, app));
    const Status started = made->start();
    if (!waits && !started) return started.error();
    if (!waits) {
        // Ends with the deadline of the handshake.
        while (made->phase_ == Phase::handshake) loop.run_once(-1);
        if (made->phase_ != Phase::online) {
            if (made->last_error_.code) return made->last_error_;
            return Error{ECONNREFUSED, "the broker has closed the connection"};
        }
    }
    made->opened_ = true;
    return made;
}

RawEndpoint::~RawEndpoint() {
    unwatch_fence();
    unwatch();
    if (deadline_ != 0) loop_.cancel(deadline_);
}

Status RawEndpoint::start() {
    retry_ns_ = kRetryMinNs;
    const Status connected = connect();
    if (!connected) lost();
    return connected;
}

Status RawEndpoint::connect() {
    if (transport_) {
        if (const Status again = transport_->reconnect(); !again) return again;
    } else {
        auto transport = open_transport(endpoint_);
        if (!transport) return transport.error();
        transport_ = std::move(*transport);
    }
    watch();
    say_hello();
    return {};
}

void RawEndpoint::watch() {
    if (watched_) return;
    const Status added =
        loop_.add(transport_->fd(), EPOLLIN, [this](std::uint32_t events) { on_events(events); });
    if (!added) LOG_ERROR("%s", added.error().text.c_str());
    watched_ = static_cast<bool>(added);
    watching_out_ = false;
}

void RawEndpoint::unwatch() {
    if (std::exchange(watched_, false)) loop_.remove(transport_->fd());
    watching_out_ = false;
}

void RawEndpoint::set_deadline(std::uint64_t deadline_ns) {
    if (deadline_ != 0) loop_.cancel(deadline_);
    deadline_ = deadline_ns == 0 ? 0 : loop_.at(deadline_ns, [this] {
        deadline_ = 0;
        on_deadline();
    });
}

void RawEndpoint::on_deadline() {
    if (phase_ == Phase::handshake) {
        last_error_ =
            Error{ETIMEDOUT, "no answer from the broker within two seconds (is it running?)"};
        return lost();
    }
    if (phase_ != Phase::offline) return;
    retry_ns_ = std::min(retry_ns_ * 2, kRetryMaxNs);
    if (!connect()) set_deadline(now_ns() + retry_ns_);
}

void RawEndpoint::say_hello() {
    forget_host(false);
    auto hello = stream::make<stream::Hello>();
    hello.pid = static_cast<std::uint32_t>(::getpid());
    stream::put_text(hello.app, app_);
    phase_ = Phase::handshake;
    set_deadline(now_ns() + kHandshakeNs);
    const auto bytes = stream::bytes_of(hello);
    outgoing_.push_back({{bytes.begin(), bytes.end()}, {}});
    flush();
}

void RawEndpoint::lost() {
    if (transport_) unwatch();
    if (phase_ == Phase::online) retry_ns_ = kRetryMinNs;
    forget_host(true);
    phase_ = Phase::offline;
    set_deadline(now_ns() + retry_ns_);
}

void RawEndpoint::refuse(const std::string& why) {
    LOG_ERROR("the broker does not serve this program any more: %s", why.c_str());
    if (transport_) unwatch();
    forget_host(true);
    phase_ = Phase::refused;
    set_deadline(0);
    tell(RawNews::Kind::lost, nullptr, why);
}

// The host that comes next knows no offers, and over a new connection no buffers either.
void RawEndpoint::forget_host(bool buffers_too) {
    unwatch_fence();
    outgoing_.clear();
    receivers_.clear();
    unacknowledged_ = 0;
    for (RawBuffer& buffer : buffers_) {
        buffer.announced_ = false;
        if (buffers_too) buffer.id_.reset();
    }
    // What the old host has said of receivers is void: the next one counts them anew.
    std::erase_if(news_, [](const Pending& pending) { return !pending.message.empty(); });
    if (phase_ == Phase::online) tell(RawNews::Kind::away);
    if (phase_ == Phase::online) phase_ = Phase::offline;
}

void RawEndpoint::tell(RawNews::Kind kind, RawBuffer* buffer, const std::string& text) {
    if (!opened_) return;
    Pending pending;
    pending.news.kind = kind;
    pending.news.buffer = buffer;
    pending.news.text = text;
    news_.push_back(std::move(pending));
}

// ---- what comes

void RawEndpoint::on_events(std::uint32_t events) {
    if (events & EPOLLOUT) flush();
    if (watched_ && (events & (EPOLLIN | EPOLLHUP | EPOLLERR))) read();
}

void RawEndpoint::read() {
    std::array<std::byte, stream::kMaxMessage> buffer{};
    for (int i = 0; i < kMaxBatch && watched_; ++i) {
        const auto got = transport_->receive(buffer);
        switch (got.event) {
            case Transport::Event::none:
                return;
            case Transport::Event::message:
                handle(std::span<const std::byte>(buffer).first(got.size));
                break;
            case Transport::Event::resync:
                LOG_INFO("the host has started anew: offering everything again");
                say_hello();
                break;
            case Transport::Event::closed:
                // The host may come back after a shutdown.
                if (got.reason == VIRTIO_VDMABUF_CLOSE_SHUTDOWN) return lost();
                return refuse("the host has closed the channel");
            case Transport::Event::gone:
                return lost();
        }
    }
}

void RawEndpoint::handle(std::span<const std::byte> bytes) {
    const auto type = stream::type_of(bytes);
    if (!type) {
        LOG_WARNING("the broker sent a malformed message, ignored");
        return;
    }
    if (raw::to_producer(static_cast<std::uint32_t>(*type))) {
        // Of before our HELLO, where it has not been answered yet.
        if (phase_ == Phase::online) news_.push_back({{bytes.begin(), bytes.end()}, {}});
        return;
    }
    switch (*type) {
        case stream::Type::welcome:
            if (const auto message = stream::decode<stream::Welcome>(bytes)) welcomed(*message);
            return;
        case stream::Type::ping:
            if (const auto message = stream::decode<stream::Ping>(bytes)) {
                auto pong = stream::make<stream::Pong>();
                pong.token = message->token;
                pong.producer_ns = now_ns();
                const auto answer = stream::bytes_of(pong);
                outgoing_.push_back({{answer.begin(), answer.end()}, {}});
                flush();
            }
            return;
        case stream::Type::error:
            if (const auto message = stream::decode<stream::ErrorMessage>(bytes)) {
                const std::string text = stream::get_text(message->text);
                if (message->code == static_cast<std::uint32_t>(stream::ErrorCode::quota)) {
                    LOG_WARNING("the broker refuses a request: %s", text.c_str());
                    return;
                }
                const bool version =
                    message->code == static_cast<std::uint32_t>(stream::ErrorCode::version);
                last_error_ = Error{version ? EPROTO : EACCES, "the broker refuses: " + text};
                refuse(text);
            }
            return;
        default:
            return;  // of streams, or of a newer broker
    }
}

void RawEndpoint::welcomed(const stream::Welcome& message) {
    if (phase_ != Phase::handshake) return;
    if (message.version < stream::kVersionMin || message.version > stream::kVersionMax) {
        last_error_ = Error{EPROTO, "the broker speaks another version of the stream protocol"};
        return refuse(last_error_.text);
    }
    if (!(message.features & raw::kFeatureRaw)) {
        last_error_ = Error{EOPNOTSUPP, "the broker serves no raw buffers"};
        return refuse(last_error_.text);
    }
    phase_ = Phase::online;
    retry_ns_ = kRetryMinNs;
    set_deadline(0);
    announce();
    tell(RawNews::Kind::back);
}

void RawEndpoint::announce() {
    for (RawBuffer& buffer : buffers_) {
        if (!buffer.offered_ || phase_ != Phase::online) continue;
        const Status announced = announce(buffer);
        // Another restart of the host: this one's turn comes again.
        if (announced || announced.error().code == ESTALE) continue;
        buffer.offered_ = false;
        tell(RawNews::Kind::refused, &buffer, announced.error().text);
    }
}

Status RawEndpoint::announce(RawBuffer& buffer) {
    if (!buffer.id_) {
        auto id = transport_->share(*buffer.memory_);
        if (!id) return id.error();
        buffer.id_ = *id;
    }
    auto message = raw::make<raw::Offer>();
    message.buffer = *buffer.id_;
    message.data_size = static_cast<std::uint32_t>(buffer.data_.size());
    raw::put_text(message.topic, buffer.topic_);
    std::copy(buffer.data_.begin(), buffer.data_.end(), message.data);
    // The driver looks at it by itself, and says so if it is none.
    const bool ours = buffer.fence_ && !driver_waits();
    if (ours && signalled(buffer.fence_.get())) buffer.fence_.reset();
    UniqueFd fence;
    if (buffer.fence_) {
        auto copy = duplicate(buffer.fence_.get());
        if (!copy) return copy.error();
        fence = std::move(*copy);
    }
    if (const Status queued = queue(raw::bytes_of(message), std::move(fence)); !queued) {
        return queued;
    }
    buffer.announced_ = true;
    return {};
}

// ---- what leaves

// Sends, or queues behind what waits for a fence or for room. EBADF: that fence is none.
Status RawEndpoint::queue(std::span<const std::byte> message, UniqueFd fence) {
    Outgoing outgoing{{message.begin(), message.end()}, std::move(fence)};
    if (outgoing_.empty() && outgoing.fence && driver_waits()) {
        // At once, so that the caller hears of a descriptor that is no fence.
        const int error = send_now(outgoing);
        if (error == EBADF || error == EINVAL) return system_error("the fence", EBADF);
        if (error != EAGAIN) return {};
    }
    outgoing_.push_back(std::move(outgoing));
    flush();
    return {};
}

// 0 or EAGAIN, and EBADF or EINVAL for a fence that is none; all else is the end of the connection,
// or the beginning of a new one, and what was to be sent is of no use.
int RawEndpoint::send_now(const Outgoing& outgoing) {
    const int fence = outgoing.fence && driver_waits() ? outgoing.fence.get() : -1;
    const int error = transport_->send(outgoing.message, {.fd = fence});
    if (error == 0 || error == EAGAIN || error == ESTALE) return error == ESTALE ? 0 : error;
    if (fence >= 0 && (error == EBADF || error == EINVAL)) return error;
    // Anything but a full queue is seen, and handled, by the next read: the caller may be anywhere.
    LOG_DEBUG("send: %s", std::strerror(error));
    return 0;
}

void RawEndpoint::flush() {
    if (watched_fence_ >= 0) return;  // until it has signalled
    while (!outgoing_.empty()) {
        Outgoing& next = outgoing_.front();
        if (next.fence && !driver_waits() && !signalled(next.fence.get())) {
            const int fence = next.fence.get();
            const Status added = loop_.add(fence, EPOLLIN, [this](std::uint32_t) {
                unwatch_fence();
                flush();
            });
            if (added) {
                watched_fence_ = fence;
                return;
            }
            LOG_WARNING("a fence cannot be waited for: %s", added.error().text.c_str());
        }
        int error = send_now(next);
        if (error == EBADF || error == EINVAL) {
            LOG_WARNING("a fence is none; what waits for it is sent now");
            next.fence.reset();
            error = send_now(next);
        }
        if (error == EAGAIN) {
            if (!watching_out_ && loop_.modify(transport_->fd(), EPOLLIN | EPOLLOUT)) {
                watching_out_ = true;
            }
            return;
        }
        outgoing_.pop_front();
    }
    if (std::exchange(watching_out_, false)) {
        [[maybe_unused]] const auto status = loop_.modify(transport_->fd(), EPOLLIN);
    }
}

void RawEndpoint::unwatch_fence() {
    if (watched_fence_ >= 0) loop_.remove(watched_fence_);
    watched_fence_ = -1;
}

// ---- what the program does

Result<RawBuffer*> RawEndpoint::alloc(std::uint64_t size) {
    if (!transport_) return Error{ENODEV, "there has been no host yet to make a buffer for"};
    auto memory = transport_->alloc(size);
    if (!memory) return memory.error();
    buffers_.emplace_back().memory_ = std::move(*memory);
    return &buffers_.back();
}

Result<RawBuffer*> RawEndpoint::import(int fd) {
    auto memory = std::make_shared<Buffer>();
    memory->fd.reset(::fcntl(fd, F_DUPFD_CLOEXEC, 3));
    if (!memory->fd) return system_error("a buffer's descriptor");
    const off_t size = ::lseek(fd, 0, SEEK_END);
    if (size < 0) return Error{EBADF, "neither a dmabuf nor a memfd"};
    if (size == 0 || static_cast<std::uint64_t>(size) % kPage != 0) {
        return Error{EINVAL, "the size of a buffer must be a multiple of 4096, and not 0"};
    }
    memory->size = static_cast<std::uint64_t>(size);
    memory->is_dmabuf = is_dmabuf(fd);
    if (!memory->is_dmabuf && endpoint_.kind == Endpoint::Kind::socket) {
        // The broker would end the connection over it.
        const int seals = ::fcntl(fd, F_GET_SEALS);
        if (seals < 0 || !(seals & F_SEAL_SHRINK)) {
            return Error{EOPNOTSUPP,
                         "on this kernel a buffer must be a dmabuf, or a memfd that is sealed "
                         "against shrinking"};
        }
    }
    buffers_.emplace_back().memory_ = std::move(memory);
    return &buffers_.back();
}

void RawEndpoint::remove(RawBuffer& buffer) {
    if (buffer.offered_) {
        [[maybe_unused]] const Status status = withdraw(buffer);
    }
    std::erase_if(receivers_, [&](const auto& item) { return item.second.buffer == &buffer; });
    // On a socket a new connection does not know the id; the driver keeps it over restarts.
    const bool known = phase_ == Phase::online || endpoint_.kind == Endpoint::Kind::device;
    if (buffer.id_ && transport_ && known) {
        // The withdrawal may wait for a fence still, and comes later then. An offer that waits with
        // it is refused for want of its buffer, which nobody hears.
        transport_->unshare(*buffer.id_);
    }
    for (Pending& pending : news_) {
        if (pending.message.empty() && pending.news.buffer == &buffer)
            pending.news.buffer = nullptr;
    }
    std::erase_if(news_, [](const Pending& pending) {
        return pending.message.empty() && pending.news.kind == RawNews::Kind::refused &&
               !pending.news.buffer;
    });
    const auto found = std::find_if(buffers_.begin(), buffers_.end(),
                                    [&](const RawBuffer& each) { return &each == &buffer; });
    if (found != buffers_.end()) buffers_.erase(found);
}

Status RawEndpoint::offer(RawBuffer& buffer, const std::string& topic,
                          std::span<const std::byte> data, int in_fence) {
    if (!topic_fits(topic)) {
        return Error{EINVAL, "a topic has 1 to 63 bytes and no control characters"};
    }
    if (data.size() > raw::kMaxData) return Error{EMSGSIZE, "a message has at most 1024 bytes"};
    if (buffer.offered_) return Error{EALREADY, "the buffer is offered"};
    if (outgoing_.size() >= kMaxOutgoing) return Error{EAGAIN, "too much waits for fences"};
    buffer.fence_.reset();
    if (in_fence >= 0) {
        auto fence = duplicate(in_fence);
        if (!fence) return fence.error();
        buffer.fence_ = std::move(*fence);
    }
    buffer.topic_ = topic;
    buffer.data_.assign(data.begin(), data.end());
    if (phase_ == Phase::online) {
        const Status announced = announce(buffer);
        if (!announced && announced.error().code != ESTALE) return announced;
    }
    buffer.offered_ = true;
    return {};
}

Status RawEndpoint::withdraw(RawBuffer& buffer) {
    if (!buffer.offered_) return Error{ENOENT, "the buffer is not offered"};
    buffer.offered_ = false;
    buffer.fence_.reset();
    if (!std::exchange(buffer.announced_, false) || phase_ != Phase::online) return {};
    auto message = raw::make<raw::Withdraw>();
    message.buffer = *buffer.id_;
    return queue(raw::bytes_of(message), {});
}

Status RawEndpoint::send(RawBuffer& buffer, std::uint64_t receiver, std::span<const std::byte> data,
                         int in_fence) {
    if (data.empty()) return Error{EINVAL, "an empty message"};
    if (data.size() > raw::kMaxData) return Error{EMSGSIZE, "a message has at most 1024 bytes"};
    const auto found = receivers_.find(receiver);
    if (phase_ != Phase::online || found == receivers_.end() || found->second.buffer != &buffer) {
        return Error{ENOENT, "there is no such receiver of this buffer any more"};
    }
    if (outgoing_.size() >= kMaxOutgoing) return Error{EAGAIN, "too much waits for fences"};
    if (found->second.unacknowledged >= raw::kWindow) {
        found->second.wants_room = true;
        return Error{EAGAIN, "the receiver has not taken up the last messages yet"};
    }
    UniqueFd fence;
    if (in_fence >= 0) {
        auto copy = duplicate(in_fence);
        if (!copy) return copy.error();
        fence = std::move(*copy);
    }
    auto message = raw::make<raw::ProducerSend>();
    message.receiver = receiver;
    message.data_size = static_cast<std::uint32_t>(data.size());
    std::copy(data.begin(), data.end(), message.data);
    if (const Status queued = queue(raw::bytes_of(message), std::move(fence)); !queued) {
        return queued;
    }
    ++found->second.unacknowledged;
    return {};
}

// ---- what the program is told

// The host sends more when these have been taken up.
void RawEndpoint::taken_up() {
    if (++unacknowledged_ < raw::kAckEvery) return;
    auto ack = raw::make<raw::ProducerAck>();
    ack.count = std::exchange(unacknowledged_, 0);
    [[maybe_unused]] const Status status = queue(raw::bytes_of(ack), {});
}

std::optional<RawNews> RawEndpoint::next() {
    while (!news_.empty()) {
        const Pending pending = std::move(news_.front());
        news_.pop_front();
        if (pending.message.empty()) return pending.news;
        if (auto news = told(pending.message)) return news;
    }
    return std::nullopt;
}

std::optional<RawNews> RawEndpoint::told(std::span<const std::byte> message) {
    const auto type = raw::type_of(message);
    if (!type) return std::nullopt;
    const auto buffer_of = [this](const stream::BufferId& id) -> RawBuffer* {
        const auto found = std::find_if(buffers_.begin(), buffers_.end(),
                                        [&](const RawBuffer& each) { return each.id_ == id; });
        return found == buffers_.end() ? nullptr : &*found;
    };
    RawNews news;
    switch (*type) {
        case raw::Type::taken: {
            taken_up();
            const auto m = raw::decode<raw::Taken>(message);
            news.buffer = m ? buffer_of(m->buffer) : nullptr;
            if (!news.buffer) return std::nullopt;
            receivers_[m->receiver].buffer = news.buffer;
            news.kind = RawNews::Kind::taken;
            news.receiver = m->receiver;
            news.text = raw::get_text(m->name);
            return news;
        }
        case raw::Type::receiver_done: {
            taken_up();
            const auto m = raw::decode<raw::ReceiverDone>(message);
            const auto found = m ? receivers_.find(m->receiver) : receivers_.end();
            if (found == receivers_.end()) return std::nullopt;
            news.buffer = found->second.buffer;
            receivers_.erase(found);
            news.kind = RawNews::Kind::done;
            news.receiver = m->receiver;
            news.left = m->left;
            news.died = m->flags & raw::kReceiverDied;
            return news;
        }
        case raw::Type::producer_message: {
            taken_up();
            const auto m = raw::decode<raw::ProducerMessage>(message);
            const auto found = m ? receivers_.find(m->receiver) : receivers_.end();
            if (found == receivers_.end()) return std::nullopt;
            news.kind = RawNews::Kind::message;
            news.buffer = found->second.buffer;
            news.receiver = m->receiver;
            news.data.assign(m->data, m->data + m->data_size);
            return news;
        }
        case raw::Type::producer_credit: {
            taken_up();
            const auto m = raw::decode<raw::ProducerCredit>(message);
            const auto found = m ? receivers_.find(m->receiver) : receivers_.end();
            if (found == receivers_.end()) return std::nullopt;
            Receiver& receiver = found->second;
            receiver.unacknowledged -= std::min(receiver.unacknowledged, m->count);
            if (!std::exchange(receiver.wants_room, false)) return std::nullopt;
            news.kind = RawNews::Kind::room;
            news.buffer = receiver.buffer;
            news.receiver = m->receiver;
            return news;
        }
        case raw::Type::offer_refused: {
            const auto m = raw::decode<raw::OfferRefused>(message);
            news.buffer = m ? buffer_of(m->buffer) : nullptr;
            if (!news.buffer || !news.buffer->offered_) return std::nullopt;
            news.buffer->offered_ = false;
            news.buffer->announced_ = false;
            news.kind = RawNews::Kind::refused;
            news.text = raw::get_text(m->text);
            return news;
        }
        default:
            return std::nullopt;
    }
}

}  // namespace vdmabuf::producer
