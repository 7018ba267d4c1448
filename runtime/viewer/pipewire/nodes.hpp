// SPDX-License-Identifier: MIT
#pragma once

#include <memory>

#include "runtime/viewer/taps/frame_sink.hpp"

namespace vdmabuf::viewer {

// Publishes each stream as a video source of PipeWire, with the window's title as its description.
// A node drives its graph: it sends a frame when the app has shown one, and sleeps else.
class PipewireNodes final : public FrameSinkFactory {
  public:
    // EHOSTDOWN: no PipeWire answers. ENOTSUP: the viewer was built without it.
    static Result<std::unique_ptr<PipewireNodes>> create();
    ~PipewireNodes() override;  // no sinks are left by then
    PipewireNodes(const PipewireNodes&) = delete;
    PipewireNodes& operator=(const PipewireNodes&) = delete;

    Result<std::unique_ptr<FrameSink>> make(const OutputInfo& info) override;
    bool has_failed() const override { return false; }

  private:
    class Connection;
    class Node;
    explicit PipewireNodes(std::unique_ptr<Connection> connection);
    std::unique_ptr<Connection> connection_;
};

}  // namespace vdmabuf::viewer
