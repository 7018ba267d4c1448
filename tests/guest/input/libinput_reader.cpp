// SPDX-License-Identifier: MIT
// libinput_reader: prints what libinput makes of this machine's input devices, as Wayland
// compositors get it. Positions are those on a screen of 640 x 480. Needs udevd. Ends with SIGTERM.
#include <fcntl.h>
#include <libinput.h>
#include <libudev.h>
#include <poll.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <cstdint>
#include <cstdio>

namespace {

volatile std::sig_atomic_t end_wanted = 0;

constexpr std::uint32_t kWide = 640;
constexpr std::uint32_t kHigh = 480;

int open_device(const char* path, int flags, void*) {
    const int fd = ::open(path, flags | O_CLOEXEC);
    return fd < 0 ? -errno : fd;
}
void close_device(int fd, void*) {
    ::close(fd);
}
constexpr libinput_interface kInterface{open_device, close_device};

void print_pointer(libinput_event_type type, libinput_event_pointer* event) {
    switch (type) {
        case LIBINPUT_EVENT_POINTER_MOTION:
            std::printf("moved by %.0f %.0f\n", libinput_event_pointer_get_dx_unaccelerated(event),
                        libinput_event_pointer_get_dy_unaccelerated(event));
            break;
        case LIBINPUT_EVENT_POINTER_MOTION_ABSOLUTE:
            std::printf(
                "pointer at %d %d\n",
                static_cast<int>(libinput_event_pointer_get_absolute_x_transformed(event, kWide)),
                static_cast<int>(libinput_event_pointer_get_absolute_y_transformed(event, kHigh)));
            break;
        case LIBINPUT_EVENT_POINTER_BUTTON:
            std::printf("button %u %d\n", libinput_event_pointer_get_button(event),
                        libinput_event_pointer_get_button_state(event));
            break;
        case LIBINPUT_EVENT_POINTER_SCROLL_WHEEL:
            std::printf("scrolled %.0f\n", libinput_event_pointer_get_scroll_value_v120(
                                               event, LIBINPUT_POINTER_AXIS_SCROLL_VERTICAL));
            break;
        default:
            break;
    }
}

void print_touch(libinput_event_type type, libinput_event_touch* event) {
    if (type == LIBINPUT_EVENT_TOUCH_FRAME || type == LIBINPUT_EVENT_TOUCH_CANCEL) return;
    const int slot = libinput_event_touch_get_slot(event);
    if (type == LIBINPUT_EVENT_TOUCH_UP) {
        std::printf("finger %d up\n", slot);
        return;
    }
    std::printf("finger %d %s %d %d\n", slot, type == LIBINPUT_EVENT_TOUCH_DOWN ? "down" : "moved",
                static_cast<int>(libinput_event_touch_get_x_transformed(event, kWide)),
                static_cast<int>(libinput_event_touch_get_y_transformed(event, kHigh)));
}

void print(libinput_event* event) {
    const auto type = libinput_event_get_type(event);
    libinput_device* device = libinput_event_get_device(event);
    const auto has = [device](libinput_device_capability what) {
        return libinput_device_has_capability(device, what) != 0;
    };
    switch (type) {
        case LIBINPUT_EVENT_DEVICE_ADDED:
            std::printf("added %s:%s%s%s\n", libinput_device_get_name(device),
                        has(LIBINPUT_DEVICE_CAP_KEYBOARD) ? " keyboard" : "",
                        has(LIBINPUT_DEVICE_CAP_POINTER) ? " pointer" : "",
                        has(LIBINPUT_DEVICE_CAP_TOUCH) ? " touch" : "");
            break;
        case LIBINPUT_EVENT_KEYBOARD_KEY: {
            libinput_event_keyboard* key = libinput_event_get_keyboard_event(event);
            std::printf("key %u %d\n", libinput_event_keyboard_get_key(key),
                        libinput_event_keyboard_get_key_state(key));
            break;
        }
        case LIBINPUT_EVENT_POINTER_MOTION:
        case LIBINPUT_EVENT_POINTER_MOTION_ABSOLUTE:
        case LIBINPUT_EVENT_POINTER_BUTTON:
        case LIBINPUT_EVENT_POINTER_SCROLL_WHEEL:
            print_pointer(type, libinput_event_get_pointer_event(event));
            break;
        case LIBINPUT_EVENT_TOUCH_DOWN:
        case LIBINPUT_EVENT_TOUCH_UP:
        case LIBINPUT_EVENT_TOUCH_MOTION:
            print_touch(type, libinput_event_get_touch_event(event));
            break;
        default:
            break;
    }
}

}  // namespace

int main() {
    struct sigaction action {};
    action.sa_handler = [](int) { end_wanted = 1; };
    ::sigaction(SIGTERM, &action, nullptr);
    udev* devices = udev_new();
    libinput* input =
        devices ? libinput_udev_create_context(&kInterface, nullptr, devices) : nullptr;
    if (!input || libinput_udev_assign_seat(input, "seat0") != 0) {
        std::fprintf(stderr, "libinput does not start\n");
        return 1;
    }
    while (!end_wanted) {
        libinput_dispatch(input);
        while (libinput_event* event = libinput_get_event(input)) {
            print(event);
            libinput_event_destroy(event);
        }
        std::fflush(stdout);
        pollfd poll_fd{libinput_get_fd(input), POLLIN, 0};
        ::poll(&poll_fd, 1, 200);
    }
    libinput_unref(input);
    udev_unref(devices);
    return 0;
}
