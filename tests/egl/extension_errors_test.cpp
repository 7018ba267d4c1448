// SPDX-License-Identifier: MIT
// Each row of the table of errors in docs/egl-extension.md, in its order.
#include <fcntl.h>
#include <unistd.h>

#include "runtime/common/unique_fd.hpp"
#include "tests/egl/extension.hpp"

namespace vdmabuf::test {
namespace {

#define EXPECT_EGL_ERROR(call, error) \
    EXPECT_FALSE(call);               \
    EXPECT_EQ(eglGetError(), error)

TEST_F(EglBrokerTest, HostDisplaysAreRefused) {
    int something = 0;
    EXPECT_EGL_ERROR(eglGetPlatformDisplay(EGL_PLATFORM_HOST_VDMABUF, &something, nullptr),
                     EGL_BAD_PARAMETER);
    const EGLAttrib unknown[] = {EGL_WIDTH, 3, EGL_NONE};
    EXPECT_EGL_ERROR(eglGetPlatformDisplay(EGL_PLATFORM_HOST_VDMABUF, nullptr, unknown),
                     EGL_BAD_ATTRIBUTE);
    // Without a host there is none, which is no error (EGL 1.5, 3.2).
    set_egl_environment(true, "/nowhere/producer.sock");
    EXPECT_EGL_ERROR(eglGetPlatformDisplay(EGL_PLATFORM_HOST_VDMABUF, nullptr, nullptr),
                     EGL_SUCCESS);
    set_egl_environment(true, broker.producer_socket());
    const EGLAttrib none[] = {EGL_NONE};
    EXPECT_NE(eglGetPlatformDisplay(EGL_PLATFORM_HOST_VDMABUF, nullptr, none), EGL_NO_DISPLAY);
}

TEST_F(EglHostTest, HostWindowsAreRefused) {
    int something = 0;
    EXPECT_EGL_ERROR(eglCreatePlatformWindowSurface(app->display, app->config, &something, nullptr),
                     EGL_BAD_NATIVE_WINDOW);
    for (const EGLint wrong : {-1, 0, 32769}) {
        for (const EGLint name : {EGL_WIDTH, EGL_HEIGHT}) {
            const EGLint size[] = {name, wrong, EGL_NONE};
            EXPECT_EGL_ERROR(app->window(0, size), EGL_BAD_PARAMETER) << wrong;
        }
    }
    for (const EGLAttrib name : {EGL_WINDOW_TITLE_VDMABUF, EGL_WINDOW_APP_ID_VDMABUF}) {
        const EGLAttrib null[] = {name, 0, EGL_NONE};
        EXPECT_EGL_ERROR(eglCreatePlatformWindowSurface(app->display, app->config, nullptr, null),
                         EGL_BAD_PARAMETER);
        // Lists of EGLint have no room for pointers.
        const EGLint narrow[] = {static_cast<EGLint>(name), 1, EGL_NONE};
        EXPECT_EGL_ERROR(app->window(0, narrow), EGL_BAD_ATTRIBUTE);
    }
}

TEST_F(EglWindowTest, SizesOfAWindowSystemAreItsOwn) {
    const Extension egl;
    KnownWindow other(x.display(), 10, 10);
    const EGLint size[] = {EGL_WIDTH, 20, EGL_NONE};
    EXPECT_EGL_ERROR(app->window(other.id(), size), EGL_BAD_ATTRIBUTE);
    EXPECT_EGL_ERROR(egl.resize_window(app->display, surface, 20, 20), EGL_BAD_MATCH);
}

// What all functions have in common.
TEST_F(EglHostTest, WhatIsNoWindowIsRefused) {
    const Extension egl;
    const EGLint attributes[] = {EGL_WIDTH, 8, EGL_HEIGHT, 9, EGL_NONE};
    const EGLSurface pbuffer = eglCreatePbufferSurface(app->display, app->config, attributes);
    ASSERT_NE(pbuffer, EGL_NO_SURFACE);
    EGLHostEventVDMABUF event{};
    EGLHostFrameVDMABUF frame{};
    const auto expect = [&](EGLDisplay display, EGLSurface wrong, EGLint error) {
        EXPECT_EGL_ERROR(egl.window_title(display, wrong, "a"), error);
        EXPECT_EGL_ERROR(egl.resize_window(display, wrong, 8, 8), error);
        EXPECT_EGL_ERROR(egl.next_event(display, wrong, 0, &event), error);
        EXPECT_EGL_ERROR(egl.swap(display, wrong, -1, nullptr, 0, nullptr), error);
        EXPECT_EGL_ERROR(egl.export_frame(display, wrong, &frame), error);
    };
    expect(EGL_NO_DISPLAY, surface, EGL_BAD_DISPLAY);
    int something = 0;
    expect(&something, surface, EGL_BAD_DISPLAY);
    expect(app->display, EGL_NO_SURFACE, EGL_BAD_SURFACE);
    expect(app->display, &something, EGL_BAD_SURFACE);
    expect(app->display, pbuffer, EGL_BAD_SURFACE);
    ASSERT_TRUE(app->not_current());
    ASSERT_TRUE(eglTerminate(app->display));
    expect(app->display, surface, EGL_NOT_INITIALIZED);
}

TEST_F(EglHostTest, ArgumentsAreChecked) {
    const Extension egl;
    EXPECT_EGL_ERROR(egl.window_title(app->display, surface, nullptr), EGL_BAD_PARAMETER);
    for (const EGLint wrong : {-1, 0, 32769}) {
        EXPECT_EGL_ERROR(egl.resize_window(app->display, surface, wrong, 8), EGL_BAD_PARAMETER);
        EXPECT_EGL_ERROR(egl.resize_window(app->display, surface, 8, wrong), EGL_BAD_PARAMETER);
    }
    EXPECT_EGL_ERROR(egl.next_event(app->display, surface, 0, nullptr), EGL_BAD_PARAMETER);
    EXPECT_EGL_ERROR(egl.export_frame(app->display, surface, nullptr), EGL_BAD_PARAMETER);
    EXPECT_EGL_ERROR(egl.swap(app->display, surface, -1, nullptr, -1, nullptr), EGL_BAD_PARAMETER);
    EXPECT_EGL_ERROR(egl.swap(app->display, surface, -1, nullptr, 1, nullptr), EGL_BAD_PARAMETER);
    // Another file is no fence, stays open and stays the caller's.
    const UniqueFd file(::open("/dev/null", O_RDWR | O_CLOEXEC));
    EXPECT_EGL_ERROR(egl.swap(app->display, surface, file.get(), nullptr, 0, nullptr),
                     EGL_BAD_PARAMETER);
    EXPECT_GE(::fcntl(file.get(), F_GETFD), 0);
    EXPECT_EGL_ERROR(egl.swap(app->display, surface, -2, nullptr, 0, nullptr), EGL_BAD_PARAMETER);
}

TEST_F(EglHostTest, OnlyWhatIsCurrentIsShownOrExported) {
    const Extension egl;
    EGLHostFrameVDMABUF frame{};
    EXPECT_EGL_ERROR(egl.export_frame(app->display, surface, &frame), EGL_BAD_ACCESS);  // no frame
    ASSERT_TRUE(show(1));
    ASSERT_TRUE(egl.resize_window(app->display, surface, 20, 20));
    EXPECT_EGL_ERROR(egl.export_frame(app->display, surface, &frame), EGL_BAD_ACCESS);
    ASSERT_TRUE(app->not_current());
    EXPECT_EGL_ERROR(egl.swap(app->display, surface, -1, nullptr, 0, nullptr), EGL_BAD_SURFACE);
    EXPECT_EGL_ERROR(egl.export_frame(app->display, surface, &frame), EGL_BAD_SURFACE);
    if (::access("/dev/udmabuf", R_OK | W_OK) != 0) {
        ASSERT_TRUE(app->current(surface));
        ASSERT_TRUE(show(2));
        EXPECT_EGL_ERROR(egl.export_frame(app->display, surface, &frame), EGL_BAD_ALLOC);
    }
}

}  // namespace
}  // namespace vdmabuf::test
