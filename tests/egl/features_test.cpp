// SPDX-License-Identifier: MIT
// Colour spaces and depths, kinds of contexts, and what the host's user does to a window of X11.
#include <chrono>
#include <cmath>
#include <cstring>
#include <thread>
#include <vector>

#include "runtime/common/drm_format.hpp"
#include "tests/egl/gl_app.hpp"

namespace vdmabuf::test {
namespace {

// Values of the middle pixel, in the order red, green, blue, of a clear with these.
struct Middle {
    std::uint32_t red, green, blue;
    std::string format;
};

Middle middle_of(const SeenFrame& frame) {
    const std::uint32_t pixel = frame.at(frame.image.width / 2, frame.image.height / 2);
    Middle middle{0, 0, 0, fourcc_name(frame.image.fourcc)};
    const unsigned bits = middle.format.ends_with("30") ? 10 : 8;
    const std::uint32_t mask = (1u << bits) - 1;
    middle.blue = pixel & mask;
    middle.green = pixel >> bits & mask;
    middle.red = pixel >> (2 * bits) & mask;
    if (middle.format[1] == 'B') std::swap(middle.red, middle.blue);
    return middle;
}

class EglFeaturesTest : public EglHostTest {
  protected:
    std::shared_ptr<const SeenFrame> cleared(EGLSurface made, float red, float green, float blue) {
        glClearColor(red, green, blue, 1);
        glClear(GL_COLOR_BUFFER_BIT);
        EXPECT_TRUE(eglSwapBuffers(app->display, made)) << std::hex << eglGetError();
        const std::size_t size = kEglWidth + 1;  // of these tests' windows alone
        return host().wait_frame([=](const SeenFrame& seen) { return seen.image.width == size; });
    }
    EGLSurface window(EGLConfig config, std::vector<EGLint> attributes = {}) {
        attributes.insert(attributes.end(),
                          {EGL_WIDTH, kEglWidth + 1, EGL_HEIGHT, kEglHeight, EGL_NONE});
        const EGLSurface made = eglCreateWindowSurface(app->display, config, 0, attributes.data());
        EXPECT_NE(made, EGL_NO_SURFACE) << std::hex << eglGetError();
        return made;
    }
    EGLContext make_context(EGLConfig config, std::vector<EGLint> attributes) {
        attributes.insert(attributes.begin(), {EGL_CONTEXT_MAJOR_VERSION, 3});
        attributes.push_back(EGL_NONE);
        return eglCreateContext(app->display, config, nullptr, attributes.data());
    }
    bool has(const char* extension) {
        return std::strstr(eglQueryString(app->display, EGL_EXTENSIONS), extension);
    }
};

TEST_F(EglFeaturesTest, TenBitsArrive) {
    host();
    const EGLint wanted[] = {
        EGL_RED_SIZE,       10,      EGL_SURFACE_TYPE, EGL_WINDOW_BIT, EGL_RENDERABLE_TYPE,
        EGL_OPENGL_ES3_BIT, EGL_NONE};
    EGLConfig config = nullptr;
    EGLint count = 0;
    ASSERT_TRUE(eglChooseConfig(app->display, wanted, &config, 1, &count));
    ASSERT_EQ(count, 1);
    const EGLSurface made = window(config);
    EGLContext context = make_context(config, {});
    ASSERT_TRUE(eglMakeCurrent(app->display, made, made, context));
    const auto frame = cleared(made, 513.0f / 1023, 1, 2.0f / 1023);
    ASSERT_TRUE(frame);
    const Middle middle = middle_of(*frame);
    EXPECT_TRUE(middle.format == "XR30" || middle.format == "XB30") << middle.format;
    EXPECT_EQ(middle.red, 513u);
    EXPECT_EQ(middle.green, 1023u);
    EXPECT_EQ(middle.blue, 2u);
}

// EGL_KHR_gl_colorspace: what is written is encoded.
TEST_F(EglFeaturesTest, SrgbIsEncoded) {
    ASSERT_TRUE(has("EGL_KHR_gl_colorspace"));
    host();
    const EGLSurface made = window(app->config, {EGL_GL_COLORSPACE, EGL_GL_COLORSPACE_SRGB});
    EXPECT_EQ(app->query(made, EGL_GL_COLORSPACE), EGL_GL_COLORSPACE_SRGB);
    ASSERT_TRUE(app->current(made));
    const auto frame = cleared(made, 0.5f, 0, 1);
    ASSERT_TRUE(frame);
    const Middle middle = middle_of(*frame);
    EXPECT_NEAR(middle.red, std::lround(255 * (1.055 * std::pow(0.5, 1 / 2.4) - 0.055)), 1);
    EXPECT_EQ(middle.green, 0u);
    EXPECT_EQ(middle.blue, 255u);
    // Once, however often a part of it is shown again.
    const auto swap = reinterpret_cast<PFNEGLSWAPBUFFERSWITHDAMAGEKHRPROC>(
        eglGetProcAddress("eglSwapBuffersWithDamageKHR"));
    EGLint rows[] = {0, 0, kEglWidth, kEglHeight / 2 + 2};
    for (int i = 0; i < 7; ++i) ASSERT_TRUE(swap(app->display, made, rows, 1));
    glClearColor(0.5f, 1, 0, 1);
    glClear(GL_COLOR_BUFFER_BIT);
    ASSERT_TRUE(eglSwapBuffers(app->display, made));
    const auto last = host().wait_frame([](const SeenFrame& seen) {
        return seen.image.width == kEglWidth + 1 && middle_of(seen).green == 255;
    });
    ASSERT_TRUE(last);
    EXPECT_EQ(middle_of(*last).red, middle.red);
    // Without the attribute it is not.
    ASSERT_TRUE(app->current(surface));
    EXPECT_EQ(app->query(surface, EGL_GL_COLORSPACE), EGL_GL_COLORSPACE_LINEAR);
}

// In OpenGL it is the app's to say when.
TEST_F(EglFeaturesTest, SrgbIsEncodedWhereOpenGlIsTold) {
    constexpr GLenum kFramebufferSrgb = 0x8DB9;
    host();
    const EGLSurface made = window(app->config, {EGL_GL_COLORSPACE, EGL_GL_COLORSPACE_SRGB});
    ASSERT_TRUE(eglBindAPI(EGL_OPENGL_API));
    EGLContext context = eglCreateContext(app->display, app->config, nullptr, nullptr);
    ASSERT_NE(context, EGL_NO_CONTEXT);
    ASSERT_TRUE(eglMakeCurrent(app->display, made, made, context));
    const auto linear = cleared(made, 0.5f, 0, 1);
    ASSERT_TRUE(linear);
    EXPECT_NEAR(middle_of(*linear).red, 128, 1);
    glEnable(kFramebufferSrgb);
    glClearColor(0.5f, 1, 0, 1);
    glClear(GL_COLOR_BUFFER_BIT);
    ASSERT_TRUE(eglSwapBuffers(app->display, made));
    const auto encoded = host().wait_frame([](const SeenFrame& seen) {
        return seen.image.width == kEglWidth + 1 && middle_of(seen).green == 255;
    });
    ASSERT_TRUE(encoded);
    EXPECT_NEAR(middle_of(*encoded).red, 188, 1);
    EXPECT_EQ(glGetError(), GLenum{GL_NO_ERROR});
    ASSERT_TRUE(eglMakeCurrent(app->display, nullptr, nullptr, nullptr));
    EXPECT_TRUE(eglDestroyContext(app->display, context));
    eglBindAPI(EGL_OPENGL_ES_API);
}

TEST_F(EglFeaturesTest, KindsOfContextsShowPictures) {
    host();
    struct Kind {
        const char* extension;
        std::vector<EGLint> attributes;
    };
    const Kind kinds[] = {
        {"EGL_KHR_create_context_no_error", {EGL_CONTEXT_OPENGL_NO_ERROR_KHR, EGL_TRUE}},
        {"EGL_EXT_create_context_robustness",
         {EGL_CONTEXT_OPENGL_ROBUST_ACCESS_EXT, EGL_TRUE,
          EGL_CONTEXT_OPENGL_RESET_NOTIFICATION_STRATEGY_EXT, EGL_LOSE_CONTEXT_ON_RESET_EXT}},
        {"EGL_KHR_create_context", {EGL_CONTEXT_OPENGL_DEBUG, EGL_TRUE}},
    };
    std::uint32_t seed = 10;
    for (const Kind& kind : kinds) {
        SCOPED_TRACE(kind.extension);
        ASSERT_TRUE(has(kind.extension));
        EGLContext context = make_context(app->config, kind.attributes);
        ASSERT_NE(context, EGL_NO_CONTEXT) << std::hex << eglGetError();
        ASSERT_TRUE(eglMakeCurrent(app->display, surface, surface, context));
        ASSERT_TRUE(show(++seed));
        expect_quarters(seed);
        EXPECT_EQ(glGetError(), GLenum{GL_NO_ERROR});
        ASSERT_TRUE(app->current(surface));
        EXPECT_TRUE(eglDestroyContext(app->display, context));
    }
}

// EGL_KHR_no_config_context and contexts without surfaces.
TEST_F(EglFeaturesTest, ContextsWithoutConfigurationOrSurface) {
    ASSERT_TRUE(has("EGL_KHR_no_config_context") && has("EGL_KHR_surfaceless_context"));
    host();
    EGLContext context = make_context(EGL_NO_CONFIG_KHR, {});
    ASSERT_NE(context, EGL_NO_CONTEXT);
    ASSERT_TRUE(eglMakeCurrent(app->display, EGL_NO_SURFACE, EGL_NO_SURFACE, context));
    EXPECT_FALSE(eglSwapBuffers(app->display, surface));
    EXPECT_EQ(eglGetError(), EGL_BAD_SURFACE);
    ASSERT_TRUE(eglMakeCurrent(app->display, surface, surface, context));
    ASSERT_TRUE(show(21));
    expect_quarters(21);
}

// One thread's context draws into one window and reads from another.
TEST_F(EglFeaturesTest, DrawAndReadSurfacesDiffer) {
    host();
    const EGLSurface other = window(app->config);
    ASSERT_TRUE(app->current(other));
    glClearColor(1, 0, 0, 1);
    glClear(GL_COLOR_BUFFER_BIT);
    ASSERT_TRUE(eglMakeCurrent(app->display, surface, other, app->context));
    ASSERT_TRUE(show(22));
    expect_quarters(22);
    std::uint8_t pixel[4] = {};
    glReadPixels(0, 0, 1, 1, GL_RGBA, GL_UNSIGNED_BYTE, pixel);
    EXPECT_EQ(pixel[0], 255);  // the other one's
    EXPECT_EQ(pixel[1], 0);
}

// A sync object of a frame, in another thread.
TEST_F(EglFeaturesTest, SyncObjectsWork) {
    ASSERT_TRUE(show(23));
    const EGLSync sync = eglCreateSync(app->display, EGL_SYNC_FENCE, nullptr);
    ASSERT_NE(sync, EGL_NO_SYNC);
    std::thread([&] {
        EXPECT_EQ(eglClientWaitSync(app->display, sync, EGL_SYNC_FLUSH_COMMANDS_BIT,
                                    std::uint64_t{5} * 1000 * 1000 * 1000),
                  EGL_CONDITION_SATISFIED);
    }).join();
    EXPECT_TRUE(eglDestroySync(app->display, sync));
}

// The host's wish goes to the X server, and the frames follow the window.
TEST_F(EglWindowTest, TheHostResizesAWindowOfX11) {
    host();
    ASSERT_TRUE(show(1));
    expect_quarters(1);
    host().resize_streams(222, 133);
    std::shared_ptr<const SeenFrame> frame;
    for (int i = 0; i < 200 && !frame; ++i) {
        ASSERT_TRUE(show(2));
        frame = host().wait_frame(
            [](const SeenFrame& seen) {
                return seen.image.width == 222 && seen.image.height == 133 && has_quarters(seen, 2);
            },
            20);
    }
    EXPECT_TRUE(frame);
    EXPECT_EQ(app->query(surface, EGL_WIDTH), 222);
    EXPECT_EQ(app->query(surface, EGL_BUFFER_AGE_EXT), 1);
}

TEST_F(EglWindowTest, TheHostAsksAWindowOfX11ToClose) {
    host();
    window->take_delete();
    ASSERT_TRUE(show(1));
    expect_quarters(1);
    host().close_streams();
    bool asked = false;
    for (int i = 0; i < 250 && !asked; ++i) {
        asked = window->asked_to_close();
        if (!asked) std::this_thread::sleep_for(std::chrono::milliseconds(20));
    }
    EXPECT_TRUE(asked);
}

}  // namespace
}  // namespace vdmabuf::test
