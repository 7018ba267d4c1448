// SPDX-License-Identifier: MIT
#pragma once

#include <memory>
#include <optional>

#include "runtime/common/event_loop.hpp"
#include "runtime/consumer/gpu/device.hpp"
#include "runtime/viewer/output.hpp"
#include "runtime/viewer/settings.hpp"
#include "runtime/viewer/window_system.hpp"

namespace vdmabuf::viewer {

// Shows each stream in a window of its own. A window has a thread that draws, so that one whose
// display makes it wait holds up neither the socket nor the other windows.
class WindowOutputs final : public OutputFactory {
  public:
    // All must outlive the outputs. `refresh_ns`: as RefreshPacer; nothing: the display's.
    WindowOutputs(EventLoop& loop, WindowSystem& windows, std::shared_ptr<gpu::Device> device,
                  std::optional<std::uint64_t> refresh_ns, const Settings& settings)
        : loop_(loop),
          windows_(windows),
          device_(std::move(device)),
          refresh_ns_(refresh_ns),
          settings_(settings) {}
    Result<std::unique_ptr<Output>> make(const OutputInfo& info, OutputEvents events) override;
    const std::shared_ptr<gpu::Device>& device() const { return device_; }

  private:
    EventLoop& loop_;
    WindowSystem& windows_;
    std::shared_ptr<gpu::Device> device_;
    std::optional<std::uint64_t> refresh_ns_;
    const Settings& settings_;
};

}  // namespace vdmabuf::viewer
