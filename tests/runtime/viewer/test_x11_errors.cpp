// SPDX-License-Identifier: MIT
// Of Xlib alone, whose macros get on badly with everything else.
#include <gtest/gtest.h>

#include "runtime/viewer/x11_errors.hpp"
#include "tests/runtime/viewer/harness.hpp"

#include <X11/Xlib.h>  // last

namespace vdmabuf::viewer {
namespace {

// Xlib's own answer to an error is the end of the program.
TEST(X11Errors, EndNothing) {
    test::Scene scene;
    if (!scene.start_display()) GTEST_SKIP() << "no Xvfb";
    Display* display = XOpenDisplay(nullptr);
    ASSERT_NE(display, nullptr);
    survive_x11_errors();
    const XID gone = XCreateSimpleWindow(display, DefaultRootWindow(display), 0, 0, 9, 9, 0, 0, 0);
    XDestroyWindow(display, gone);
    XEvent message{};
    message.xclient.type = ClientMessage;
    message.xclient.format = 32;
    EXPECT_NE(XSendEvent(display, gone, False, NoEventMask, &message), 0);
    XMapWindow(display, gone);
    XSync(display, False);
    XCloseDisplay(display);
}

}  // namespace
}  // namespace vdmabuf::viewer
