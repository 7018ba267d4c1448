// SPDX-License-Identifier: MIT
// EGL_VDMABUF_host_window: what its functions do. Their errors: extension_errors_test.cpp.
#include "tests/egl/extension.hpp"

#include <chrono>
#include <cstring>
#include <thread>

#include "runtime/common/clock.hpp"
#include "runtime/common/unique_fd.hpp"

namespace vdmabuf::test {
namespace {

constexpr std::uint64_t kPatienceNs = 5 * kNsPerSecond;

TEST_F(EglHostTest, TheExtensionsAreTold) {
    EXPECT_TRUE(
        std::strstr(eglQueryString(EGL_NO_DISPLAY, EGL_EXTENSIONS), "EGL_VDMABUF_platform_host"));
    EXPECT_TRUE(
        std::strstr(eglQueryString(app->display, EGL_EXTENSIONS), "EGL_VDMABUF_host_window"));
}

TEST_F(EglHostTest, TextsReachTheHost) {
    const Extension egl;
    host();
    ASSERT_TRUE(show(1));
    EXPECT_TRUE(host().wait_title("egl_test")) << "the program's name";
    ASSERT_TRUE(egl.window_title(app->display, surface, "Zürich"));
    EXPECT_TRUE(host().wait_title("Zürich"));
    const EGLAttrib texts[] = {EGL_WINDOW_TITLE_VDMABUF, reinterpret_cast<EGLAttrib>("a title"),
                               EGL_WINDOW_APP_ID_VDMABUF, reinterpret_cast<EGLAttrib>("org.an.app"),
                               EGL_NONE};
    const EGLSurface other =
        eglCreatePlatformWindowSurface(app->display, app->config, nullptr, texts);
    ASSERT_NE(other, EGL_NO_SURFACE);
    EXPECT_TRUE(host().wait_title("a title"));
    EXPECT_TRUE(host().wait_app_id("org.an.app"));
}

TEST_F(EglHostTest, TheAppResizesItsWindow) {
    const Extension egl;
    host();
    ASSERT_TRUE(show(1));
    ASSERT_TRUE(egl.resize_window(app->display, surface, 37, 21));
    EXPECT_EQ(app->query(surface, EGL_WIDTH), 37);
    EXPECT_EQ(app->query(surface, EGL_BUFFER_AGE_EXT), 0);
    ASSERT_TRUE(show(2));
    const auto frame = expect_quarters(2);
    ASSERT_TRUE(frame);
    EXPECT_EQ(frame->image.width, 37u);
    EXPECT_EQ(frame->image.height, 21u);
    // From another thread: the frame after the next one has the size.
    std::thread([&] { EXPECT_TRUE(egl.resize_window(app->display, surface, 50, 40)); }).join();
    EXPECT_EQ(app->query(surface, EGL_WIDTH), 37);
    ASSERT_TRUE(show(3));
    EXPECT_EQ(app->query(surface, EGL_WIDTH), 50);
    ASSERT_TRUE(show(4));
    const auto last = expect_quarters(4);
    EXPECT_TRUE(last && last->image.height == 40);
    // Where it is current to nobody, who makes it so has the size.
    ASSERT_TRUE(app->not_current());
    ASSERT_TRUE(egl.resize_window(app->display, surface, 60, 30));
    ASSERT_TRUE(app->current(surface));
    EXPECT_EQ(app->query(surface, EGL_WIDTH), 60);
}

TEST_F(EglHostTest, TheHostWishesASizeAndAnEnd) {
    const Extension egl;
    host();
    ASSERT_TRUE(show(1));
    expect_quarters(1);
    EXPECT_EQ(app->query(surface, EGL_HOST_WIDTH_VDMABUF), 0);
    EXPECT_EQ(app->query(surface, EGL_CLOSE_REQUESTED_VDMABUF), EGL_FALSE);
    host().resize_streams(333, 222, true);
    const auto wish = egl.wait(app->display, surface, EGL_CONFIGURE_EVENT_VDMABUF, kPatienceNs);
    ASSERT_EQ(wish.type, unsigned{EGL_CONFIGURE_EVENT_VDMABUF});
    EXPECT_EQ(wish.width, 333);
    EXPECT_EQ(wish.height, 222);
    EXPECT_TRUE(wish.occluded);
    EXPECT_EQ(app->query(surface, EGL_HOST_WIDTH_VDMABUF), 333);
    EXPECT_EQ(app->query(surface, EGL_HOST_HEIGHT_VDMABUF), 222);
    EXPECT_EQ(app->query(surface, EGL_HOST_OCCLUDED_VDMABUF), EGL_TRUE);
    EXPECT_EQ(app->query(surface, EGL_WIDTH), kEglWidth);  // a wish, not an order
    host().close_streams();
    EXPECT_EQ(egl.wait(app->display, surface, EGL_CLOSE_EVENT_VDMABUF, kPatienceNs).type,
              unsigned{EGL_CLOSE_EVENT_VDMABUF});
    EXPECT_EQ(app->query(surface, EGL_CLOSE_REQUESTED_VDMABUF), EGL_TRUE);
}

TEST_F(EglHostTest, EachFrameIsReportedOnce) {
    const Extension egl;
    host();
    std::uint64_t last_time = now_ns();
    for (std::uint64_t i = 1; i <= 20; ++i) {
        draw_quarters(kEglWidth, kEglHeight, static_cast<std::uint32_t>(i));
        EGLuint64KHR serial = 0;
        ASSERT_TRUE(egl.swap(app->display, surface, -1, nullptr, 0, &serial));
        EXPECT_EQ(serial, i);
        const auto event = egl.wait(app->display, surface, EGL_FRAME_EVENT_VDMABUF, kPatienceNs);
        ASSERT_EQ(event.type, unsigned{EGL_FRAME_EVENT_VDMABUF}) << i;
        EXPECT_EQ(event.serial, i);
        EXPECT_TRUE(event.shown || i < 3) << i;  // the host may have been a frame late at first
        EXPECT_GE(event.time, last_time);
        EXPECT_LE(event.time, now_ns());
        last_time = event.time;
    }
    EGLHostEventVDMABUF none{};
    ASSERT_TRUE(egl.next_event(app->display, surface, 0, &none));
    EXPECT_EQ(none.type, unsigned{EGL_NONE});
}

// Interval 0, and nobody looks: frames that were replaced are said to be dropped.
TEST_F(EglHostTest, DroppedFramesAreReported) {
    const Extension egl;
    ASSERT_TRUE(eglSwapInterval(app->display, 0));
    for (std::uint32_t i = 0; i < 10; ++i) ASSERT_TRUE(show(i));
    std::uint64_t next = 1;
    while (next < 9) {  // the newest one is still there
        const auto event = egl.wait(app->display, surface, EGL_FRAME_EVENT_VDMABUF, kPatienceNs);
        ASSERT_EQ(event.type, unsigned{EGL_FRAME_EVENT_VDMABUF}) << next;
        EXPECT_EQ(event.serial, next++);
        EXPECT_FALSE(event.shown);
    }
}

// Who does not take them loses the oldest ones.
TEST_F(EglHostTest, TheNewestEventsAreKept) {
    const Extension egl;
    ASSERT_TRUE(eglSwapInterval(app->display, 0));
    for (std::uint32_t i = 0; i < 200; ++i) ASSERT_TRUE(show(i & 7));
    std::this_thread::sleep_for(std::chrono::milliseconds(200));
    int count = 0;
    std::uint64_t first = 0;
    EGLHostEventVDMABUF event{};
    while (egl.next_event(app->display, surface, 0, &event) && event.type != EGL_NONE) {
        if (first == 0) first = event.serial;
        ++count;
    }
    EXPECT_EQ(count, 64);
    EXPECT_GE(first, 200u - 66u);
}

TEST_F(EglHostTest, WaitingEndsWithTheSurface) {
    const Extension egl;
    EGLBoolean answer = EGL_TRUE;
    EGLint error = 0;
    std::thread waits([&] {
        EGLHostEventVDMABUF event{};
        answer = egl.next_event(app->display, surface, EGL_FOREVER_KHR, &event);
        error = eglGetError();
    });
    std::this_thread::sleep_for(std::chrono::milliseconds(50));
    ASSERT_TRUE(eglDestroySurface(app->display, surface));
    waits.join();
    EXPECT_FALSE(answer);
    EXPECT_EQ(error, EGL_BAD_SURFACE);
}

TEST_F(EglHostTest, DamageGoesAlong) {
    const Extension egl;
    host();
    ASSERT_TRUE(show(1));
    expect_quarters(1);
    draw_quarters(kEglWidth, kEglHeight, 2);
    const EGLint rect[] = {1, 2, 30, 4};
    ASSERT_TRUE(egl.swap(app->display, surface, EGL_NO_NATIVE_FENCE_FD_ANDROID, rect, 1, nullptr));
    const auto frame =
        host().wait_frame([](const SeenFrame& seen) { return seen.message.damage_count == 1; });
    ASSERT_TRUE(frame);
    EXPECT_EQ(frame->message.damage[0].width, 30u);
}

// With udmabuf, or a guest's driver: its pixels are the frame's.
TEST_F(EglHostTest, TheLastFrameIsExported) {
    const Extension egl;
    ASSERT_TRUE(show(6));
    EGLHostFrameVDMABUF frame{};
    if (!egl.export_frame(app->display, surface, &frame)) {
        EXPECT_EQ(eglGetError(), EGL_BAD_ALLOC);
        EXPECT_NE(::access("/dev/udmabuf", R_OK | W_OK), 0);
        GTEST_SKIP() << "no dmabufs here";
    }
    const UniqueFd fd(frame.fd);
    EXPECT_EQ(frame.serial, 1u);
    EXPECT_EQ(frame.width, kEglWidth);
    EXPECT_EQ(frame.height, kEglHeight);
    EXPECT_EQ(frame.planes, 1);
    EXPECT_GE(frame.pitches[0], kEglWidth * 4);
    expect_quarters_in(frame, 6);
}

TEST_F(EglWindowTest, WindowsOfAWindowSystemHaveTheExtension) {
    const Extension egl;
    host();
    ASSERT_TRUE(egl.window_title(app->display, surface, "of X11"));
    EXPECT_TRUE(host().wait_title("of X11"));
    EGLuint64KHR serial = 0;
    draw_quarters(kEglWidth, kEglHeight, 4);
    ASSERT_TRUE(egl.swap(app->display, surface, -1, nullptr, 0, &serial));
    EXPECT_EQ(serial, 1u);
    EXPECT_EQ(egl.wait(app->display, surface, EGL_FRAME_EVENT_VDMABUF, kPatienceNs).serial, 1u);
}

}  // namespace
}  // namespace vdmabuf::test
