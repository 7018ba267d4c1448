// SPDX-License-Identifier: MIT
#pragma once

#include <array>
#include <cstdint>
#include <functional>
#include <span>

#include "runtime/broker/frame_pacer.hpp"
#include "runtime/common/input_messages.hpp"

namespace vdmabuf::broker {

// The input of one stream, from the one consumer whose window has the focus. A producer that does
// not take it up costs nobody anything: what waits is bounded, the pointer's ways are put together,
// and where that is not enough everything is let go and the rest forgotten.
class InputQueue {
  public:
    static constexpr unsigned kNobody = FramePacer::kMaxConsumers;
    static constexpr std::size_t kMaxWaiting = 128;  // events

    using Send = std::function<void(const input::ToProducer&)>;
    // `number`: the producer's, of the stream.
    explicit InputQueue(std::uint32_t number) : number_(number) {}

    // What the consumer of this index says. Without the focus, only the event that takes it counts.
    void add(unsigned consumer, const input::FromConsumer& message, const Send& send);
    // The consumer is not attached any more.
    void leave(unsigned consumer, const Send& send);
    // False: that was never sent.
    bool acknowledge(std::uint32_t sequence, const Send& send);

    unsigned owner() const { return owner_; }

  private:
    void push(const input::Event& event, std::uint32_t width, std::uint32_t height);
    void flush(const Send& send);

    // Events with the extent that their coordinates belong to.
    struct Waiting {
        input::Event event{};
        std::uint32_t width = 0;
        std::uint32_t height = 0;
    };

    const std::uint32_t number_;
    unsigned owner_ = kNobody;
    std::uint32_t sent_ = 0;  // the last sequence
    std::uint32_t acknowledged_ = 0;
    std::size_t count_ = 0;
    std::array<Waiting, kMaxWaiting> waiting_{};
};

}  // namespace vdmabuf::broker
