// SPDX-License-Identifier: MIT
#include "runtime/viewer/frame_history.hpp"

namespace vdmabuf::viewer {

void FrameHistory::add(const FrameSample& sample, const StreamFacts& facts) {
    const std::lock_guard lock(mutex_);
    facts_ = facts;
    if (samples_.size() < kKept) {
        samples_.push_back(sample);
        return;
    }
    samples_[next_] = sample;
    next_ = (next_ + 1) % kKept;
}

FrameHistory::Snapshot FrameHistory::newest() const {
    const std::lock_guard lock(mutex_);
    Snapshot snapshot{{}, facts_};
    snapshot.samples.reserve(samples_.size());
    for (std::size_t i = 0; i < samples_.size(); ++i) {
        snapshot.samples.push_back(samples_[(next_ + i) % samples_.size()]);
    }
    return snapshot;
}

}  // namespace vdmabuf::viewer
