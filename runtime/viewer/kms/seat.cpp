// SPDX-License-Identifier: MIT
#include "runtime/viewer/kms/seat.hpp"

#include <fcntl.h>
#include <libinput.h>
#include <libudev.h>
#include <linux/input-event-codes.h>
#include <sys/epoll.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cmath>
#include <string>
#include <vector>

#include "runtime/common/log.hpp"

namespace vdmabuf::viewer {
namespace {

using input::Event;
using input::Kind;
using input::make_event;

template <auto Free>
struct Freed {
    template <typename T>
    void operator()(T* it) const {
        Free(it);
    }
};
using Udev = std::unique_ptr<udev, Freed<udev_unref>>;
using Context = std::unique_ptr<libinput, Freed<libinput_unref>>;

// Of a finger on a touchpad, in units of libinput (its pixels): a click of a wheel.
constexpr double kFingerClick = 15;

std::int32_t units(double value, double most) {
    return static_cast<std::int32_t>(std::lround(std::clamp(value, -most, most)));
}

class LibinputSeat final : public Seat {
  public:
    LibinputSeat(EventLoop& loop, std::uint32_t width, std::uint32_t height, Handlers handlers)
        : loop_(loop),
          width_(width),
          height_(height),
          handlers_(std::move(handlers)),
          x_(width / 2.0),
          y_(height / 2.0) {}
    ~LibinputSeat() override {
        if (watched_) loop_.remove(libinput_get_fd(context_.get()));
    }

    Status start() {
        udev_.reset(udev_new());
        if (!udev_) return Error{ENODEV, "no udev"};
        static const libinput_interface interface = {
            [](const char* path, int flags, void* self) {
                return static_cast<LibinputSeat*>(self)->open_device(path, flags);
            },
            [](int fd, void*) { ::close(fd); }};
        context_.reset(libinput_udev_create_context(&interface, this, udev_.get()));
        if (!context_ || libinput_udev_assign_seat(context_.get(), "seat0") != 0) {
            return Error{ENODEV, "udev does not tell of devices"};
        }
        auto added = loop_.add(libinput_get_fd(context_.get()), EPOLLIN,
                               [this](std::uint32_t) { dispatch(); });
        if (!added) return added;
        watched_ = true;
        dispatch();
        if (devices_ > 0) return {};
        if (!denied_.empty()) {
            return Error{EACCES, denied_ + " (be root, or in the group of /dev/input/event*)"};
        }
        LOG_INFO("no input devices yet (those that udev knows are used; does it run?)");
        return {};
    }

    void set_grabbed(bool grabbed) override { grabbed_ = grabbed; }
    void suspend() override {
        libinput_suspend(context_.get());
        dispatch();  // what was pressed is released
    }
    void resume() override {
        if (libinput_resume(context_.get()) != 0) LOG_WARNING("input does not come back");
        dispatch();
    }
    Event pointer() const override {
        return make_event(Kind::motion, 0, 0, at(x_, width_), at(y_, height_));
    }

  private:
    int open_device(const char* path, int flags) {
        const int fd = ::open(path, flags | O_CLOEXEC);
        if (fd >= 0) return fd;
        const int failed = errno;
        denied_ = system_error(path).text;
        return -failed;
    }

    // Pixels of the screen, which are not left.
    static std::int32_t at(double pixels, std::uint32_t length) {
        const double last = static_cast<double>(length) * input::kFraction - 1;
        return static_cast<std::int32_t>(std::clamp(pixels * input::kFraction, 0.0, last));
    }

    void dispatch() {
        if (const int failed = libinput_dispatch(context_.get()); failed != 0) {
            LOG_WARNING("libinput: %s", system_error("dispatch").text.c_str());
        }
        while (libinput_event* event = libinput_get_event(context_.get())) {
            take(event);
            libinput_event_destroy(event);
        }
        if (events_.empty()) return;
        std::vector<Event> together;
        together.swap(events_);
        handlers_.input(together);
    }

