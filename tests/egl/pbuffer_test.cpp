// SPDX-License-Identifier: MIT
// Programs that swap pbuffers of displays without a window system: SDL's "offscreen" driver.
#include <cstdlib>

#include "tests/egl/gl_app.hpp"

namespace vdmabuf::test {
namespace {

// libglvnd 1.6 gives a device that two vendors list to the second one: this library must be alone.
void be_the_only_vendor() {
    ::setenv("__EGL_VENDOR_LIBRARY_DIRS", VDMABUF_TEST_MANIFESTS "/glvnd/egl_vendor.d", 1);
}

// A pbuffer, current.
struct PbufferApp {
    explicit PbufferApp(EGLenum platform) {
        void* native = nullptr;
        if (platform == EGL_PLATFORM_DEVICE_EXT) {
            const auto query = reinterpret_cast<PFNEGLQUERYDEVICESEXTPROC>(
                eglGetProcAddress("eglQueryDevicesEXT"));
            EGLint count = 0;
            EXPECT_TRUE(query && query(1, &native, &count) && count == 1);
        }
        display = eglGetPlatformDisplay(platform, native, nullptr);
        EXPECT_TRUE(eglInitialize(display, nullptr, nullptr));
        config = choose_config(display, EGL_PBUFFER_BIT);
        eglBindAPI(EGL_OPENGL_ES_API);
        const EGLint version[] = {EGL_CONTEXT_CLIENT_VERSION, 3, EGL_NONE};
        context = eglCreateContext(display, config, EGL_NO_CONTEXT, version);
        surface = make();
        EXPECT_TRUE(current(surface));
    }
    EGLSurface make() const {
        const EGLint size[] = {EGL_WIDTH, kEglWidth, EGL_HEIGHT, kEglHeight, EGL_NONE};
        const EGLSurface made = eglCreatePbufferSurface(display, config, size);
        EXPECT_NE(made, EGL_NO_SURFACE);
        return made;
    }
    bool current(EGLSurface which) const { return eglMakeCurrent(display, which, which, context); }
    bool show(EGLSurface which, std::uint32_t seed) const {
        draw_quarters(kEglWidth, kEglHeight, seed);
        return eglSwapBuffers(display, which);
    }

    EGLDisplay display = EGL_NO_DISPLAY;
    EGLConfig config = nullptr;
    EGLContext context = EGL_NO_CONTEXT;
    EGLSurface surface = EGL_NO_SURFACE;
};

void expect_shown(HostWindow& host, const PbufferApp& app) {
    draw_quarters(kEglWidth, kEglHeight, 1);
    glFinish();
    EXPECT_TRUE(host.wait_streams(0));  // who does not swap is not shown
    ASSERT_TRUE(eglSwapInterval(app.display, 0));
    for (std::uint32_t seed = 2; seed < 6; ++seed) {
        ASSERT_TRUE(app.show(app.surface, seed));
        const auto frame =
            host.wait_frame([&](const SeenFrame& seen) { return has_quarters(seen, seed); });
        ASSERT_TRUE(frame) << seed;
        EXPECT_EQ(frame->message.mode, static_cast<std::uint32_t>(stream::PresentMode::immediate));
    }
    // It is the vendor's pbuffer by all else.
    EGLint value = -1;
    EXPECT_TRUE(eglQuerySurface(app.display, app.surface, EGL_LARGEST_PBUFFER, &value));
    EXPECT_EQ(value, EGL_FALSE);
    EXPECT_TRUE(eglQuerySurface(app.display, app.surface, EGL_WIDTH, &value));
    EXPECT_EQ(value, kEglWidth);
}

TEST_F(EglBrokerTest, ASwappedPbufferOfADeviceIsAWindow) {
    be_the_only_vendor();
    const PbufferApp app(EGL_PLATFORM_DEVICE_EXT);
    ASSERT_NO_FATAL_FAILURE(expect_shown(host(), app));
    // Another one beside it, and back: it stays what it is.
    const EGLSurface other = app.make();
    ASSERT_TRUE(app.current(other));
    ASSERT_TRUE(app.show(other, 7));
    expect_quarters(7);
    EXPECT_TRUE(host().wait_streams(2));
    ASSERT_TRUE(app.current(app.surface));
    ASSERT_TRUE(app.show(app.surface, 8));
    expect_quarters(8);
    // Current, it lives until it is not; its window ends now.
    EXPECT_TRUE(eglDestroySurface(app.display, app.surface));
    EXPECT_TRUE(host().wait_streams(1));
    EXPECT_FALSE(eglSwapBuffers(app.display, app.surface));
    EXPECT_EQ(eglGetError(), EGL_BAD_SURFACE);
    ASSERT_TRUE(app.current(other));
    ASSERT_TRUE(app.show(other, 9));
    expect_quarters(9);
    EXPECT_TRUE(eglTerminate(app.display));
    EXPECT_TRUE(host().wait_streams(0));
}

TEST_F(EglBrokerTest, ASwappedPbufferOfASurfacelessDisplayIsAWindow) {
    const PbufferApp app(EGL_PLATFORM_SURFACELESS_MESA);
    ASSERT_NO_FATAL_FAILURE(expect_shown(host(), app));
    EXPECT_TRUE(eglTerminate(app.display));
    EXPECT_TRUE(host().wait_streams(0));
}

// Beside windows, pbuffers are what they are for EGL.
TEST_F(EglWindowTest, PbuffersOfDisplaysWithWindowsAreNotShown) {
    const EGLint size[] = {EGL_WIDTH, kEglWidth, EGL_HEIGHT, kEglHeight, EGL_NONE};
    const EGLSurface pbuffer = eglCreatePbufferSurface(app->display, app->config, size);
    ASSERT_NE(pbuffer, EGL_NO_SURFACE);
    ASSERT_TRUE(app->current(pbuffer));
    draw_quarters(kEglWidth, kEglHeight, 1);
    EXPECT_TRUE(eglSwapBuffers(app->display, pbuffer));
    ASSERT_TRUE(app->current(surface));
    ASSERT_TRUE(show(2));
    expect_quarters(2);
    EXPECT_TRUE(host().wait_streams(1));
}

// Alone, with no host and no other vendor to be asked next: the real one serves.
TEST_F(EglVendorTest, WithoutAHostTheVendorServesX11ThoughItIsNotListed) {
    be_the_only_vendor();
    broker.kill();
    KnownWindow window(x.display(), kEglWidth, kEglHeight);
    const GlApp app(EGL_PLATFORM_XCB_EXT, window.connection());
    const EGLSurface surface = app.window(window.id());
    ASSERT_NE(surface, EGL_NO_SURFACE);
    ASSERT_TRUE(app.current(surface));
    EXPECT_TRUE(app.show(surface, 1));
}

// Without a host nothing differs.
TEST_F(EglBrokerTest, WithoutAHostSwappingAPbufferDoesNothing) {
    be_the_only_vendor();
    broker.kill();
    const PbufferApp app(EGL_PLATFORM_DEVICE_EXT);
    EXPECT_TRUE(app.show(app.surface, 1));
    EXPECT_EQ(eglGetError(), EGL_SUCCESS);
    EXPECT_TRUE(app.show(app.surface, 2));
}

}  // namespace
}  // namespace vdmabuf::test
