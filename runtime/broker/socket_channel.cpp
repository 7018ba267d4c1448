// SPDX-License-Identifier: MIT
#include "runtime/broker/socket_channel.hpp"

#include <poll.h>
#include <sys/epoll.h>
#include <sys/socket.h>

#include <array>
#include <cerrno>
#include <utility>

#include "runtime/common/clock.hpp"
#include "runtime/common/stream_messages.hpp"

namespace vdmabuf::broker {
namespace {

constexpr std::uint64_t kRetryNs = 10 * kNsPerMs;
// What a queued message costs beside its bytes, so that small ones are bounded as well.
constexpr std::size_t kOverhead = 64;

}  // namespace

Result<std::unique_ptr<SocketChannel>> SocketChannel::create(EventLoop& loop, UniqueFd socket,
                                                             Handlers handlers) {
    std::unique_ptr<SocketChannel> channel(
        new SocketChannel(loop, std::move(socket), std::move(handlers)));
    channel->self_ = std::make_shared<SocketChannel*>(channel.get());
    SocketChannel* self = channel.get();
    auto added = loop.add(channel->socket_.get(), EPOLLIN,
                          [self](std::uint32_t events) { self->on_events(events); });
    if (!added) {
        channel->socket_.reset();
        return added.error();
    }
    return channel;
}

SocketChannel::~SocketChannel() {
    *self_ = nullptr;
    if (retry_) loop_.cancel(retry_);
    if (socket_) loop_.remove(socket_.get());
}

bool SocketChannel::send(std::span<const std::byte> message, FdList fds) {
    if (closing_) return false;
    if (queue_.empty()) {
        const int error = send_now(message, fds);
        if (error == 0) return true;
        if (error != EAGAIN && error != ETOOMANYREFS) {
            close();
            return false;
        }
        wait_for_room(error);
    }
    const std::size_t cost = message.size() + kOverhead;
    if (queued_bytes_ + cost > kMaxQueued) {
        close();
        return false;
    }
    queue_.push_back({{message.begin(), message.end()}, std::move(fds)});
    queued_bytes_ += cost;
    return true;
}

void SocketChannel::close() {
    if (closing_) return;
    closing_ = true;
    const std::weak_ptr<SocketChannel*> weak = self_;
    loop_.post([weak] {
        if (const auto self = weak.lock(); self && *self) (*self)->finish();
    });
}

void SocketChannel::on_events(std::uint32_t events) {
    if (events & EPOLLOUT) flush();
    if (!(events & (EPOLLIN | EPOLLHUP | EPOLLERR))) return;
    // What belongs together comes together (PRESENTED and RELEASE) and shall reach a guest with one
    // interrupt; few enough to be fair to the other peers.
    constexpr int kMessagesOfARound = 4;
    const std::weak_ptr<SocketChannel*> weak = self_;
    for (int i = 0; i < kMessagesOfARound; ++i) {
        const auto self = weak.lock();
        if (!self || !*self || closing_) return;
        pollfd ready{socket_.get(), POLLIN, 0};
        if (i > 0 && ::poll(&ready, 1, 0) != 1) return;
        on_readable();
    }
}

void SocketChannel::on_readable() {
    // Only what has been received is read.
    // NOLINTNEXTLINE(cppcoreguidelines-pro-type-member-init)
    alignas(8) std::array<std::byte, stream::kMaxMessage> buffer;
    auto received = receive_message(socket_.get(), buffer);
    if (!received) {
        if (received.error().code == EAGAIN) return;
        // A message that is too long is the peer's mistake, and it is told so as it would be of any
        // other malformed one.
        if (received.error().code == EMSGSIZE) {
            handlers_.message({}, {});
            return;
        }
        close();
        return;
    }
    if (received->size == 0) {
        close();
        return;
    }
    handlers_.message(std::span(buffer).first(received->size), std::move(received->fds));
}

int SocketChannel::send_now(std::span<const std::byte> message, const FdList& fds) {
    std::array<int, kMaxMessageFds> raw{};
    if (fds.size() > raw.size()) return EMSGSIZE;
    for (std::size_t i = 0; i < fds.size(); ++i) raw[i] = fds[i]->get();
    return send_message(socket_.get(), message, std::span(raw).first(fds.size()));
}

void SocketChannel::flush() {
    while (!queue_.empty()) {
        const int error = send_now(queue_.front().message, queue_.front().fds);
        if (error == EAGAIN || error == ETOOMANYREFS) return wait_for_room(error);
        if (error != 0) return close();
        queued_bytes_ -= queue_.front().message.size() + kOverhead;
        queue_.pop_front();
    }
    if (watching_out_) {
        watching_out_ = false;
        [[maybe_unused]] const auto status = loop_.modify(socket_.get(), EPOLLIN);
    }
}

void SocketChannel::wait_for_room(int reason) {
    if (reason == EAGAIN) {
        if (watching_out_) return;
        watching_out_ = true;
        [[maybe_unused]] const auto status = loop_.modify(socket_.get(), EPOLLIN | EPOLLOUT);
        return;
    }
    // ETOOMANYREFS: too many descriptors of this user are on their way in sockets. The socket
    // itself is writable, so that EPOLLOUT would spin.
    if (watching_out_) {
        watching_out_ = false;
        [[maybe_unused]] const auto status = loop_.modify(socket_.get(), EPOLLIN);
    }
    if (retry_) return;
    retry_ = loop_.at(now_ns() + kRetryNs, [this] {
        retry_ = 0;
        flush();
    });
}

void SocketChannel::finish() {
    while (!queue_.empty() && send_now(queue_.front().message, queue_.front().fds) == 0) {
        queue_.pop_front();
    }
    // A socket that is closed with unread messages resets the peer's, which then may not read what
    // we said last. No more can come after the shutdown.
    ::shutdown(socket_.get(), SHUT_RD);
    std::array<std::byte, 1> sink{};
    iovec iov{sink.data(), sink.size()};
    msghdr msg{};
    msg.msg_iov = &iov;
    msg.msg_iovlen = 1;
    while (::recvmsg(socket_.get(), &msg, MSG_DONTWAIT | MSG_TRUNC) > 0) {
    }
    loop_.remove(socket_.get());
    socket_.reset();
    // The callee may destroy this object, and with it the function that it is in.
    const auto closed = std::move(handlers_.closed);
    closed();
}

}  // namespace vdmabuf::broker