    void add(const Event& event) {
        if (events_.empty() || !input::merge(events_.back(), event)) events_.push_back(event);
    }

    void take(libinput_event* event) {
        switch (libinput_event_get_type(event)) {
            case LIBINPUT_EVENT_DEVICE_ADDED:
                ++devices_;
                LOG_DEBUG("input: %s", libinput_device_get_name(libinput_event_get_device(event)));
                if (is_keyboard(event) && ++keyboards_ == 1) handlers_.keyboard(true);
                break;
            case LIBINPUT_EVENT_DEVICE_REMOVED:
                --devices_;
                if (is_keyboard(event) && --keyboards_ == 0) handlers_.keyboard(false);
                break;
            case LIBINPUT_EVENT_KEYBOARD_KEY:
                take_key(libinput_event_get_keyboard_event(event));
                break;
            case LIBINPUT_EVENT_POINTER_MOTION:
                take_motion(libinput_event_get_pointer_event(event));
                break;
            case LIBINPUT_EVENT_POINTER_MOTION_ABSOLUTE:
                take_place(libinput_event_get_pointer_event(event));
                break;
            case LIBINPUT_EVENT_POINTER_BUTTON:
                take_button(libinput_event_get_pointer_event(event));
                break;
            case LIBINPUT_EVENT_POINTER_SCROLL_WHEEL:
                take_scroll(libinput_event_get_pointer_event(event),
                            libinput_event_pointer_get_scroll_value_v120, 1);
                break;
            case LIBINPUT_EVENT_POINTER_SCROLL_FINGER:
            case LIBINPUT_EVENT_POINTER_SCROLL_CONTINUOUS:
                take_scroll(libinput_event_get_pointer_event(event),
                            libinput_event_pointer_get_scroll_value,
                            input::kWheelStep / kFingerClick);
                break;
            case LIBINPUT_EVENT_TOUCH_DOWN:
                take_finger(libinput_event_get_touch_event(event), Kind::touch_down);
                break;
            case LIBINPUT_EVENT_TOUCH_MOTION:
                take_finger(libinput_event_get_touch_event(event), Kind::touch_motion);
                break;
            case LIBINPUT_EVENT_TOUCH_UP:
                take_finger(libinput_event_get_touch_event(event), Kind::touch_up);
                break;
            case LIBINPUT_EVENT_TOUCH_CANCEL:
                add(make_event(Kind::touch_cancel));
                break;
            default:
                break;
        }
    }

    // One that can end the viewer: a power button is none.
    static bool is_keyboard(libinput_event* event) {
        libinput_device* device = libinput_event_get_device(event);
        return libinput_device_has_capability(device, LIBINPUT_DEVICE_CAP_KEYBOARD) &&
               libinput_device_keyboard_has_key(device, KEY_Q) == 1 &&
               libinput_device_keyboard_has_key(device, KEY_RIGHTCTRL) == 1;
    }

    void take_key(libinput_event_keyboard* event) {
        const bool down =
            libinput_event_keyboard_get_key_state(event) == LIBINPUT_KEY_STATE_PRESSED;
        // Of several keyboards, the first press and the last release.
        if (libinput_event_keyboard_get_seat_key_count(event) != (down ? 1U : 0U)) return;
        const std::uint32_t code = libinput_event_keyboard_get_key(event);
        if (code == 0 || code > input::kKeyMax) return;
        if (handlers_.key(static_cast<std::uint16_t>(code), down)) return;
        add(make_event(Kind::key, static_cast<std::uint16_t>(code), down));
    }

