// SPDX-License-Identifier: MIT
#pragma once

#include <memory>
#include <span>

#include "runtime/common/event_loop.hpp"
#include "runtime/viewer/kms/screen.hpp"
#include "runtime/viewer/output.hpp"
#include "runtime/viewer/settings.hpp"

namespace vdmabuf::viewer {

class KmsOutput;

// Shows one stream at a time on a screen, without any display server. A dmabuf of the screen's size
// is shown as it is, where the display controller takes it; all else is drawn by the GPU and copied
// to memory of the controller's by the CPU, and counted as copied. The stream that is shown has the
// focus. All calls on the loop's thread.
class KmsOutputs final : public OutputFactory {
  public:
    // All must outlive the outputs.
    KmsOutputs(EventLoop& loop, Screen& screen, std::shared_ptr<gpu::Device> device,
               const Settings& settings);
    ~KmsOutputs() override;
    Result<std::unique_ptr<Output>> make(const OutputInfo& info, OutputEvents events) override;

    // ---- what the user does
    void input(std::span<const input::Event> events);
    // There is a pointer, and that is where it is; without one there is no cursor.
    void point(const input::Event& motion);
    void set_grabbed(bool grabbed);
    void toggle_hud();
    void next_scale();
    void picture_wanted();
    void next_stream();
    // Another terminal is seen; ours is again.
    void leave();
    void enter();

  private:
    friend class KmsOutput;

    EventLoop& loop_;
    Screen& screen_;
    std::shared_ptr<gpu::Device> device_;
    const Settings& settings_;
    // What holds for whatever stream is shown.
    Scale scale_;
    bool hud_;
    bool away_ = false;
    bool points_ = false;
    bool grabbed_ = false;
    input::Event pointer_{};
    KmsOutput* shown_ = nullptr;
};

}  // namespace vdmabuf::viewer
