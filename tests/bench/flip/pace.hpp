// SPDX-License-Identifier: MIT
#pragma once

#include <cstdint>

#include "tests/bench/flip/options.hpp"

namespace vdmabuf::flip {

// A producer's time: when its next frame is due (--rate), when it has made enough (--seconds, or
// SIGTERM), and what each frame has cost it. Begins when it is made.
class Pace {
  public:
    explicit Pace(const Options& options);

    bool lasts() const;
    // Of the next frame; 0: at once.
    std::uint64_t due_us() const;
    void wait() const;
    std::uint64_t frames() const { return frames_; }
    void made_one() { ++frames_; }
    // One JSON object on standard output.
    void print() const;

  private:
    const double rate_;
    const std::uint64_t start_us_;
    const std::uint64_t start_cpu_us_;
    const std::uint64_t end_us_;
    std::uint64_t frames_ = 0;
};

}  // namespace vdmabuf::flip
