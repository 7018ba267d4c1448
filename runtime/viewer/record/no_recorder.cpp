// SPDX-License-Identifier: MIT
// In place of recorder.cpp where FFmpeg's libraries are not there.
#include "runtime/viewer/record/recorder.hpp"

namespace vdmabuf::viewer {

struct Recorder::Plan {};
class Recorder::Recording {};

Recorder::~Recorder() = default;

void Recorder::finish() {}

Result<std::unique_ptr<Recorder>> Recorder::create(const std::string&, const std::string&) {
    return Error{ENOTSUP, "this vdmabuf-viewer was built without FFmpeg's libraries: no --record"};
}

Result<std::unique_ptr<FrameSink>> Recorder::make(const OutputInfo&) {
    return Error{ENOTSUP, "no --record"};
}

}  // namespace vdmabuf::viewer
