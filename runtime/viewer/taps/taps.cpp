// SPDX-License-Identifier: MIT
#include "runtime/viewer/taps/taps.hpp"

namespace vdmabuf::viewer {

Result<std::unique_ptr<Taps>> Taps::create(const Settings& settings) {
    std::unique_ptr<Taps> taps(new Taps);
    if (!settings.record.empty()) {
        auto recorder = Recorder::create(settings.record, settings.codec);
        if (!recorder) return recorder.error();
        taps->recorder_ = std::move(*recorder);
    }
    if (settings.pipewire) {
        auto nodes = PipewireNodes::create();
        if (!nodes) return nodes.error();
        taps->nodes_ = std::move(*nodes);
    }
    return taps;
}

OutputFactory& Taps::around(OutputFactory& outputs, EventLoop& loop,
                            std::shared_ptr<gpu::Device> device) {
    std::vector<FrameSinkFactory*> sinks;
    if (recorder_) sinks.push_back(recorder_.get());
    if (nodes_) sinks.push_back(nodes_.get());
    if (sinks.empty()) return outputs;
    return tapped_.emplace(loop, std::move(device), outputs, std::move(sinks));
}

bool Taps::finish() {
    if (recorder_) recorder_->finish();
    return !recorder_ || !recorder_->has_failed();
}

}  // namespace vdmabuf::viewer
