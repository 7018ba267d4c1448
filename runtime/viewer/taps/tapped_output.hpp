// SPDX-License-Identifier: MIT
#pragma once

#include <memory>
#include <vector>

#include "runtime/common/event_loop.hpp"
#include "runtime/consumer/gpu/device.hpp"
#include "runtime/viewer/output.hpp"
#include "runtime/viewer/taps/frame_sink.hpp"

namespace vdmabuf::viewer {

// Outputs of another factory whose frames go to sinks as well. The picture comes first: a frame is
// copied once it is shown, and left out when the sinks are too slow. What waits for a copy is the
// word to the broker that the next frame was shown, as the broker gives the slot back then.
class TappedOutputs final : public OutputFactory {
  public:
    // All must outlive the outputs.
    TappedOutputs(EventLoop& loop, std::shared_ptr<gpu::Device> device, OutputFactory& outputs,
                  std::vector<FrameSinkFactory*> sinks)
        : loop_(loop), device_(std::move(device)), outputs_(outputs), sinks_(std::move(sinks)) {}
    Result<std::unique_ptr<Output>> make(const OutputInfo& info, OutputEvents events) override;

  private:
    EventLoop& loop_;
    std::shared_ptr<gpu::Device> device_;
    OutputFactory& outputs_;
    std::vector<FrameSinkFactory*> sinks_;
};

}  // namespace vdmabuf::viewer
