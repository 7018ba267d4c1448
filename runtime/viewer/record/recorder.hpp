// SPDX-License-Identifier: MIT
#pragma once

#include <atomic>
#include <list>
#include <memory>
#include <string>

#include "runtime/viewer/taps/frame_sink.hpp"

namespace vdmabuf::viewer {

// Records streams to files: the first one to the file that was named, the next ones beside it with
// a number before the ending, none written over. Each has a thread that encodes; files are finished
// in the background when their stream ends.
class Recorder final : public FrameSinkFactory {
  public:
    // `codec`: as choose_codec(). EINVAL: the name of the file or the codec will not do; ENOTSUP:
    // the viewer was built without FFmpeg.
    static Result<std::unique_ptr<Recorder>> create(const std::string& path,
                                                    const std::string& codec);
    Result<std::unique_ptr<FrameSink>> make(const OutputInfo& info) override;
    bool has_failed() const override { return failed_; }
    // Waits until all files are finished. No sinks are left by then.
    ~Recorder() override;
    Recorder(const Recorder&) = delete;
    Recorder& operator=(const Recorder&) = delete;

    // The same, to be asked has_failed() afterwards.
    void finish();

  private:
    struct Plan;
    class Recording;
    class Sink;
    explicit Recorder(std::unique_ptr<Plan> plan);
    std::string next_path();

    std::unique_ptr<Plan> plan_;
    unsigned number_ = 0;
    std::atomic<bool> failed_ = false;
    std::list<std::shared_ptr<Recording>> recordings_;
};

}  // namespace vdmabuf::viewer
