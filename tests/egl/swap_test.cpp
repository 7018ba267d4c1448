// SPDX-License-Identifier: MIT
// The ways to swap, and their pace.
#include <array>
#include <chrono>
#include <thread>

#include "runtime/common/drm_format.hpp"
#include "tests/egl/gl_app.hpp"

namespace vdmabuf::test {
namespace {

using Clock = std::chrono::steady_clock;

template <typename Type>
Type function(const char* name) {
    return reinterpret_cast<Type>(eglGetProcAddress(name));
}

std::chrono::milliseconds since(Clock::time_point start) {
    return std::chrono::duration_cast<std::chrono::milliseconds>(Clock::now() - start);
}

TEST_F(EglWindowTest, DamageArrives) {
    for (const char* name : {"eglSwapBuffersWithDamageKHR", "eglSwapBuffersWithDamageEXT"}) {
        const auto swap = function<PFNEGLSWAPBUFFERSWITHDAMAGEKHRPROC>(name);
        ASSERT_TRUE(swap) << name;
        host();
        ASSERT_TRUE(show(1));
        expect_quarters(1);
        draw_quarters(kEglWidth, kEglHeight, 2);
        // The second one reaches out of the window, the third one is outside.
        EGLint rects[] = {10, 5, 20, 7, 90, 50, 100, 100, -50, -50, 10, 10};
        ASSERT_TRUE(swap(app->display, surface, rects, 3));
        const auto frame = expect_quarters(2);
        ASSERT_TRUE(frame);
        ASSERT_EQ(frame->message.damage_count, 2u);
        const auto& damage = frame->message.damage;
        EXPECT_EQ(damage[0].x, 10u);
        // In the image's rows.
        const bool from_below = frame->image.flags & stream::kImageYFlip;
        EXPECT_EQ(damage[0].y, from_below ? 5u : kEglHeight - 5u - 7u);
        EXPECT_EQ(damage[0].width, 20u);
        EXPECT_EQ(damage[0].height, 7u);
        EXPECT_EQ(damage[1].width, kEglWidth - 90u);
        EXPECT_EQ(damage[1].height, kEglHeight - 50u);
        EXPECT_FALSE(swap(app->display, surface, rects, -1));
        EXPECT_EQ(eglGetError(), EGL_BAD_PARAMETER);
    }
}

// Three images take turns: each gets what has changed since it was written, and the whole picture
// is right.
TEST_F(EglWindowTest, OfDamagedFramesOnlyTheRowsAreRead) {
    const auto swap = function<PFNEGLSWAPBUFFERSWITHDAMAGEKHRPROC>("eglSwapBuffersWithDamageKHR");
    ASSERT_TRUE(swap);
    host();
    constexpr std::uint64_t kRow = std::uint64_t{4} * kEglWidth;
    constexpr EGLint kHeight = 2;
    std::array<std::uint32_t, kEglHeight> blue{};  // of each row, from below
    glClearColor(0, 0, 0, 1);
    glClear(GL_COLOR_BUFFER_BIT);
    ASSERT_TRUE(eglSwapBuffers(app->display, surface));
    glEnable(GL_SCISSOR_TEST);
    const bool by_cpu = expected_strategy() == stream::Strategy::cpu_copy;
    std::uint64_t copied = 0;
    constexpr std::uint32_t kFrames = 20;
    for (std::uint32_t i = 0; i < kFrames; ++i) {
        const auto y = static_cast<EGLint>(i * 13 % (kEglHeight - kHeight));
        glScissor(0, y, kEglWidth, kHeight);
        glClearColor(0, 0, static_cast<float>(i + 1) / 255, 1);
        glClear(GL_COLOR_BUFFER_BIT);
        for (EGLint row = y; row < y + kHeight; ++row) blue[static_cast<std::size_t>(row)] = i + 1;
        EGLint rect[] = {0, y, kEglWidth, kHeight};
        ASSERT_TRUE(swap(app->display, surface, rect, 1));
        const auto frame = host().wait_frame([&](const SeenFrame& seen) {
            const unsigned shift = seen.image.fourcc == fourcc_of("XR24") ? 0 : 16;
            for (std::uint32_t row = 0; row < kEglHeight; ++row) {
                if ((seen.at(5, row) >> shift & 0xFF) != blue[row]) return false;
            }
            return true;
        });
        ASSERT_TRUE(frame) << "frame " << i;
        EXPECT_EQ(frame->message.cpu_copied_bytes % kRow, 0u);
        if (by_cpu) {
            EXPECT_GE(frame->message.cpu_copied_bytes, kHeight * kRow);
        }
        copied += frame->message.cpu_copied_bytes;
    }
    // All three begin with nothing; what is read after that spans three strips at most.
    EXPECT_LT(copied, by_cpu ? kFrames * kEglHeight * kRow * 9 / 10 : 1);
}

TEST_F(EglWindowTest, PostSubBufferShowsARectangle) {
    const auto post = function<PFNEGLPOSTSUBBUFFERNVPROC>("eglPostSubBufferNV");
    ASSERT_TRUE(post);
    host();
    ASSERT_TRUE(show(1));
    expect_quarters(1);
    draw_quarters(kEglWidth, kEglHeight, 2);
    ASSERT_TRUE(post(app->display, surface, 1, 2, 3, 4));
    const auto frame = expect_quarters(2);
    ASSERT_TRUE(frame);
    ASSERT_EQ(frame->message.damage_count, 1u);
    EXPECT_EQ(frame->message.damage[0].height, 4u);
    EXPECT_FALSE(post(app->display, surface, -1, 0, 1, 1));
    EXPECT_EQ(eglGetError(), EGL_BAD_PARAMETER);
    // EGL_NV_post_sub_buffer: a window says what it was made with.
    EXPECT_EQ(app->query(surface, EGL_POST_SUB_BUFFER_SUPPORTED_NV), EGL_FALSE);
    KnownWindow other(x.display(), 10, 10);
    for (const EGLint wanted : {EGL_TRUE, EGL_FALSE}) {
        const EGLint attributes[] = {EGL_POST_SUB_BUFFER_SUPPORTED_NV, wanted, EGL_NONE};
        const EGLSurface made = app->window(other.id(), attributes);
        ASSERT_NE(made, EGL_NO_SURFACE) << std::hex << eglGetError();
        EXPECT_EQ(app->query(made, EGL_POST_SUB_BUFFER_SUPPORTED_NV), wanted);
        EXPECT_TRUE(eglDestroySurface(app->display, made));
    }
    const EGLint wrong[] = {EGL_POST_SUB_BUFFER_SUPPORTED_NV, 7, EGL_NONE};
    EXPECT_FALSE(app->window(other.id(), wrong));
    EXPECT_EQ(eglGetError(), EGL_BAD_PARAMETER);
}

TEST_F(EglWindowTest, BufferAgeSaysThatContentsStay) {
    EXPECT_EQ(app->query(surface, EGL_BUFFER_AGE_EXT), 0);
    ASSERT_TRUE(show(1));
    EXPECT_EQ(app->query(surface, EGL_BUFFER_AGE_EXT), 1);
    host();
    ASSERT_TRUE(eglSwapBuffers(app->display, surface));  // nothing drawn
    expect_quarters(1);
    const auto region = function<PFNEGLSETDAMAGEREGIONKHRPROC>("eglSetDamageRegionKHR");
    ASSERT_TRUE(region);
    EGLint rect[] = {0, 0, 1, 1};
    const auto refused = [&](EGLint error) {
        EXPECT_FALSE(region(app->display, surface, rect, 1));
        EXPECT_EQ(eglGetError(), error);
    };
    // EGL_KHR_partial_update: after the age has been read, once a frame, and what is around the
    // region need not stay.
    refused(EGL_BAD_ACCESS);
    EXPECT_EQ(app->query(surface, EGL_BUFFER_AGE_KHR), 1);
    EXPECT_FALSE(region(app->display, surface, rect, -1));
    EXPECT_EQ(eglGetError(), EGL_BAD_PARAMETER);
    EXPECT_FALSE(region(app->display, surface, nullptr, 1));
    EXPECT_EQ(eglGetError(), EGL_BAD_PARAMETER);
    EXPECT_TRUE(region(app->display, surface, rect, 1));
    refused(EGL_BAD_ACCESS);
    ASSERT_TRUE(show(2));
    refused(EGL_BAD_ACCESS);
    EXPECT_EQ(app->query(surface, EGL_BUFFER_AGE_KHR), 1);
    EXPECT_TRUE(region(app->display, surface, nullptr, 0));
    ASSERT_TRUE(show(3));
    EXPECT_EQ(app->query(surface, EGL_BUFFER_AGE_KHR), 1);
    ASSERT_TRUE(eglSurfaceAttrib(app->display, surface, EGL_SWAP_BEHAVIOR, EGL_BUFFER_PRESERVED));
    refused(EGL_BAD_MATCH);
    ASSERT_TRUE(eglSurfaceAttrib(app->display, surface, EGL_SWAP_BEHAVIOR, EGL_BUFFER_DESTROYED));
    EXPECT_TRUE(region(app->display, surface, rect, 1));
    ASSERT_TRUE(app->not_current());
    refused(EGL_BAD_MATCH);
}

TEST_F(EglWindowTest, IntervalsPaceTheApp) {
    constexpr int kFrames = 30;
    const auto time = [&](EGLint interval) {
        EXPECT_TRUE(eglSwapInterval(app->display, interval));
        for (std::uint32_t i = 0; i < 4; ++i) EXPECT_TRUE(show(i));
        const auto start = Clock::now();
        for (std::uint32_t i = 0; i < kFrames; ++i) EXPECT_TRUE(show(i));
        return since(start).count();
    };
    // Nobody looks: the broker goes on at 60 Hz.
    EXPECT_GT(time(1), kFrames * 1000 / 60 * 8 / 10);
    EXPECT_GT(time(3), kFrames * 3000 / 60 * 7 / 10);
    EXPECT_LT(time(0), kFrames * 1000 / 60 / 2);
}

TEST_F(EglWindowTest, TwoThreadsShowTwoWindows) {
    host();
    ASSERT_TRUE(app->not_current());
    KnownWindow other(x.display(), kEglWidth, kEglHeight);
    const EGLSurface second = app->window(other.id());
    ASSERT_NE(second, EGL_NO_SURFACE);
    const auto run = [&](EGLSurface mine, std::uint32_t last) {
        eglBindAPI(EGL_OPENGL_ES_API);
        const EGLint attributes[] = {EGL_CONTEXT_CLIENT_VERSION, 3, EGL_NONE};
        EGLContext context = eglCreateContext(app->display, app->config, nullptr, attributes);
        EXPECT_TRUE(eglMakeCurrent(app->display, mine, mine, context));
        for (std::uint32_t i = 0; i < 40; ++i) {
            draw_quarters(kEglWidth, kEglHeight, i == 39 ? last : 0);
            EXPECT_TRUE(eglSwapBuffers(app->display, mine));
        }
        EXPECT_TRUE(eglMakeCurrent(app->display, nullptr, nullptr, nullptr));
        eglDestroyContext(app->display, context);
        eglReleaseThread();
    };
    std::thread thread(run, second, 12);
    run(surface, 11);
    thread.join();
    expect_quarters(11);
    expect_quarters(12);
}

TEST_F(EglWindowTest, ASurfaceGoesFromThreadToThread) {
    host();
    ASSERT_TRUE(app->not_current());
    for (std::uint32_t i = 1; i < 5; ++i) {
        std::thread([&] {
            eglBindAPI(EGL_OPENGL_ES_API);
            EXPECT_TRUE(app->current(surface));
            EXPECT_TRUE(show(i));
            EXPECT_TRUE(app->not_current());
        }).join();
        expect_quarters(i);
    }
}

}  // namespace
}  // namespace vdmabuf::test
