// SPDX-License-Identifier: MIT
#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "tests/runtime/viewer/harness.hpp"

namespace vdmabuf::test {

// Another program that takes a node's video, with the link that a session manager would make.
class PipewireConsumer {
  public:
    // Null: no PipeWire, or no such node.
    static std::unique_ptr<PipewireConsumer> connect(const std::string& node);
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
