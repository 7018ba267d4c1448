// SPDX-License-Identifier: MIT
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <type_traits>
#include <vector>

#include "runtime/common/input_messages.hpp"
#include "runtime/common/seqpacket.hpp"
#include "runtime/common/stream_messages.hpp"

namespace vdmabuf::test {

// The broker's end of one producer's connection, driven by the test step by step.
class FakeBroker {
  public:
    FakeBroker();
    ~FakeBroker();

    const std::string& path() const { return path_; }
    bool accept(int timeout_ms = 2000);
    void hang_up() { peer_.reset(); }
    void stop_listening();
    void listen_again();

    // The next message but PONG; empty when none comes in time or the peer has hung up.
    std::vector<std::byte> next(int timeout_ms = 2000);
    std::vector<UniqueFd> fds;         // of the last message
    std::vector<std::uint64_t> pongs;  // tokens that have come back

    template <typename Message>
    std::optional<Message> expect(int timeout_ms = 2000) {
        const auto bytes = next(timeout_ms);
        auto message = [&] {
            if constexpr (std::is_same_v<decltype(Message::kType), const input::Type>) {
                return input::decode<Message>(bytes);
            } else {
                return stream::decode<Message>(bytes);
            }
        }();
        if (!message) return std::nullopt;
        return *message;
    }
    template <typename Message>
    void send(const Message& message) {
        send_message(peer_.get(), stream::bytes_of(message));
    }
    void send_raw(std::span<const std::byte> bytes) { send_message(peer_.get(), bytes); }
    // HELLO and WELCOME.
    bool greet(std::uint16_t version = stream::kVersionMax);
    std::uint32_t features = 0;  // of WELCOME
    void release(std::uint32_t stream, std::uint32_t slot, std::uint64_t serial);

  private:
    std::string directory_;
    std::string path_;
    UniqueFd listener_;
    UniqueFd peer_;
};

}  // namespace vdmabuf::test
