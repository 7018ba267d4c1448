// SPDX-License-Identifier: MIT
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "tests/runtime/viewer/harness.hpp"

namespace vdmabuf::test {

struct DecodedFrame {
    Png picture;
    std::int64_t time_ns = 0;  // since the file's start
    std::uint64_t serial = 0;  // that the picture's bar shows
};

struct DecodedVideo {
    std::string codec;
    std::string title;
    std::vector<DecodedFrame> frames;
};

// All that can be decoded of a file; nothing of one that is none.
DecodedVideo decode(const std::string& path);

// The number in the bar of test_picture().
std::uint64_t serial_in(const Png& png);
// The largest difference of a component to test_picture(), `margin` pixels around its edges left
// out.
int largest_difference(const Png& png, std::uint64_t serial, std::uint32_t margin);

}  // namespace vdmabuf::test
