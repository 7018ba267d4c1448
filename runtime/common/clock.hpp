// SPDX-License-Identifier: MIT
#pragma once

#include <time.h>

#include <algorithm>
#include <cstdint>
#include <limits>

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

// For poll(2): how long it is until then.
inline int ms_until(std::uint64_t due_ns) {
    const std::uint64_t now = now_ns();
    if (now >= due_ns) return 0;
    return static_cast<int>(std::min<std::uint64_t>((due_ns - now + kNsPerMs - 1) / kNsPerMs,
                                                    std::numeric_limits<int>::max()));
}

}  // namespace vdmabuf
