// SPDX-License-Identifier: MIT
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <functional>
#include <span>
#include <vector>

#include "runtime/common/result.hpp"

namespace vdmabuf::broker {

// News of raw buffers on their way to one peer (a producer or a consumer): no more of them at a
// time than the peer has acknowledged, so that one who does not look fills neither its socket nor
// its guest's event queue. The rest waits here. What may wait is bounded by who pushes: kWindow
// messages and one of each other kind for a link.
class RawOutbox {
  public:
    enum class Kind : std::uint8_t { taken, done, message, credit };
    using Send = std::function<void(std::span<const std::byte>)>;

    RawOutbox(std::uint32_t in_flight_limit, Send send)
        : limit_(in_flight_limit), send_(std::move(send)) {}

    void push(std::uint64_t link, Kind kind, std::vector<std::byte> message);
    // The waiting message of this kind; nullptr when there is none.
    std::vector<std::byte>* waiting(std::uint64_t link, Kind kind);

    // The peer has taken up `count` more; `delivered` is called for each that was a message.
    // EPROTO: it was not sent so many.
    Status acknowledge(std::uint32_t count,
                       const std::function<void(std::uint64_t link)>& delivered);

    // Forgets what waits for a link. True: the peer has never heard of it (its TAKEN waited).
    bool drop(std::uint64_t link);
    // The peer starts anew.
    void clear();

    std::size_t waiting_count() const { return waiting_.size(); }

  private:
    struct Sent {
        std::uint64_t link;
        Kind kind;
    };
    struct Waiting {
        std::uint64_t link;
        Kind kind;
        std::vector<std::byte> message;
    };
    void send(std::uint64_t link, Kind kind, std::span<const std::byte> message);

    const std::uint32_t limit_;
    const Send send_;
    std::deque<Sent> sent_;
    std::deque<Waiting> waiting_;
};

}  // namespace vdmabuf::broker
