// SPDX-License-Identifier: MIT
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>

#include "tests/runtime/viewer/harness.hpp"

namespace vdmabuf::test {

// Another program that takes a node's video, with the link that a session manager would make.
class PipewireConsumer {
  public:
    // Gets each frame as it comes, on a thread of PipeWire's.
    using Taker = std::function<void(const std::uint8_t* pixels, std::size_t pitch)>;

    // Null: no PipeWire. With a taker nothing is kept of the frames but their number.
    static std::unique_ptr<PipewireConsumer> connect(const std::string& node, Taker taker = {});
    ~PipewireConsumer();
    PipewireConsumer(const PipewireConsumer&) = delete;
    PipewireConsumer& operator=(const PipewireConsumer&) = delete;

    // Of the newest frame.
    Png picture() const;
    std::int64_t time_ns() const;
    std::string format() const;
    std::uint64_t frames() const;

  private:
    struct State;
    PipewireConsumer();
    std::unique_ptr<State> state_;
};

}  // namespace vdmabuf::test
