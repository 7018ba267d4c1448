// SPDX-License-Identifier: MIT
// What the host sees of an X11 window.
#include <chrono>
#include <thread>

#include "runtime/common/stream_messages.hpp"
#include "tests/egl/gl_app.hpp"

namespace vdmabuf::test {
namespace {

TEST_F(EglWindowTest, PictureArrivesUprightAndItsBytesAreCounted) {
    host();
    ASSERT_TRUE(show(1));
    const auto frame = expect_quarters(1);
    ASSERT_TRUE(frame);
    EXPECT_EQ(frame->image.width, kEglWidth);
    EXPECT_EQ(frame->image.height, kEglHeight);
    const stream::Strategy strategy = expected_strategy();
    EXPECT_EQ(frame->message.cpu_copied_bytes,
              strategy == stream::Strategy::cpu_copy ? 4u * kEglWidth * kEglHeight : 0u);
    EXPECT_EQ(frame->image.strategy, static_cast<std::uint32_t>(strategy));
}

TEST_F(EglWindowTest, ManyFramesArriveWhole) {
    host();
    for (std::uint32_t i = 0; i < 20; ++i) {
        ASSERT_TRUE(show(i));
        expect_quarters(i);
    }
}

TEST_F(EglVendorTest, OpenGlEs2AndXlibHandlesWork) {
    ::setenv("DISPLAY", x.display().c_str(), 1);
    KnownWindow window(x.display(), kEglWidth, kEglHeight);
    GlApp app(EGL_PLATFORM_X11_KHR, nullptr, 2);  // the default display
    // Window of Xlib is a long.
    unsigned long id = window.id();
    (void)window.pixels(1,
                        1);  // the app's connection is not known: the server must know the window
    const EGLSurface surface =
        eglCreatePlatformWindowSurface(app.display, app.config, &id, nullptr);
    ASSERT_NE(surface, EGL_NO_SURFACE);
    ASSERT_TRUE(app.current(surface));
    host();
    draw_quarters(kEglWidth, kEglHeight, 3);
    ASSERT_TRUE(eglSwapBuffers(app.display, surface));
    expect_quarters(3);
}

TEST_F(EglWindowTest, DesktopGlOfEveryProfileIsShown) {
    ASSERT_TRUE(app->not_current());
    ASSERT_TRUE(eglBindAPI(EGL_OPENGL_API));
    host();
    std::uint32_t seed = 20;
    for (const EGLint profile :
         {EGL_CONTEXT_OPENGL_CORE_PROFILE_BIT, EGL_CONTEXT_OPENGL_COMPATIBILITY_PROFILE_BIT}) {
        const EGLint attributes[] = {EGL_CONTEXT_MAJOR_VERSION,
                                     3,
                                     EGL_CONTEXT_MINOR_VERSION,
                                     3,
                                     EGL_CONTEXT_OPENGL_PROFILE_MASK,
                                     profile,
                                     EGL_NONE};
        EGLContext context =
            eglCreateContext(app->display, app->config, EGL_NO_CONTEXT, attributes);
        ASSERT_NE(context, EGL_NO_CONTEXT);
        ASSERT_TRUE(eglMakeCurrent(app->display, surface, surface, context));
        ASSERT_TRUE(show(++seed));
        EXPECT_EQ(glGetError(), GLenum{GL_NO_ERROR}) << profile;
        expect_quarters(seed);
        ASSERT_TRUE(app->not_current());
        EXPECT_TRUE(eglDestroyContext(app->display, context));
    }
    ASSERT_TRUE(eglBindAPI(EGL_OPENGL_ES_API));
}

TEST_F(EglWindowTest, StateOfTheAppStays) {
    GLuint framebuffer = 0;
    GLuint texture = 0;
    GLuint buffer = 0;
    glGenFramebuffers(1, &framebuffer);
    glGenTextures(1, &texture);
    glGenBuffers(1, &buffer);
    glBindTexture(GL_TEXTURE_2D, texture);
    glTexStorage2D(GL_TEXTURE_2D, 1, GL_RGBA8, 16, 16);
    draw_quarters(kEglWidth, kEglHeight, 5);
    glReadBuffer(GL_NONE);  // of framebuffer 0
    glBindFramebuffer(GL_FRAMEBUFFER, framebuffer);
    glFramebufferTexture2D(GL_FRAMEBUFFER, GL_COLOR_ATTACHMENT0, GL_TEXTURE_2D, texture, 0);
    glReadBuffer(GL_COLOR_ATTACHMENT0);
    glBindBuffer(GL_PIXEL_PACK_BUFFER, buffer);
    glBufferData(GL_PIXEL_PACK_BUFFER, 16, nullptr, GL_STREAM_READ);
    glPixelStorei(GL_PACK_ALIGNMENT, 8);
    glPixelStorei(GL_PACK_ROW_LENGTH, 1234);
    glPixelStorei(GL_PACK_SKIP_ROWS, 3);
    glPixelStorei(GL_PACK_SKIP_PIXELS, 5);
    ASSERT_EQ(glGetError(), GLenum{GL_NO_ERROR});
    host();
    ASSERT_TRUE(eglSwapBuffers(app->display, surface));
    EXPECT_EQ(glGetError(), GLenum{GL_NO_ERROR});
    const auto get = [](GLenum name) {
        GLint value = -1;
        glGetIntegerv(name, &value);
        return value;
    };
    EXPECT_EQ(get(GL_DRAW_FRAMEBUFFER_BINDING), static_cast<GLint>(framebuffer));
    EXPECT_EQ(get(GL_READ_FRAMEBUFFER_BINDING), static_cast<GLint>(framebuffer));
    EXPECT_EQ(get(GL_READ_BUFFER), GL_COLOR_ATTACHMENT0);
    EXPECT_EQ(get(GL_PIXEL_PACK_BUFFER_BINDING), static_cast<GLint>(buffer));
    EXPECT_EQ(get(GL_PACK_ALIGNMENT), 8);
    EXPECT_EQ(get(GL_PACK_ROW_LENGTH), 1234);
    EXPECT_EQ(get(GL_PACK_SKIP_ROWS), 3);
    EXPECT_EQ(get(GL_PACK_SKIP_PIXELS), 5);
    glBindFramebuffer(GL_FRAMEBUFFER, 0);
    EXPECT_EQ(get(GL_READ_BUFFER), GL_NONE);
    expect_quarters(5);
}

TEST_F(EglWindowTest, PictureIsOfTheDrawSurface) {
    KnownWindow other(x.display(), 40, 40);
    const EGLSurface read = app->window(other.id());
    ASSERT_NE(read, EGL_NO_SURFACE);
    ASSERT_TRUE(eglMakeCurrent(app->display, surface, read, app->context));
    host();
    ASSERT_TRUE(show(7));
    const auto frame = expect_quarters(7);
    EXPECT_TRUE(frame && frame->image.width == kEglWidth);
    // And the app still reads from the other one.
    EXPECT_EQ(eglGetCurrentSurface(EGL_READ), read);
}

TEST_F(EglWindowTest, FollowsTheWindowsSize) {
    host();
    ASSERT_TRUE(show(1));
    window->resize(150, 90);
    bool followed = false;
    for (std::uint32_t i = 0; i < 200 && !followed; ++i) {
        ASSERT_TRUE(show(2));
        followed = app->query(surface, EGL_WIDTH) == 150 && app->query(surface, EGL_HEIGHT) == 90;
        std::this_thread::sleep_for(std::chrono::milliseconds(5));
    }
    ASSERT_TRUE(followed);
    EXPECT_EQ(app->query(surface, EGL_BUFFER_AGE_EXT), 0);
    ASSERT_TRUE(show(9));
    const auto frame = expect_quarters(9);
    ASSERT_TRUE(frame);
    EXPECT_EQ(frame->image.width, 150u);
    EXPECT_EQ(frame->image.height, 90u);
}

TEST_F(EglWindowTest, TitleFollows) {
    host();
    ASSERT_TRUE(show(1));
    window->set_title("a title of EGL");
    EXPECT_TRUE(host().wait_title("a title of EGL"));
}

}  // namespace
}  // namespace vdmabuf::test
