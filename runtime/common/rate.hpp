// SPDX-License-Identifier: MIT
#pragma once

#include <cstdint>

#include "runtime/common/clock.hpp"

namespace vdmabuf {

// How often something may be done: so often in a row, and so often a second.
class Rate {
  public:
    Rate(std::uint64_t in_a_row, std::uint64_t per_second)
        : in_a_row_(in_a_row), one_ns_(kNsPerSecond / per_second), left_(in_a_row) {}

    // So many times more. False: that is too often, and none is counted.
    bool spend(std::uint64_t now_ns, std::uint64_t times = 1) {
        const std::uint64_t earned = (now_ns - since_ns_) / one_ns_;
        if (earned >= in_a_row_ - left_) {
            left_ = in_a_row_;
            since_ns_ = now_ns;
        } else {
            left_ += earned;
            since_ns_ += earned * one_ns_;
        }
        if (left_ < times) return false;
        left_ -= times;
        return true;
    }

  private:
    const std::uint64_t in_a_row_;
    const std::uint64_t one_ns_;
    std::uint64_t left_;
    std::uint64_t since_ns_ = 0;  // up to when left_ has been filled up
};

}  // namespace vdmabuf
