// SPDX-License-Identifier: MIT
#pragma once

#include <memory>
#include <optional>
#include <vector>

#include "runtime/viewer/pipewire/nodes.hpp"
#include "runtime/viewer/record/recorder.hpp"
#include "runtime/viewer/settings.hpp"
#include "runtime/viewer/taps/tapped_output.hpp"

namespace vdmabuf::viewer {

// All sinks that the settings ask for, around the outputs of a run.
class Taps {
  public:
    static Result<std::unique_ptr<Taps>> create(const Settings& settings);

    // `outputs` itself where no sinks are asked for. All must outlive the outputs; this as well.
    OutputFactory& around(OutputFactory& outputs, EventLoop& loop,
                          std::shared_ptr<gpu::Device> device);
    // After the last output's end: completes files. False: something failed, and it was said.
    bool finish();

  private:
    Taps() = default;
    std::unique_ptr<Recorder> recorder_;
    std::unique_ptr<PipewireNodes> nodes_;
    std::optional<TappedOutputs> tapped_;
};

}  // namespace vdmabuf::viewer
