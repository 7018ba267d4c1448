// SPDX-License-Identifier: MIT
// Frames that say in their own pixels which they are and when they were presented, so that a
// consumer of any kind can count and time what it really sees. 24 bits a pixel: displays may drop
// the rest.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

#include "runtime/common/clock.hpp"

namespace vdmabuf::flip {

constexpr std::uint32_t kMark = 0x5a;  // of the first pixel, above a number of 16 bits
constexpr std::size_t kStampPixels = 3;

struct Stamp {
    std::uint16_t number = 0;
    std::uint64_t time_us = 0;  // CLOCK_MONOTONIC of who looks, 48 bits
};

// Of the clock of who looks, where that is another machine's: this one's is so far behind.
inline std::int64_t stamps_ahead_us = 0;

inline std::uint64_t now_us() {
    return now_ns() / 1000;
}

inline void stamp(volatile std::uint32_t* pixels, std::uint16_t number) {
    const std::uint64_t now = now_us() + static_cast<std::uint64_t>(stamps_ahead_us);
    pixels[1] = static_cast<std::uint32_t>(now & 0xffffff);
    pixels[2] = static_cast<std::uint32_t>(now >> 24 & 0xffffff);
    pixels[0] = kMark << 16 | number;
}

// False: no frame of ours is there.
inline bool read_stamp(const volatile std::uint32_t* pixels, Stamp& stamp) {
    const std::uint32_t first = pixels[0] & 0xffffff;
    if (first >> 16 != kMark) return false;
    stamp.number = static_cast<std::uint16_t>(first);
    stamp.time_us = (pixels[1] & 0xffffff) | std::uint64_t{pixels[2] & 0xffffff} << 24;
    return true;
}

// All that is not the stamp: no pixel is as in the picture before or after.
inline void fill(std::uint32_t* pixels, std::size_t count, std::uint32_t picture) {
    for (std::size_t i = 0; i < count; ++i) {
        pixels[i] = (static_cast<std::uint32_t>(i) * 0x10101u + picture * 0x333333u) & 0xffffff;
    }
}

}  // namespace vdmabuf::flip
