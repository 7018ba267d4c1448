// SPDX-License-Identifier: MIT
// A broker on real sockets, whose loop the test turns itself, and peers that say what the test
// wants them to.
#pragma once

#include <gtest/gtest.h>

#include <cstddef>
#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

#include "runtime/broker/broker.hpp"
#include "runtime/broker/image_layout.hpp"
#include "runtime/broker/producer_port.hpp"
#include "runtime/common/clipboard_messages.hpp"
#include "runtime/common/clock.hpp"
#include "runtime/common/consumer_messages.hpp"
#include "runtime/common/cursor_messages.hpp"
#include "runtime/common/event_loop.hpp"
#include "runtime/common/input_messages.hpp"
#include "runtime/common/raw_messages.hpp"
#include "runtime/common/seqpacket.hpp"
#include "runtime/common/stream_messages.hpp"

namespace vdmabuf::broker::test {

using Bytes = std::vector<std::byte>;
using stream::BufferId;

constexpr std::uint64_t kPage = 4096;

struct Received {
    Bytes bytes;
    std::vector<UniqueFd> fds;
};

template <typename Message>
Bytes packed(const Message& message) {
    const auto bytes = std::as_bytes(std::span<const Message, 1>(&message, 1));
    return Bytes(bytes.begin(), bytes.end());
}

// Type of a message, 0 when it has none.
std::uint32_t type_number(std::span<const std::byte> bytes);

class Harness;

// One that talks to the broker: over a socket, or as a VM's channel.
class Peer {
  public:
    virtual ~Peer() = default;
    virtual void send_bytes(std::span<const std::byte> bytes, std::span<const int> fds = {}) = 0;
    // The next message, after turning the loop for as long as it takes (two seconds at most).
    virtual std::optional<Received> next() = 0;
    // Whether the broker has ended the connection; what it said before is skipped.
    virtual bool ended() = 0;

    template <typename Message>
    void send(const Message& message) {
        send_bytes(packed(message));
    }

    // The next message, which must be this one.
    template <typename Message>
    Message expect() {
        auto received = next();
        if (!received) {
            ADD_FAILURE() << "no message came";
            return {};
        }
        return decoded<Message>(*received);
    }
    // The next message of this kind; others are skipped.
    template <typename Message>
    Message await() {
        while (auto received = next()) {
            if (type_number(received->bytes) == static_cast<std::uint32_t>(Message::kType)) {
                return decoded<Message>(*received);
            }
        }
        ADD_FAILURE() << "no message of type " << static_cast<std::uint32_t>(Message::kType);
        return {};
    }

  private:
    template <typename Message>
    static Message decoded(const Received& received);
};

// A socket of the broker's.
class SocketPeer final : public Peer {
  public:
    SocketPeer(Harness& harness, UniqueFd socket) : harness_(harness), socket_(std::move(socket)) {}
    void send_bytes(std::span<const std::byte> bytes, std::span<const int> fds = {}) override;
    std::optional<Received> next() override;
    bool ended() override;
    // Whether there is nothing to read, after the broker had its say.
    bool silent();
    void hang_up() { socket_.reset(); }
    int socket() const { return socket_.get(); }

  private:
    std::optional<Received> take(bool& end);

    Harness& harness_;
    UniqueFd socket_;
};

// A channel of a VM's device.
class PortPeer final : public Peer, public ProducerPort {
  public:
    PortPeer(Harness& harness, PortHandler& handler) : harness_(harness), handler_(handler) {}
    ~PortPeer() override;
    bool open(const std::string& vm);
    void hang_up();

    void send_bytes(std::span<const std::byte> bytes, std::span<const int> fds = {}) override;
    std::optional<Received> next() override;
    bool ended() override;

    bool send(std::span<const std::byte> message) override;
    void close(CloseReason reason) override;
    using Peer::send;

    std::optional<CloseReason> close_reason;
    std::deque<Bytes> received;

  private:
    Harness& harness_;
    PortHandler& handler_;
    bool open_ = false;
};

class Harness : public testing::Test {
  protected:
    ~Harness() override;
    // With `config`; called by the first connection where the test has not.
    void start();

  public:
    std::unique_ptr<SocketPeer> producer();  // connected; no HELLO yet
    std::unique_ptr<SocketPeer> consumer();
    std::unique_ptr<SocketPeer> greeted_producer();
    std::unique_ptr<SocketPeer> greeted_consumer();
    std::unique_ptr<PortPeer> port(const std::string& vm);  // open; no HELLO yet

    // Turns the loop until nothing happens any more.
    void settle();
    // Turns the loop until `done` (two seconds at most).
    bool turn_until(const std::function<bool()>& done, std::uint64_t limit_ns = 2 * kNsPerSecond);

    Config config;
    std::unique_ptr<EventLoop> loop;
    std::unique_ptr<Broker> broker;
    std::string folder;
    // Called around every turn of the loop.
    std::function<void(bool begins)> around_turn;
};

// ---- messages that are right, to be made wrong by the tests

BufferId id_of(std::uint8_t number);
// A memfd of `size` bytes, sealed against shrinking.
UniqueFd sealed_memfd(std::uint64_t size);
stream::Hello hello();
stream::StreamCreate create(std::uint32_t number);
// 256 x 256 in a buffer of 64 pages.
constexpr std::uint64_t kImageBytes = 64 * kPage;
stream::StreamImage image(std::uint32_t number, std::uint32_t slot, const BufferId& buffer);
stream::Present present(std::uint32_t number, std::uint32_t slot, std::uint64_t serial);
stream::BufferCreate buffer_create(const BufferId& id, std::uint64_t size = kImageBytes);
consumer::Hello consumer_hello();
consumer::Presented presented(std::uint64_t stream, std::uint64_t serial, bool shown = true);
consumer::Release release(std::uint64_t stream, std::uint64_t serial);
consumer::Attach attach(std::uint64_t stream);

// Sends a buffer with its memfd.
void give_buffer(SocketPeer& producer, const BufferId& id, std::uint64_t size = kImageBytes);
// Stream 1 with images in slots 0 .. count - 1, each in a buffer of its own.
void give_stream(SocketPeer& producer, std::uint32_t count);

template <typename Message>
Message Peer::decoded(const Received& received) {
    // Consumer messages have their types from 0x101 on.
    const auto message = [&] {
        if constexpr (std::is_same_v<decltype(Message::kType), const raw::Type>) {
            return raw::decode<Message>(received.bytes);
        } else if constexpr (std::is_same_v<decltype(Message::kType), const input::Type>) {
            return input::decode<Message>(received.bytes);
        } else if constexpr (std::is_same_v<decltype(Message::kType), const cursor::Type>) {
            return cursor::decode<Message>(received.bytes);
        } else if constexpr (std::is_same_v<decltype(Message::kType), const clipboard::Type>) {
            return clipboard::decode<Message>(received.bytes);
        } else if constexpr (static_cast<std::uint32_t>(Message::kType) > 0x100) {
            return consumer::decode<Message>(received.bytes);
        } else {
            return stream::decode<Message>(received.bytes);
        }
    }();
    if (!message) {
        ADD_FAILURE() << "message of type " << type_number(received.bytes) << " instead of "
                      << static_cast<std::uint32_t>(Message::kType) << ": " << message.error().text;
        return {};
    }
    return *message;
}

}  // namespace vdmabuf::broker::test
