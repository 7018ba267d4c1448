// SPDX-License-Identifier: MIT
// Wayland windows under a real compositor.
#include <wayland-egl.h>

#include <chrono>
#include <thread>

#include "tests/egl/gl_app.hpp"
#include "tests/layer/support/wayland_server.hpp"

namespace vdmabuf::test {
namespace {

TEST_F(EglVendorTest, WaylandWindowIsMappedAndFollowsItsSize) {
    WaylandServer server;
    ASSERT_TRUE(server.running()) << "weston does not start";
    WaylandWindow window(server.socket());
    ASSERT_TRUE(window.configured());
    wl_egl_window* native = wl_egl_window_create(window.surface(), kEglWidth, kEglHeight);
    {
        GlApp app(EGL_PLATFORM_WAYLAND_KHR, window.display());
        const EGLSurface surface =
            eglCreatePlatformWindowSurface(app.display, app.config, native, nullptr);
        ASSERT_NE(surface, EGL_NO_SURFACE);
        ASSERT_TRUE(app.current(surface));
        host();
        const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(10);
        while (window.frames_called() < 10 && std::chrono::steady_clock::now() < deadline) {
            window.ask_frame();
            draw_quarters(kEglWidth, kEglHeight, 1);
            ASSERT_TRUE(eglSwapBuffers(app.display, surface));
            window.dispatch();
        }
        EXPECT_GE(window.frames_called(), 10u);
        EXPECT_TRUE(window.on_an_output());
        expect_quarters(1);

        wl_egl_window_resize(native, 70, 50, 0, 0);
        EXPECT_EQ(app.query(surface, EGL_WIDTH), 70);  // the next frame has the size already
        draw_quarters(70, 50, 2);
        ASSERT_TRUE(eglSwapBuffers(app.display, surface));
        const auto frame = expect_quarters(2);
        EXPECT_TRUE(frame && frame->image.width == 70 && frame->image.height == 50);
        int width = 0;
        int height = 0;
        wl_egl_window_get_attached_size(native, &width, &height);
        EXPECT_EQ(width, 70);

        // In the wrong order, as some apps do.
        wl_egl_window_destroy(native);
        EXPECT_FALSE(eglSwapBuffers(app.display, surface));
        EXPECT_TRUE(eglDestroySurface(app.display, surface));
    }
    EXPECT_EQ(window.error(), 0);
}

}  // namespace
}  // namespace vdmabuf::test
