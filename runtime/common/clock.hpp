// SPDX-License-Identifier: MIT
#pragma once

#include <time.h>

#include <cstdint>

namespace vdmabuf {

constexpr std::uint64_t kNsPerMs = 1'000'000;
constexpr std::uint64_t kNsPerSecond = 1'000'000'000;

// CLOCK_MONOTONIC in nanoseconds: the clock of every time stamp in the project.
inline std::uint64_t now_ns() {
    timespec ts{};
    ::clock_gettime(CLOCK_MONOTONIC, &ts);
    return static_cast<std::uint64_t>(ts.tv_sec) * kNsPerSecond +
           static_cast<std::uint64_t>(ts.tv_nsec);
}

}  // namespace vdmabuf
