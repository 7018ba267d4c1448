// SPDX-License-Identifier: MIT
#pragma once

#include <array>
#include <memory>
#include <optional>
#include <string>

#include "runtime/consumer/self_test.hpp"
#include "runtime/consumer/verdict_cache.hpp"

namespace vdmabuf::consumer {

// What a verdict is true for: the device, its driver with its version, the kernel, the way, and the
// test. One line of printable characters.
std::string verdict_key(const gpu::Identity& identity, Way way);

// Which ways a device may be trusted with. Each is tested once, when it is first asked for, or
// known from an earlier run; VDMABUF_SELF_TEST=1 forgets these. One thread.
class Trust {
  public:
    explicit Trust(std::shared_ptr<gpu::Device> device);

    const Verdict& of(Way way);
    // What a real frame has shown; for this run only.
    void learn(Way way, Verdict verdict);

  private:
    std::shared_ptr<gpu::Device> device_;
    VerdictCache cache_;
    gpu::Identity identity_;
    bool again_ = false;
    std::array<std::optional<Verdict>, kWays.size()> verdicts_;
};

}  // namespace vdmabuf::consumer
