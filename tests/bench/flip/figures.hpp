// SPDX-License-Identifier: MIT
#pragma once

#include <cstdint>
#include <vector>

#include "tests/bench/flip/options.hpp"
#include "tests/bench/flip/pixels.hpp"

namespace vdmabuf::flip {

// What a consumer has seen: frames, how old each was, and what it cost this process. Measuring
// begins a quarter of a second after the first frame, with a line on standard error, and ends with
// another one: who measures other processes does so in between.
class Figures {
  public:
    explicit Figures(const Options& options)
        : seconds_(options.seconds), patience_us_(options.patience * 1e6) {}

    // To be called with every frame that may be a new one, as soon as its pixels can be read.
    void see(const volatile std::uint32_t* pixels);
    bool done() const;
    // Whether nothing has come for as long as was to be waited.
    bool stalled() const;
    // One JSON object on standard output.
    void print() const;

  private:
    const double seconds_;
    const double patience_us_;
    std::uint64_t first_us_ = 0;  // frame
    std::uint64_t start_us_ = 0;  // of measuring
    std::uint64_t last_us_ = 0;   // frame
    std::uint64_t start_cpu_us_ = 0;
    std::uint64_t last_cpu_us_ = 0;
    std::uint64_t began_us_ = now_us();
    std::uint16_t number_ = 0;
    std::uint64_t frames_ = 0;
    std::uint64_t skipped_ = 0;
    std::vector<std::uint32_t> ages_us_;
};

// CPU time of this process.
std::uint64_t cpu_us();

}  // namespace vdmabuf::flip
