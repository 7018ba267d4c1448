// SPDX-License-Identifier: MIT
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <span>
#include <vector>

#include "runtime/common/event_loop.hpp"
#include "runtime/common/result.hpp"
#include "runtime/common/seqpacket.hpp"
#include "runtime/common/unique_fd.hpp"

namespace vdmabuf::broker {

// Descriptors of one message; shared, so that a message that waits keeps them open.
using FdList = std::vector<std::shared_ptr<const UniqueFd>>;

// One peer on a SOCK_SEQPACKET socket: whole messages in both directions, nobody waits. Sends go
// out at once where the socket takes them (nothing is allocated then), else into a bounded queue.
// Belongs to the loop's thread. The owner destroys it in on_closed() or outside of its handlers.
class SocketChannel {
  public:
    // What may wait for a peer that does not read, in bytes; more ends the channel.
    static constexpr std::size_t kMaxQueued = std::size_t{4} << 20;

    struct Handlers {
        std::function<void(std::span<const std::byte> message, std::vector<UniqueFd> fds)> message;
        // The peer is gone, was too slow, or close() was called. Last call; may destroy the
        // channel.
        std::function<void()> closed;
    };

    static Result<std::unique_ptr<SocketChannel>> create(EventLoop& loop, UniqueFd socket,
                                                         Handlers handlers);
    ~SocketChannel();
    SocketChannel(const SocketChannel&) = delete;
    SocketChannel& operator=(const SocketChannel&) = delete;

    // False, now and from now on, when the channel is closing.
    bool send(std::span<const std::byte> message) { return send(message, {}); }
    bool send(std::span<const std::byte> message, FdList fds);

    // No further message comes; what the socket still takes is sent, then closed() is called, not
    // from within this call.
    void close();

    std::size_t queued_bytes() const { return queued_bytes_; }

  private:
    struct Pending {
        std::vector<std::byte> message;
        FdList fds;
    };

    SocketChannel(EventLoop& loop, UniqueFd socket, Handlers handlers)
        : loop_(loop), socket_(std::move(socket)), handlers_(std::move(handlers)) {}
    void on_events(std::uint32_t events);
    void on_readable();
    int send_now(std::span<const std::byte> message, const FdList& fds);
    void flush();
    void wait_for_room(int reason);
    void finish();

    EventLoop& loop_;
    UniqueFd socket_;
    Handlers handlers_;
    std::deque<Pending> queue_;
    std::size_t queued_bytes_ = 0;
    bool closing_ = false;
    bool watching_out_ = false;
    EventLoop::TimerId retry_ = 0;
    std::shared_ptr<SocketChannel*> self_;  // for handlers that may run after the end of this
};

}  // namespace vdmabuf::broker
