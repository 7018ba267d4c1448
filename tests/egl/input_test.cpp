// SPDX-License-Identifier: MIT
// What the user does on the host, as an EGL app's X11 window hears it. How it is injected is the
// layer's tests' matter: the code is the same (runtime/window).
#include <linux/input-event-codes.h>

#include "tests/egl/gl_app.hpp"
#include "tests/layer/support/x_listener.hpp"

namespace vdmabuf::test {
namespace {

using input::Kind;
using input::make_event;

const input::Event kFocus = make_event(Kind::focus, 0, 1);

input::Event motion(int x, int y) {
    return make_event(Kind::motion, 0, 0, x * 256 + 128, y * 256 + 128);
}

// The window is shown under a title that the host knows it by.
class EglInputTest : public EglWindowTest {
  protected:
    void SetUp() override {
        EglWindowTest::SetUp();
        if (HasFatalFailure()) return;
        window->set_title("heard");
        ASSERT_TRUE(host().wait_title("heard"));
        ASSERT_TRUE(show(1));
    }
    void say(std::vector<input::Event> events, std::uint32_t width = kEglWidth,
             std::uint32_t height = kEglHeight) {
        host().input("heard", std::move(events), width, height);
    }
};

TEST_F(EglInputTest, KeysAndPointerArriveAsTheyWere) {
    XListener listener(*window);
    say({kFocus, make_event(Kind::key, KEY_A, 1), make_event(Kind::key, KEY_A, 0), motion(10, 20),
         make_event(Kind::button, BTN_LEFT, 1), motion(30, 40),
         make_event(Kind::button, BTN_LEFT, 0), make_event(Kind::wheel, 0, 0, 0, -120)});
    EXPECT_EQ(listener.hears_until("no button 5 30,40"),
              "key 38, no key 38, motion 10,20, button 1 10,20, motion 30,40, no button 1 30,40, "
              "button 5 30,40, no button 5 30,40");
    // The host shows it at twice its size.
    say({motion(2 * kEglWidth - 1, 2 * kEglHeight - 1)}, 2 * kEglWidth, 2 * kEglHeight);
    EXPECT_EQ(listener.hears_until("motion 99,60"), "motion 99,60");
}

TEST_F(EglInputTest, WhatIsPressedIsReleasedWhenTheSurfaceGoes) {
    XListener listener(*window);
    say({kFocus, make_event(Kind::key, KEY_A, 1)});
    EXPECT_EQ(listener.hears_until("key 38"), "key 38");
    ASSERT_TRUE(app->not_current());
    ASSERT_TRUE(eglDestroySurface(app->display, surface));
    EXPECT_EQ(listener.hears_until("no key 38"), "no key 38");
}

}  // namespace
}  // namespace vdmabuf::test
