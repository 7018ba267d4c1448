// SPDX-License-Identifier: MIT
// Threads of an app that all use one display at once, while the host comes, asks and goes. What
// counts is what ThreadSanitizer says of it.
#include <atomic>
#include <functional>
#include <thread>
#include <vector>

#include "tests/egl/extension.hpp"

namespace vdmabuf::test {
namespace {

constexpr int kThreads = 3;
constexpr int kRounds = 8;

EGLContext make_context(const GlApp& app) {
    eglBindAPI(EGL_OPENGL_ES_API);
    const EGLint version[] = {EGL_CONTEXT_MAJOR_VERSION, 3, EGL_NONE};
    return eglCreateContext(app.display, app.config, nullptr, version);
}

EGLSurface make_window(const GlApp& app, EGLint width, EGLint height) {
    const EGLint size[] = {EGL_WIDTH, width, EGL_HEIGHT, height, EGL_NONE};
    return app.window(0, size);
}

// Windows come and go in each thread, destroyed while their frames are on the way and while they
// are current.
TEST_F(EglHostTest, ThreadsMakeShowAndDestroyWindows) {
    host();
    std::atomic<bool> end{false};
    std::vector<std::thread> threads;
    for (int number = 0; number < kThreads; ++number) {
        threads.emplace_back([&, number] {
            EGLContext context = make_context(*app);
            EXPECT_NE(context, EGL_NO_CONTEXT);
            for (int round = 0; round < kRounds; ++round) {
                const EGLSurface made = make_window(*app, 20 + number, 30 + round);
                EXPECT_NE(made, EGL_NO_SURFACE) << std::hex << eglGetError();
                EXPECT_TRUE(eglMakeCurrent(app->display, made, made, context));
                EXPECT_TRUE(eglSwapInterval(app->display, round % 3));
                for (std::uint32_t seed = 0; seed < 3; ++seed) {
                    EXPECT_TRUE(app->show(made, seed));
                }
                EXPECT_TRUE(eglDestroySurface(app->display, made));
                EXPECT_TRUE(round % 2 != 0 || app->not_current());
            }
            EXPECT_TRUE(eglReleaseThread());
            EXPECT_TRUE(eglDestroyContext(app->display, context));
        });
    }
    std::thread asks([&] {
        while (!end.load()) {
            EGLint count = 0;
            EXPECT_TRUE(eglChooseConfig(app->display, nullptr, nullptr, 0, &count));
            EXPECT_TRUE(eglQueryString(app->display, EGL_EXTENSIONS));
            EXPECT_EQ(eglGetPlatformDisplay(EGL_PLATFORM_HOST_VDMABUF, nullptr, nullptr),
                      app->display);
            EXPECT_TRUE(eglInitialize(app->display, nullptr, nullptr));
            host().resize_streams(64, 48);
        }
    });
    for (std::uint32_t seed = 0; seed < 20; ++seed) EXPECT_TRUE(show(seed));
    for (auto& thread : threads) thread.join();
    end.store(true);
    asks.join();
    ASSERT_TRUE(show(77));
    expect_quarters(77);
    EXPECT_TRUE(host().wait_streams(1));
}

// One window: a thread shows it, others name it, resize it, take its events and ask for its size;
// then it is destroyed under all of them.
TEST_F(EglHostTest, AWindowIsUsedByAllAndDestroyed) {
    const Extension egl;
    host();
    std::atomic<int> alive{0};
    std::vector<std::thread> threads;
    const auto use = [&](const std::function<bool()>& call) {
        threads.emplace_back([&, call] {
            bool once = false;
            while (call()) {
                if (!once) ++alive;
                once = true;
            }
            EXPECT_EQ(eglGetError(), EGL_BAD_SURFACE);
        });
    };
    use([&] { return egl.window_title(app->display, surface, "a title") != 0; });
    use([&] {
        static std::atomic<EGLint> width{20};
        return egl.resize_window(app->display, surface, 20 + ++width % 20, 30) != 0;
    });
    use([&] {
        EGLHostEventVDMABUF event{};
        return egl.next_event(app->display, surface, kNsPerMs, &event) != 0;
    });
    std::uint32_t seed = 0;
    while (alive.load() < 3 || seed < 60) ASSERT_TRUE(show(++seed & 63));
    host().close_streams();
    ASSERT_TRUE(eglDestroySurface(app->display, surface));
    for (auto& thread : threads) thread.join();
    EXPECT_TRUE(app->not_current());
    EXPECT_TRUE(host().wait_streams(0));
}

// Contexts that share objects, and two surfaces that go round among threads.
TEST_F(EglHostTest, SurfacesGoRoundAmongThreads) {
    host();
    const EGLSurface other = make_window(*app, 40, 30);
    ASSERT_TRUE(app->not_current());
    for (std::uint32_t round = 0; round < 10; ++round) {
        std::vector<std::thread> threads;
        for (const EGLSurface mine : {round % 2 ? surface : other, round % 2 ? other : surface}) {
            threads.emplace_back([&, mine] {
                EGLContext context = make_context(*app);
                EXPECT_TRUE(eglMakeCurrent(app->display, mine, mine, context));
                EXPECT_TRUE(app->show(mine, round));
                EXPECT_TRUE(eglReleaseThread());
                EXPECT_TRUE(eglDestroyContext(app->display, context));
            });
        }
        for (auto& thread : threads) thread.join();
    }
    ASSERT_TRUE(app->current(surface));
    ASSERT_TRUE(show(31));
    expect_quarters(31);
    EXPECT_TRUE(eglDestroySurface(app->display, other));
}

}  // namespace
}  // namespace vdmabuf::test
