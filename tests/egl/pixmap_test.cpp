// SPDX-License-Identifier: MIT
// Surfaces of X11's pixmaps, and eglCopyBuffers(): what GL has drawn is what X finds there.
#include <algorithm>
#include <array>
#include <cstdlib>
#include <cstring>
#include <functional>
#include <thread>
#include <vector>

#include "runtime/common/drm_format.hpp"
#include "tests/egl/gl_app.hpp"

namespace vdmabuf::test {
namespace {

constexpr std::uint16_t kWidth = 61;
constexpr std::uint16_t kHeight = 47;

// A pixmap of an app's connection, which has not flushed the request for it.
class Pixmap {
  public:
    Pixmap(const XWindow& window, std::uint8_t depth = 24, std::uint16_t width = kWidth,
           std::uint16_t height = kHeight)
        : connection_(window.connection()),
          id_(xcb_generate_id(connection_)),
          width_(width),
          height_(height) {
        xcb_create_pixmap(connection_, depth, id_, window.id(), width, height);
    }
    ~Pixmap() { xcb_free_pixmap(connection_, id_); }
    Pixmap(const Pixmap&) = delete;
    Pixmap& operator=(const Pixmap&) = delete;

    xcb_pixmap_t id() const { return id_; }
    EGLNativePixmapType native() const {
        return reinterpret_cast<EGLNativePixmapType>(static_cast<std::uintptr_t>(id_));
    }
    // Rows from the top, as the server has them.
    std::vector<std::uint32_t> pixels() const {
        const auto cookie = xcb_get_image(connection_, XCB_IMAGE_FORMAT_Z_PIXMAP, id_, 0, 0, width_,
                                          height_, ~std::uint32_t{0});
        xcb_get_image_reply_t* reply = xcb_get_image_reply(connection_, cookie, nullptr);
        std::vector<std::uint32_t> found(std::size_t{width_} * height_);
        if (!reply || xcb_get_image_data_length(reply) < static_cast<int>(found.size() * 4)) {
            found.clear();
        } else {
            std::memcpy(found.data(), xcb_get_image_data(reply), found.size() * 4);
        }
        std::free(reply);
        return found;
    }

