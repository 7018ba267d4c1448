// SPDX-License-Identifier: MIT
#pragma once

#include <functional>
#include <memory>

#include "runtime/common/event_loop.hpp"
#include "runtime/viewer/kms/console.hpp"
#include "runtime/viewer/kms/kms_output.hpp"
#include "runtime/viewer/kms/seat.hpp"
#include "runtime/viewer/kms/viewer_keys.hpp"

namespace vdmabuf::viewer {

// Who sits before the screen: keys and pointer, those of the viewer and the app's, and the terminal
// behind it. Where there is no input, or no terminal, it says so and does without.
class KmsUser {
  public:
    // Before the first thread of this process. The loop must outlive it.
    KmsUser(EventLoop& loop, bool apps_take_input);
    KmsUser(const KmsUser&) = delete;
    KmsUser& operator=(const KmsUser&) = delete;

    // The outputs are used from now on, until stand_up().
    void sit_down(KmsOutputs& outputs, const Screen& screen, std::function<void()> quit);
    void stand_up();

  private:
    bool key(std::uint16_t code, bool down);
    void act(const ViewerKeys::Taken& taken);
    void leave();
    void enter();

    EventLoop& loop_;
    const bool apps_take_input_;
    KmsOutputs* outputs_ = nullptr;
    std::function<void()> quit_;
    ViewerKeys keys_;
    bool grabbed_ = false;
    std::unique_ptr<Console> console_;
    std::unique_ptr<Seat> seat_;
};

}  // namespace vdmabuf::viewer
