// SPDX-License-Identifier: MIT
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <chrono>
#include <thread>

#include "tests/egl/gl_app.hpp"

namespace vdmabuf::test {
namespace {

TEST_F(EglWindowTest, ADestroyedSurfaceLeavesTheHostAndStaysCurrent) {
    host();
    ASSERT_TRUE(show(1));
    ASSERT_TRUE(host().wait_streams(1));
    for (std::uint32_t i = 0; i < 3; ++i) ASSERT_TRUE(show(i));  // frames are under way
    ASSERT_TRUE(eglDestroySurface(app->display, surface));
    EXPECT_TRUE(host().wait_streams(0));
    glClear(GL_COLOR_BUFFER_BIT);  // into what is still current
    EXPECT_EQ(glGetError(), GLenum{GL_NO_ERROR});
    EXPECT_FALSE(eglSwapBuffers(app->display, surface));
    EXPECT_TRUE(app->not_current());
}

// EGL 1.5, 3.5.5: what is current in another thread stays until it is not.
TEST_F(EglWindowTest, ASurfaceIsDestroyedWhileAnotherThreadShowsIt) {
    host();
    ASSERT_TRUE(app->not_current());
    for (int i = 0; i < 50; ++i) {
        KnownWindow other(x.display(), kEglWidth, kEglHeight);
        const EGLSurface made = app->window(other.id());
        ASSERT_NE(made, EGL_NO_SURFACE) << i;
        std::atomic<int> shown{0};
        std::thread shows([&] {
            ASSERT_TRUE(app->current(made));
            ASSERT_TRUE(eglSwapInterval(app->display, 0));
            while (eglSwapBuffers(app->display, made)) ++shown;
            EXPECT_TRUE(app->not_current());
        });
        while (shown < 3) std::this_thread::yield();
        std::this_thread::sleep_for(std::chrono::microseconds(i * 37));
        EXPECT_TRUE(eglDestroySurface(app->display, made));
        shows.join();
    }
    EXPECT_TRUE(host().wait_streams(1));
}

TEST_F(EglWindowTest, TerminateEndsWindowsAndAnotherStartWorks) {
    host();
    ASSERT_TRUE(show(1));
    ASSERT_TRUE(host().wait_streams(1));
    ASSERT_TRUE(app->not_current());
    ASSERT_TRUE(eglTerminate(app->display));
    EXPECT_TRUE(host().wait_streams(0));
    app.reset();
    app = std::make_unique<GlApp>(EGL_PLATFORM_XCB_EXT, window->connection());
    surface = app->window(window->id());
    ASSERT_NE(surface, EGL_NO_SURFACE);
    ASSERT_TRUE(app->current(surface));
    ASSERT_TRUE(show(4));
    expect_quarters(4);
}

// Two connections to one server, as of a program and a toolkit in it, each with a display.
TEST_F(EglWindowTest, OneOfTwoDisplaysIsTerminated) {
    host();
    {
        KnownWindow other(x.display(), kEglWidth, kEglHeight);
        GlApp second(EGL_PLATFORM_XCB_EXT, other.connection());
        const EGLSurface made = second.window(other.id());
        ASSERT_TRUE(second.current(made));
        draw_quarters(kEglWidth, kEglHeight, 2);
        ASSERT_TRUE(eglSwapBuffers(second.display, made));
        expect_quarters(2);
        ASSERT_TRUE(second.not_current());
        ASSERT_TRUE(eglDestroySurface(second.display, made));
    }  // terminated, and its connection closed
    ASSERT_TRUE(app->current(surface));
    ASSERT_TRUE(show(3));
    expect_quarters(3);
    KnownWindow third(x.display(), kEglWidth, kEglHeight);
    const EGLSurface another = app->window(third.id());
    ASSERT_NE(another, EGL_NO_SURFACE);
    ASSERT_TRUE(app->current(another));
    draw_quarters(kEglWidth, kEglHeight, 4);
    ASSERT_TRUE(eglSwapBuffers(app->display, another));
    expect_quarters(4);
    ASSERT_TRUE(app->not_current());
    ASSERT_TRUE(eglTerminate(app->display));
    EXPECT_TRUE(host().wait_streams(0));
}

TEST_F(EglWindowTest, ManySurfacesLeaveNothingBehind) {
    host();
    ASSERT_TRUE(app->not_current());
    for (std::uint32_t i = 0; i < 40; ++i) {
        KnownWindow other(x.display(), kEglWidth, kEglHeight);
        const EGLSurface made = app->window(other.id());
        ASSERT_NE(made, EGL_NO_SURFACE) << i;
        ASSERT_TRUE(app->current(made));
        draw_quarters(kEglWidth, kEglHeight, i);
        ASSERT_TRUE(eglSwapBuffers(app->display, made));
        ASSERT_TRUE(app->not_current());
        ASSERT_TRUE(eglDestroySurface(app->display, made));
    }
    EXPECT_TRUE(host().wait_streams(1));
}

TEST_F(EglWindowTest, ADeadHostHangsNobody) {
    host();
    ASSERT_TRUE(show(1));
    broker.kill();
    const auto start = std::chrono::steady_clock::now();
    for (std::uint32_t i = 0; i < 30; ++i) ASSERT_TRUE(show(i));
    EXPECT_LT(std::chrono::steady_clock::now() - start, std::chrono::seconds(5));
}

TEST_F(EglWindowTest, ASilentHostHangsNobody) {
    host();
    ASSERT_TRUE(show(1));
    broker.stop();
    const auto start = std::chrono::steady_clock::now();
    for (std::uint32_t i = 0; i < 20; ++i) ASSERT_TRUE(show(i));
    EXPECT_LT(std::chrono::steady_clock::now() - start, std::chrono::seconds(10));
}

TEST_F(EglWindowTest, AChildOfForkEnds) {
    host();
    ASSERT_TRUE(show(1));
    const pid_t child = ::fork();
    if (child == 0) {
#ifndef __SANITIZE_THREAD__  // whose pthread_join hangs in the driver's own handlers
        ::exit(0);           // with the library's destructors
#endif
        ::_exit(0);
    }
    int status = -1;
    ASSERT_EQ(::waitpid(child, &status, 0), child);
    EXPECT_TRUE(WIFEXITED(status) && WEXITSTATUS(status) == 0) << status;
    ASSERT_TRUE(show(2));
    expect_quarters(2);
}

}  // namespace
}  // namespace vdmabuf::test