  private:
    xcb_connection_t* const connection_;
    const xcb_pixmap_t id_;
    const std::uint16_t width_;
    const std::uint16_t height_;
};

class EglPixmapTest : public EglWindowTest {
  protected:
    EGLSurface make(const Pixmap& pixmap, const EGLint* attributes = nullptr) const {
        return eglCreatePixmapSurface(app->display, app->config, pixmap.native(), attributes);
    }
    static void expect_quarters_of(const Pixmap& pixmap, std::uint32_t seed) {
        SeenFrame frame;
        frame.image.width = kWidth;
        frame.image.height = kHeight;
        frame.image.fourcc = fourcc_of("XR24");
        frame.pixels = pixmap.pixels();
        EXPECT_TRUE(has_quarters(frame, seed)) << seed;
    }
    static bool is_black(const Pixmap& pixmap) {
        const auto pixels = pixmap.pixels();
        return !pixels.empty() &&
               std::all_of(pixels.begin(), pixels.end(),
                           [](std::uint32_t pixel) { return (pixel & 0xFFFFFF) == 0; });
    }
    void clear(const Pixmap& pixmap) const {
        const xcb_gcontext_t context = xcb_generate_id(window->connection());
        const std::uint32_t black = 0;
        xcb_create_gc(window->connection(), context, pixmap.id(), XCB_GC_FOREGROUND, &black);
        const xcb_rectangle_t all{0, 0, kWidth, kHeight};
        xcb_poly_fill_rectangle(window->connection(), pixmap.id(), context, 1, &all);
        xcb_free_gc(window->connection(), context);
    }
};

TEST_F(EglPixmapTest, EveryWayOfWaitingBringsThePicture) {
    const Pixmap pixmap(*window);
    const EGLSurface made = make(pixmap);
    ASSERT_NE(made, EGL_NO_SURFACE) << std::hex << eglGetError();
    clear(pixmap);
    ASSERT_TRUE(app->current(made));
    const std::function<bool()> ways[] = {
        [] { return glFinish(), true; },
        [] { return glFlush(), true; },
        [] { return eglWaitGL(); },
        [] { return eglWaitClient(); },
        [&] { return app->current(surface) && app->current(made); },
        [&] { return app->not_current() && app->current(made); },
        [&] { return eglReleaseThread() && app->current(made); },
        [&] { return eglDestroySurface(app->display, made); },
    };
    std::uint32_t seed = 1;
    for (const auto& way : ways) {
        clear(pixmap);
        draw_quarters(kWidth, kHeight, ++seed);
        EXPECT_TRUE(is_black(pixmap)) << "there before anybody waited, " << seed;
        EXPECT_TRUE(way()) << seed;
        EXPECT_EQ(eglGetError(), EGL_SUCCESS);
        expect_quarters_of(pixmap, seed);
    }
    EXPECT_EQ(glGetError(), GLenum{GL_NO_ERROR});
    // Its number is the app's again, though it is current still.
    clear(pixmap);
    glFinish();
    EXPECT_TRUE(is_black(pixmap));
}

TEST_F(EglPixmapTest, PixmapsAreLikeAnyOtherSurface) {
    const Pixmap pixmap(*window);
    const EGLSurface made = make(pixmap);
    ASSERT_NE(made, EGL_NO_SURFACE);
    EXPECT_EQ(app->query(made, EGL_WIDTH), kWidth);
    EXPECT_EQ(app->query(made, EGL_HEIGHT), kHeight);
    EXPECT_EQ(app->query(made, EGL_RENDER_BUFFER), EGL_SINGLE_BUFFER);
    EXPECT_EQ(app->query(made, EGL_CONFIG_ID), app->query(surface, EGL_CONFIG_ID));
    ASSERT_TRUE(app->current(made));
    EGLint buffer = 0;
    EXPECT_TRUE(eglQueryContext(app->display, app->context, EGL_RENDER_BUFFER, &buffer));
    EXPECT_EQ(buffer, EGL_SINGLE_BUFFER);
    // Swapping does nothing (EGL 1.5, 3.10.1), and the host sees nothing of it.
    EXPECT_TRUE(eglSwapBuffers(app->display, made));
    ASSERT_TRUE(host().wait_streams(1));
    // Two in turn, and read while another one is drawn to.
    const Pixmap second(*window);
    const EGLSurface other = make(second);
    ASSERT_NE(other, EGL_NO_SURFACE);
    draw_quarters(kWidth, kHeight, 31);
    ASSERT_TRUE(eglMakeCurrent(app->display, other, made, app->context));
    draw_quarters(kWidth, kHeight, 32);
    glFinish();
    expect_quarters_of(pixmap, 31);
    expect_quarters_of(second, 32);
    std::array<std::uint8_t, 4> pixel{};
    glReadPixels(0, 0, 1, 1, GL_RGBA, GL_UNSIGNED_BYTE, pixel.data());
    const std::uint32_t corner = pixmap.pixels()[std::size_t{kHeight - 1} * kWidth];
    EXPECT_EQ(corner >> 16 & 0xFF, pixel[0]) << "the read surface is the first one still";
    // A window goes on as before.
    ASSERT_TRUE(app->current(surface));
    EXPECT_TRUE(eglQueryContext(app->display, app->context, EGL_RENDER_BUFFER, &buffer));
    EXPECT_EQ(buffer, EGL_BACK_BUFFER);
    ASSERT_TRUE(show(33));
    expect_quarters(33);
    EXPECT_TRUE(eglDestroySurface(app->display, made));
    EXPECT_TRUE(eglDestroySurface(app->display, other));
}

TEST_F(EglPixmapTest, PlatformFunctionsTakePointers) {
    const auto ext = reinterpret_cast<PFNEGLCREATEPLATFORMPIXMAPSURFACEEXTPROC>(
        eglGetProcAddress("eglCreatePlatformPixmapSurfaceEXT"));
    ASSERT_TRUE(ext);
    Pixmap pixmap(*window);
    xcb_pixmap_t id = pixmap.id();
    const EGLAttrib wide[] = {EGL_GL_COLORSPACE, EGL_GL_COLORSPACE_LINEAR, EGL_NONE};
    EGLSurface made = eglCreatePlatformPixmapSurface(app->display, app->config, &id, wide);
    EXPECT_NE(made, EGL_NO_SURFACE) << std::hex << eglGetError();
    EXPECT_TRUE(eglDestroySurface(app->display, made));
    made = ext(app->display, app->config, &id, nullptr);
    EXPECT_NE(made, EGL_NO_SURFACE) << std::hex << eglGetError();
    EXPECT_TRUE(eglDestroySurface(app->display, made));
    EXPECT_EQ(ext(app->display, app->config, nullptr, nullptr), EGL_NO_SURFACE);
    EXPECT_EQ(eglGetError(), EGL_BAD_NATIVE_PIXMAP);
}

TEST_F(EglPixmapTest, WhatIsNoPixmapForItIsRefused) {
    const Pixmap pixmap(*window);
    const Pixmap bitmap(*window, 1);
    const EGLint single[] = {EGL_RENDER_BUFFER, EGL_SINGLE_BUFFER, EGL_NONE};
    const auto expect_error = [](EGLSurface made, EGLint error) {
        EXPECT_EQ(made, EGL_NO_SURFACE);
        EXPECT_EQ(eglGetError(), error);
    };
    expect_error(make(pixmap, single), EGL_BAD_ATTRIBUTE);
    expect_error(make(bitmap), EGL_BAD_NATIVE_PIXMAP);  // no bytes of its own for a pixel
    expect_error(eglCreatePixmapSurface(app->display, app->config, EGLNativePixmapType{}, nullptr),
                 EGL_BAD_NATIVE_PIXMAP);
    expect_error(eglCreatePixmapSurface(app->display, nullptr, pixmap.native(), nullptr),
                 EGL_BAD_CONFIG);
    const EGLSurface made = make(pixmap);
    ASSERT_NE(made, EGL_NO_SURFACE);
    expect_error(make(pixmap), EGL_BAD_ALLOC);
    EXPECT_TRUE(eglDestroySurface(app->display, made));
    const EGLSurface again = make(pixmap);
    EXPECT_NE(again, EGL_NO_SURFACE);
    // It ends before its surface does.
    ASSERT_TRUE(app->current(again));
    xcb_free_pixmap(window->connection(), pixmap.id());
    (void)window->pixels(1, 1);
    draw_quarters(kWidth, kHeight, 1);
    glFinish();
    EXPECT_TRUE(eglWaitClient());
    EXPECT_TRUE(eglTerminate(app->display));
    expect_error(make(pixmap), EGL_NOT_INITIALIZED);
}

TEST_F(EglPixmapTest, BuffersAreCopied) {
    const Pixmap of_window(*window, 24, kEglWidth, kEglHeight);
    draw_quarters(kEglWidth, kEglHeight, 41);
    EXPECT_TRUE(eglCopyBuffers(app->display, surface, of_window.native())) << eglGetError();
    SeenFrame frame;
    frame.image.width = kEglWidth;
    frame.image.height = kEglHeight;
    frame.image.fourcc = fourcc_of("XR24");
    frame.pixels = of_window.pixels();
    EXPECT_TRUE(has_quarters(frame, 41));
    EXPECT_TRUE(eglSwapBuffers(app->display, surface));  // the copy was all that it was
    expect_quarters(41);

    const Pixmap pixmap(*window);
    const EGLint size[] = {EGL_WIDTH, kWidth, EGL_HEIGHT, kHeight, EGL_NONE};
    const EGLSurface pbuffer = eglCreatePbufferSurface(app->display, app->config, size);
    ASSERT_TRUE(app->current(pbuffer));
    draw_quarters(kWidth, kHeight, 42);
    EXPECT_TRUE(eglCopyBuffers(app->display, pbuffer, pixmap.native()));
    expect_quarters_of(pixmap, 42);

    const Pixmap bitmap(*window, 1);
    const auto expect_error = [](EGLBoolean copied, EGLint error) {
        EXPECT_FALSE(copied);
        EXPECT_EQ(eglGetError(), error);
    };
    expect_error(eglCopyBuffers(app->display, surface, of_window.native()), EGL_BAD_SURFACE);
    expect_error(eglCopyBuffers(app->display, EGL_NO_SURFACE, pixmap.native()), EGL_BAD_SURFACE);
    expect_error(eglCopyBuffers(app->display, pbuffer, of_window.native()), EGL_BAD_MATCH);
    expect_error(eglCopyBuffers(app->display, pbuffer, EGLNativePixmapType{}),
                 EGL_BAD_NATIVE_PIXMAP);
    expect_error(eglCopyBuffers(app->display, pbuffer, bitmap.native()), EGL_BAD_NATIVE_PIXMAP);
}

TEST_F(EglPixmapTest, ConfigurationsMatchPixmaps) {
    const Pixmap deep(*window, 24);
    const Pixmap shallow(*window, 8);
    const auto count = [&](EGLint pixmap) {
        const EGLint wanted[] = {EGL_SURFACE_TYPE, EGL_PIXMAP_BIT, EGL_MATCH_NATIVE_PIXMAP, pixmap,
                                 EGL_NONE};
        EGLint found = -1;
        EXPECT_TRUE(eglChooseConfig(app->display, wanted, nullptr, 0, &found));
        return found;
    };
    EXPECT_GT(count(EGL_NONE), 0);
    EXPECT_GT(count(static_cast<EGLint>(deep.id())), 0);
    EXPECT_EQ(count(static_cast<EGLint>(shallow.id())), 0);
    EXPECT_EQ(count(1), 0);  // nothing
}

// As pixmaps that another thread draws into while this one shows a window.
TEST_F(EglPixmapTest, AThreadOfItsOwn) {
    const Pixmap pixmap(*window);
    const EGLSurface made = make(pixmap);
    ASSERT_NE(made, EGL_NO_SURFACE);
    host();
    std::thread other([&] {
        eglBindAPI(EGL_OPENGL_ES_API);
        const EGLint version[] = {EGL_CONTEXT_MAJOR_VERSION, 3, EGL_NONE};
        EGLContext context = eglCreateContext(app->display, app->config, nullptr, version);
        EXPECT_TRUE(eglMakeCurrent(app->display, made, made, context));
        for (std::uint32_t seed = 50; seed < 70; ++seed) {
            draw_quarters(kWidth, kHeight, seed);
            glFinish();
        }
        EXPECT_TRUE(eglReleaseThread());
    });
    for (std::uint32_t seed = 80; seed < 100; ++seed) EXPECT_TRUE(show(seed));
    other.join();
    expect_quarters_of(pixmap, 69);
    expect_quarters(99);
}

}  // namespace
}  // namespace vdmabuf::test
