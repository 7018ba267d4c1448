// SPDX-License-Identifier: MIT
#include <chrono>
#include <thread>

#include "tests/egl/gl_app.hpp"

namespace vdmabuf::test {
namespace {

#define EXPECT_EGL_ERROR(call, error) \
    EXPECT_FALSE(call);               \
    EXPECT_EQ(eglGetError(), error)

TEST_F(EglWindowTest, SurfacesAreRefusedAsTheSpecificationSays) {
    EXPECT_EGL_ERROR(app->window(window->id()), EGL_BAD_ALLOC);  // it has one
    EXPECT_EGL_ERROR(app->window(0x7FFFFFF0), EGL_BAD_NATIVE_WINDOW);
    KnownWindow other(x.display(), 10, 10);
    const EGLint unknown[] = {EGL_TEXTURE_FORMAT, EGL_TEXTURE_RGB, EGL_NONE};
    EXPECT_EGL_ERROR(app->window(other.id(), unknown), EGL_BAD_ATTRIBUTE);
    EXPECT_EGL_ERROR(eglCreateWindowSurface(app->display, EGLConfig(0x1234), other.id(), nullptr),
                     EGL_BAD_CONFIG);
    const EGLint known[] = {EGL_RENDER_BUFFER, EGL_SINGLE_BUFFER, EGL_NONE};
    const EGLSurface made = app->window(other.id(), known);
    EXPECT_NE(made, EGL_NO_SURFACE);
    EXPECT_EQ(app->query(made, EGL_RENDER_BUFFER), EGL_BACK_BUFFER);
    EXPECT_TRUE(eglDestroySurface(app->display, made));
    EXPECT_EGL_ERROR(eglDestroySurface(app->display, made), EGL_BAD_SURFACE);
    EXPECT_NE(app->window(other.id()), EGL_NO_SURFACE);  // the window is free again
}

TEST_F(EglWindowTest, OnlyTheCurrentSurfaceIsShown) {
    ASSERT_TRUE(app->not_current());
    EXPECT_EGL_ERROR(eglSwapBuffers(app->display, surface), EGL_BAD_SURFACE);
    EXPECT_EGL_ERROR(eglSwapBuffers(app->display, EGLSurface(0x1234)), EGL_BAD_SURFACE);
    EGLint age = 0;
    EXPECT_EGL_ERROR(eglQuerySurface(app->display, surface, EGL_BUFFER_AGE_EXT, &age),
                     EGL_BAD_SURFACE);
    EXPECT_EGL_ERROR(eglBindTexImage(app->display, surface, EGL_BACK_BUFFER), EGL_BAD_SURFACE);
}

TEST_F(EglWindowTest, AnErrorDoesNotStay) {
    EXPECT_FALSE(app->window(0x7FFFFFF0));
    ASSERT_TRUE(show(1));
    EXPECT_EQ(eglGetError(), EGL_SUCCESS);
}

TEST_F(EglWindowTest, AWindowThatHasGoneIsTold) {
    ASSERT_TRUE(show(1));
    window->destroy();
    bool told = false;
    for (int i = 0; i < 200 && !told; ++i) {
        told = !show(2);
        std::this_thread::sleep_for(std::chrono::milliseconds(5));
    }
    ASSERT_TRUE(told);
    EXPECT_FALSE(show(3));
    EXPECT_EQ(eglGetError(), EGL_BAD_NATIVE_WINDOW);
}

TEST_F(EglWindowTest, PbuffersAreTheVendors) {
    const EGLint attributes[] = {EGL_WIDTH, 8, EGL_HEIGHT, 9, EGL_NONE};
    const EGLSurface pbuffer = eglCreatePbufferSurface(app->display, app->config, attributes);
    ASSERT_NE(pbuffer, EGL_NO_SURFACE);
    EXPECT_EQ(app->query(pbuffer, EGL_HEIGHT), 9);
    EXPECT_TRUE(app->current(pbuffer));
    EXPECT_TRUE(eglSwapBuffers(app->display, pbuffer));
    EXPECT_TRUE(app->current(surface));
    EXPECT_TRUE(show(1));
    EXPECT_TRUE(eglDestroySurface(app->display, pbuffer));
}

}  // namespace
}  // namespace vdmabuf::test
