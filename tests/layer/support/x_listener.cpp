// SPDX-License-Identifier: MIT
#include "tests/layer/support/x_listener.hpp"

#include <gtest/gtest.h>

#include <chrono>
#include <cstdlib>
#include <thread>

namespace vdmabuf::test {
namespace {

std::string name_of(const xcb_generic_event_t& event) {
    const auto& press = reinterpret_cast<const xcb_button_press_event_t&>(event);
    const std::string at =
        " " + std::to_string(press.event_x) + "," + std::to_string(press.event_y);
    switch (event.response_type & 0x7f) {
        case XCB_KEY_PRESS:
            return "key " + std::to_string(press.detail);
        case XCB_KEY_RELEASE:
            return "no key " + std::to_string(press.detail);
        case XCB_BUTTON_PRESS:
            return "button " + std::to_string(press.detail) + at;
        case XCB_BUTTON_RELEASE:
            return "no button " + std::to_string(press.detail) + at;
        case XCB_MOTION_NOTIFY:
            return "motion" + at;
        default:
            return {};
    }
}

}  // namespace

XListener::XListener(const XWindow& window) : window_(window) {
    xcb_change_window_attributes(window.connection(), window.id(), XCB_CW_EVENT_MASK,
                                 &kHeardEvents);
    // The server has heard it when it answers.
    std::free(xcb_get_input_focus_reply(window.connection(),
                                        xcb_get_input_focus(window.connection()), nullptr));
}

std::string XListener::hears_until(const std::string& last) {
    std::string all;
    for (int i = 0; i < 500; ++i) {
        while (xcb_generic_event_t* event = xcb_poll_for_event(window_.connection())) {
            const std::string one = name_of(*event);
            std::free(event);
            if (one.empty()) continue;
            all += (all.empty() ? "" : ", ") + one;
            if (one == last) return all;
        }
        std::this_thread::sleep_for(std::chrono::milliseconds(10));
    }
    return all + " (and not " + last + ")";
}

bool XListener::hears_nothing() {
    std::this_thread::sleep_for(std::chrono::milliseconds(200));
    std::string all;
    while (xcb_generic_event_t* event = xcb_poll_for_event(window_.connection())) {
        all += name_of(*event);
        std::free(event);
    }
    EXPECT_EQ(all, "");
    return all.empty();
}

}  // namespace vdmabuf::test
