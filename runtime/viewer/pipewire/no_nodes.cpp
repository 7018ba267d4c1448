// SPDX-License-Identifier: MIT
// In place of nodes.cpp where PipeWire's library is not there.
#include "runtime/viewer/pipewire/nodes.hpp"

namespace vdmabuf::viewer {

class PipewireNodes::Connection {};

PipewireNodes::~PipewireNodes() = default;

Result<std::unique_ptr<PipewireNodes>> PipewireNodes::create() {
    return Error{ENOTSUP,
                 "this vdmabuf-viewer was built without PipeWire's library: no --pipewire"};
}

Result<std::unique_ptr<FrameSink>> PipewireNodes::make(const OutputInfo&) {
    return Error{ENOTSUP, "no --pipewire"};
}

}  // namespace vdmabuf::viewer
