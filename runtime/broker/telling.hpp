// SPDX-License-Identifier: MIT
#pragma once

#include <cstdint>

namespace vdmabuf::broker {

// When consumers are told of something that a producer may change as often as it likes (some apps
// count their frames in the title): at once, but no more than once in kEveryNs; of what comes in
// between, the newest.
class Telling {
  public:
    static constexpr std::uint64_t kEveryNs = 50'000'000;

    // It has changed. True: tell now; false: is_due() says when.
    bool changed(std::uint64_t now_ns) {
        waits_ = told_ns_ != 0 && now_ns < told_ns_ + kEveryNs;
        if (!waits_) told_ns_ = now_ns;
        return !waits_;
    }
    // True, once, when what has waited is to be told.
    bool is_due(std::uint64_t now_ns) {
        if (!waits_ || now_ns < told_ns_ + kEveryNs) return false;
        waits_ = false;
        told_ns_ = now_ns;
        return true;
    }
    // When it will be due; 0: nothing waits.
    std::uint64_t due_ns() const { return waits_ ? told_ns_ + kEveryNs : 0; }

  private:
    std::uint64_t told_ns_ = 0;
    bool waits_ = false;
};

}  // namespace vdmabuf::broker
