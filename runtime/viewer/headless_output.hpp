// SPDX-License-Identifier: MIT
#pragma once

#include "runtime/common/event_loop.hpp"
#include "runtime/viewer/output.hpp"

namespace vdmabuf::viewer {

// Shows nothing, at a steady rate: what the least of all consumers does.
class HeadlessOutputs final : public OutputFactory {
  public:
    // `refresh_ns` 0: a frame counts as shown when it arrives.
    HeadlessOutputs(EventLoop& loop, std::uint64_t refresh_ns)
        : loop_(loop), refresh_ns_(refresh_ns) {}
    Result<std::unique_ptr<Output>> make(const OutputInfo& info, OutputEvents events) override;

  private:
    EventLoop& loop_;
    std::uint64_t refresh_ns_;
};

}  // namespace vdmabuf::viewer
