// SPDX-License-Identifier: MIT
#pragma once

#include <cstdint>

#include "runtime/broker/input_port.hpp"
#include "runtime/common/input_messages.hpp"

namespace vdmabuf::broker {

// Whose input goes to the devices of a VM: one window of one consumer, which shows one stream.
class InputFocus {
  public:
    explicit InputFocus(InputPort& port) : port_(port) {}

    // What the consumer of this index says of this stream. Without the focus, only the event that
    // takes it counts.
    void add(std::uint64_t stream, unsigned consumer, const input::FromConsumer& message);
    // The consumer is not attached any more.
    void leave(std::uint64_t stream, unsigned consumer);
    void end(std::uint64_t stream);

  private:
    static constexpr std::uint64_t kNoStream = 0;
    void give_up();

    InputPort& port_;
    std::uint64_t stream_ = kNoStream;  // that has the focus
    unsigned consumer_ = 0;             // whose window of it
};

}  // namespace vdmabuf::broker
