// SPDX-License-Identifier: MIT
// When the library does not serve, the vendor presents as ever.
#include <chrono>
#include <thread>
#include <vector>

#include "tests/egl/gl_app.hpp"

namespace vdmabuf::test {
namespace {

class EglStepAsideTest : public EglVendorTest {
  protected:
    // The app's window shows what it drew.
    void expect_native() {
        KnownWindow window(x.display(), kEglWidth, kEglHeight);
        ::setenv("DISPLAY", x.display().c_str(), 1);
        GlApp app(EGL_PLATFORM_X11_KHR, nullptr);
        const EGLSurface surface = app.window(window.id());
        ASSERT_NE(surface, EGL_NO_SURFACE);
        ASSERT_TRUE(app.current(surface));
        std::vector<std::uint32_t> pixels;
        for (int i = 0; i < 100; ++i) {  // the server may clear a window that was just mapped
            draw_quarters(kEglWidth, kEglHeight, 0);
            ASSERT_TRUE(eglSwapBuffers(app.display, surface));
            pixels = window.pixels(kEglWidth, kEglHeight);
            ASSERT_EQ(pixels.size(), std::size_t{kEglWidth} * kEglHeight);
            if (pixels.front() & 0xFFFFFF) break;
            std::this_thread::sleep_for(std::chrono::milliseconds(20));
        }
        EXPECT_EQ(pixels.front() & 0xFFFFFF, 0x0000FFu);  // upper left
        EXPECT_EQ(pixels.back() & 0xFFFFFF, 0x00FF00u);   // lower right
        EXPECT_EQ(host().frame_count(), 0u);
    }
};

TEST_F(EglStepAsideTest, NotEnabled) {
    set_egl_environment(false, broker.producer_socket());
    expect_native();
}

TEST_F(EglStepAsideTest, Disabled) {
    ::setenv("DISABLE_VDMABUF", "1", 1);
    expect_native();
}

TEST_F(EglStepAsideTest, LeftToZink) {
    ::setenv("VDMABUF_GL", "zink", 1);
    expect_native();
}

TEST_F(EglStepAsideTest, NoHost) {
    set_egl_environment(true, "/nowhere/producer.sock");
    expect_native();
}

TEST_F(EglStepAsideTest, TheVendorIsNamed) {
    ::setenv("VDMABUF_EGL_VENDOR", "libEGL_nowhere.so.0", 1);
    expect_native();
}

TEST_F(EglVendorTest, ServesWithTheVendorNamed) {
    ::setenv("VDMABUF_EGL_VENDOR", "libEGL_mesa.so.0", 1);
    ::setenv("__EGL_VENDOR_LIBRARY_DIRS", VDMABUF_TEST_MANIFESTS "/glvnd/egl_vendor.d", 1);
    KnownWindow window(x.display(), kEglWidth, kEglHeight);
    GlApp app(EGL_PLATFORM_XCB_EXT, window.connection());
    const EGLSurface surface = app.window(window.id());
    ASSERT_TRUE(app.current(surface));
    host();
    draw_quarters(kEglWidth, kEglHeight, 8);
    ASSERT_TRUE(eglSwapBuffers(app.display, surface));
    expect_quarters(8);
}

// A display without windows, made first, must not keep windows from us: it is the same one below.
TEST_F(EglVendorTest, ServesAfterASurfacelessDisplay) {
    EGLDisplay surfaceless = eglGetPlatformDisplay(EGL_PLATFORM_SURFACELESS_MESA, nullptr, nullptr);
    ASSERT_NE(surfaceless, EGL_NO_DISPLAY);
    ASSERT_TRUE(eglInitialize(surfaceless, nullptr, nullptr));
    KnownWindow window(x.display(), kEglWidth, kEglHeight);
    GlApp app(EGL_PLATFORM_XCB_EXT, window.connection());
    const EGLSurface surface = app.window(window.id());
    ASSERT_TRUE(app.current(surface));
    host();
    draw_quarters(kEglWidth, kEglHeight, 8);
    ASSERT_TRUE(eglSwapBuffers(app.display, surface));
    expect_quarters(8);
}

}  // namespace
}  // namespace vdmabuf::test
