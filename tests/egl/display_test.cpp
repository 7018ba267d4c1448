// SPDX-License-Identifier: MIT
// Displays: several at once, and those without a window system.
#include <vdmabuf/egl.h>

#include <cstring>
#include <vector>

#include "tests/egl/gl_app.hpp"

namespace vdmabuf::test {
namespace {

TEST_F(EglHostTest, PictureArrivesUpright) {
    host();
    ASSERT_TRUE(show(3));
    const auto frame = expect_quarters(3);
    ASSERT_TRUE(frame);
    EXPECT_EQ(frame->image.width, kEglWidth);
    EXPECT_EQ(frame->image.height, kEglHeight);
}

TEST_F(EglHostTest, ConfigurationsAreForWindowsWithoutAVisual) {
    const EGLint wanted[] = {EGL_SURFACE_TYPE, EGL_WINDOW_BIT, EGL_NONE};
    EGLConfig configs[256];
    EGLint count = 0;
    ASSERT_TRUE(eglChooseConfig(app->display, wanted, configs, 256, &count));
    ASSERT_GT(count, 0);
    for (EGLint i = 0; i < count; ++i) {
        EGLint value = -1;
        EXPECT_TRUE(eglGetConfigAttrib(app->display, configs[i], EGL_NATIVE_VISUAL_ID, &value));
        EXPECT_EQ(value, 0);
        const EGLSurface made = eglCreateWindowSurface(app->display, configs[i], 0, nullptr);
        EXPECT_NE(made, EGL_NO_SURFACE) << std::hex << eglGetError();
        EXPECT_TRUE(eglDestroySurface(app->display, made));
    }
}

// There is nothing that a second window could be mistaken for.
TEST_F(EglHostTest, AnyNumberOfWindows) {
    host();
    std::vector<EGLSurface> windows;
    for (std::uint32_t i = 0; i < 5; ++i) {
        windows.push_back(app->window(0));
        ASSERT_NE(windows.back(), EGL_NO_SURFACE);
    }
    EXPECT_TRUE(host().wait_streams(6));
    ASSERT_TRUE(app->current(windows[4]));
    ASSERT_TRUE(app->show(windows[4], 9));
    expect_quarters(9);
    ASSERT_TRUE(app->not_current());
    for (EGLSurface window : windows) EXPECT_TRUE(eglDestroySurface(app->display, window));
    EXPECT_TRUE(host().wait_streams(1));
}

TEST_F(EglBrokerTest, TheDefaultDisplayNeedsNoWindowSystem) {
    ::setenv("VDMABUF_DISPLAY", "320x200@75", 1);
    const EGLDisplay display = eglGetDisplay(EGL_DEFAULT_DISPLAY);
    EXPECT_EQ(display, eglGetPlatformDisplay(EGL_PLATFORM_HOST_VDMABUF, nullptr, nullptr));
    GlApp app(EGL_PLATFORM_HOST_VDMABUF, nullptr);
    const EGLSurface surface = app.window(0);
    ASSERT_TRUE(app.current(surface));
    EXPECT_EQ(app.query(surface, EGL_WIDTH), 320);
    EXPECT_EQ(app.query(surface, EGL_HEIGHT), 200);
    host();
    ASSERT_TRUE(app.show(surface, 5));
    expect_quarters(5);
}

// A display of a device is the vendor's own, whoever asks first, and may be the one below ours.
TEST_F(EglVendorTest, SeveralWindowSystemsInOneProgram) {
    const auto query_devices =
        reinterpret_cast<PFNEGLQUERYDEVICESEXTPROC>(eglGetProcAddress("eglQueryDevicesEXT"));
    EGLDeviceEXT device = nullptr;
    EGLint devices = 0;
    ASSERT_TRUE(query_devices && query_devices(1, &device, &devices) && devices == 1);
    EXPECT_NE(eglGetPlatformDisplay(EGL_PLATFORM_DEVICE_EXT, device, nullptr), EGL_NO_DISPLAY);
    XServer second_server;
    ASSERT_TRUE(second_server.running());
    KnownWindow first(x.display(), kEglWidth, kEglHeight);
    KnownWindow second(second_server.display(), kEglWidth, kEglHeight);
    GlApp one(EGL_PLATFORM_XCB_EXT, first.connection());
    GlApp two(EGL_PLATFORM_XCB_EXT, second.connection());
    GlApp three(EGL_PLATFORM_HOST_VDMABUF, nullptr);
    EXPECT_NE(one.display, two.display);
    EXPECT_NE(one.display, three.display);
    EXPECT_NE(two.display, three.display);
    // The same server once more, on another connection: what the vendor has left, or shared.
    KnownWindow again(x.display(), 10, 10);
    EXPECT_NE(eglGetPlatformDisplay(EGL_PLATFORM_XCB_EXT, again.connection(), nullptr),
              EGL_NO_DISPLAY);
    EXPECT_EQ(eglGetPlatformDisplay(EGL_PLATFORM_XCB_EXT, first.connection(), nullptr),
              one.display);
    host();
    const auto show = [&](GlApp& app, EGLNativeWindowType id, std::uint32_t seed) {
        const EGLSurface surface = app.window(id);
        ASSERT_NE(surface, EGL_NO_SURFACE);
        ASSERT_TRUE(app.current(surface));
        ASSERT_TRUE(app.show(surface, seed));
        expect_quarters(seed);
    };
    show(one, first.id(), 1);
    show(two, second.id(), 2);
    show(three, 0, 3);
    ASSERT_TRUE(three.not_current());
    EXPECT_TRUE(eglTerminate(two.display));
    EXPECT_TRUE(host().wait_streams(2));  // the others go on
    EXPECT_TRUE(eglInitialize(two.display, nullptr, nullptr));
}

}  // namespace
}  // namespace vdmabuf::test
