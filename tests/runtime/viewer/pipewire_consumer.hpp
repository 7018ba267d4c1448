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

    // Whether a picture is one frame as a whole.
    using Judge = std::function<bool(const Png&)>;

    // Null: no PipeWire. With a taker nothing is kept of the frames but their number. With a judge
    // it asks for dmabufs that are LINEAR, else for copies, and has each frame until `keeps`
    // more have come; its picture is judged, and must be the same then.
    static std::unique_ptr<PipewireConsumer> connect(const std::string& node, Taker taker = {},
                                                     Judge judge = {}, std::size_t keeps = 1);
    ~PipewireConsumer();
    PipewireConsumer(const PipewireConsumer&) = delete;
    PipewireConsumer& operator=(const PipewireConsumer&) = delete;

    // Of the newest frame.
    Png picture() const;
    std::int64_t time_ns() const;
    std::string format() const;
    std::uint64_t frames() const;
    std::uint64_t dmabuf_frames() const;
    // Pictures that were not whole, or were others when they were given back.
    std::uint64_t broken() const;

  private:
    struct State;
    PipewireConsumer();
    std::unique_ptr<State> state_;
};

}  // namespace vdmabuf::test
