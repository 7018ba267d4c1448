// SPDX-License-Identifier: MIT
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <string>

#include "runtime/broker/input_port.hpp"
#include "runtime/common/event_loop.hpp"
#include "runtime/common/result.hpp"
#include "runtime/device/input_config.hpp"
#include "runtime/device/input_device.hpp"
#include "runtime/device/vm_state.hpp"

namespace vdmabuf::device {

// The input devices of one VM: makes of what a user does in a window what a keyboard, a pointer and
// a touch screen would say. The window is the whole screen to them.
class GuestInput final : public broker::InputPort {
  public:
    GuestInput(EventLoop& loop, const std::string& vm);

    // `number`: of DeviceName. ENOENT: there is none.
    Status apply(std::uint32_t number, const VmState& state);

    void event(const input::Event& event, std::uint32_t width, std::uint32_t height) override;
    void release_all() override;

  private:
    static constexpr std::uint16_t kNoFinger = input::kMaxTouches;

    InputDevice& device(InputRole role) { return *devices_[static_cast<std::size_t>(role) - 1]; }
    // That which clicks and turns the wheel: the one that has moved last.
    InputDevice& clicking();

    void key(std::uint16_t code, bool down);
    void button(std::uint16_t code, bool down);
    void motion(std::int32_t x, std::int32_t y, std::uint32_t width, std::uint32_t height);
    void relative(std::int32_t x, std::int32_t y, std::uint32_t width, std::uint32_t height);
    void wheel(std::int32_t x, std::int32_t y);
    void touch(const input::Event& event, std::uint32_t width, std::uint32_t height);
    void touch_by_pointer(const input::Event& event, std::uint32_t width, std::uint32_t height);
    void lift(std::uint16_t finger);
    void lift_all();

    // A motion in parts of a step: whole steps go out, the rest counts with the next.
    class Steps {
      public:
        explicit Steps(std::int32_t size) : size_(size) {}
        std::int32_t add(std::int32_t parts);
        void clear() { rest_ = 0; }

      private:
        const std::int32_t size_;
        std::int32_t rest_ = 0;
    };

    std::array<std::unique_ptr<InputDevice>, kInputRoles> devices_;
    bool moves_relatively_ = false;
    Steps move_x_{input::kFraction};
    Steps move_y_{input::kFraction};
    Steps wheel_x_{input::kWheelStep};
    Steps wheel_y_{input::kWheelStep};
    // Of the absolute pointer, in 1/kFraction of the device's steps.
    std::int64_t at_x_ = 0;
    std::int64_t at_y_ = 0;
    std::int32_t next_finger_id_ = 0;
    std::uint16_t first_finger_ = kNoFinger;  // the one that is a single-touch screen's, or a click
};

}  // namespace vdmabuf::device
