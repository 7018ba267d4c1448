// SPDX-License-Identifier: MIT
#pragma once

#include <memory>

#include "runtime/common/event_loop.hpp"
#include "runtime/viewer/kms/screen.hpp"
#include "runtime/viewer/output.hpp"
#include "runtime/viewer/settings.hpp"

namespace vdmabuf::viewer {

// Shows one stream at a time on a screen, without any display server. A dmabuf of the screen's size
// is shown as it is, where the display controller takes it; all else is copied to memory of the
// controller's by the CPU, scaled by whole pixels, and counted as copied.
class KmsOutputs final : public OutputFactory {
  public:
    // All must outlive the outputs.
    KmsOutputs(EventLoop& loop, Screen& screen, std::shared_ptr<gpu::Device> device,
               const Settings& settings)
        : loop_(loop), screen_(screen), device_(std::move(device)), settings_(settings) {}
    Result<std::unique_ptr<Output>> make(const OutputInfo& info, OutputEvents events) override;

  private:
    EventLoop& loop_;
    Screen& screen_;
    std::shared_ptr<gpu::Device> device_;
    const Settings& settings_;
};

}  // namespace vdmabuf::viewer