    void take_motion(libinput_event_pointer* event) {
        constexpr double kMost = 1000.0 * input::kFraction;
        if (grabbed_) {
            return add(make_event(
                Kind::relative, 0, 0,
                units(libinput_event_pointer_get_dx_unaccelerated(event) * input::kFraction, kMost),
                units(libinput_event_pointer_get_dy_unaccelerated(event) * input::kFraction,
                      kMost)));
        }
        move_to(x_ + libinput_event_pointer_get_dx(event),
                y_ + libinput_event_pointer_get_dy(event));
    }
    void take_place(libinput_event_pointer* event) {
        const double x = libinput_event_pointer_get_absolute_x_transformed(event, width_);
        const double y = libinput_event_pointer_get_absolute_y_transformed(event, height_);
        if (!grabbed_) return move_to(x, y);
        constexpr double kMost = 1000.0 * input::kFraction;
        add(make_event(Kind::relative, 0, 0, units((x - x_) * input::kFraction, kMost),
                       units((y - y_) * input::kFraction, kMost)));
        x_ = x;
        y_ = y;
    }
    void move_to(double x, double y) {
        x_ = std::clamp(x, 0.0, width_ - 1.0 / input::kFraction);
        y_ = std::clamp(y, 0.0, height_ - 1.0 / input::kFraction);
        add(pointer());
    }

    void take_button(libinput_event_pointer* event) {
        const bool down =
            libinput_event_pointer_get_button_state(event) == LIBINPUT_BUTTON_STATE_PRESSED;
        if (libinput_event_pointer_get_seat_button_count(event) != (down ? 1U : 0U)) return;
        const std::uint32_t code = libinput_event_pointer_get_button(event);
        if (code < input::kButtonFirst || code > input::kButtonLast) return;
        add(make_event(Kind::button, static_cast<std::uint16_t>(code), down));
    }

    // Ours goes away from the user, libinput's towards him.
    void take_scroll(libinput_event_pointer* event,
                     double (*value)(libinput_event_pointer*, libinput_pointer_axis), double by) {
        const auto turn = [&](libinput_pointer_axis axis, double& rest) {
            if (!libinput_event_pointer_has_axis(event, axis)) return 0;
            constexpr double kMost = 100.0 * input::kWheelStep;
            rest += value(event, axis) * by;
            const std::int32_t whole = units(std::trunc(rest), kMost);
            rest -= std::trunc(rest);
            return static_cast<int>(whole);
        };
        const int right = turn(LIBINPUT_POINTER_AXIS_SCROLL_HORIZONTAL, scroll_x_);
        const int down = turn(LIBINPUT_POINTER_AXIS_SCROLL_VERTICAL, scroll_y_);
        if (right != 0 || down != 0) add(make_event(Kind::wheel, 0, 0, right, -down));
    }

    void take_finger(libinput_event_touch* event, Kind kind) {
        const std::int32_t slot = libinput_event_touch_get_seat_slot(event);
        if (slot < 0 || slot >= static_cast<std::int32_t>(input::kMaxTouches)) return;
        const auto finger = static_cast<std::uint16_t>(slot);
        if (kind == Kind::touch_up) return add(make_event(kind, finger));
        add(make_event(kind, finger, 0,
                       at(libinput_event_touch_get_x_transformed(event, width_), width_),
                       at(libinput_event_touch_get_y_transformed(event, height_), height_)));
    }

    EventLoop& loop_;
    const std::uint32_t width_;
    const std::uint32_t height_;
    const Handlers handlers_;
    Udev udev_;
    Context context_;
    bool watched_ = false;
    int devices_ = 0;
    int keyboards_ = 0;   // of these
    std::string denied_;  // why the last device could not be opened
    bool grabbed_ = false;
    double x_;  // pixels
    double y_;
    double scroll_x_ = 0;  // less than a unit
    double scroll_y_ = 0;
    std::vector<Event> events_;
};

}  // namespace

Result<std::unique_ptr<Seat>> Seat::open(EventLoop& loop, std::uint32_t width, std::uint32_t height,
                                         Handlers handlers) {
    auto seat = std::make_unique<LibinputSeat>(loop, width, height, std::move(handlers));
    if (auto started = seat->start(); !started) return started.error();
    return std::unique_ptr<Seat>(std::move(seat));
}

}  // namespace vdmabuf::viewer
