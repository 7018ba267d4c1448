// SPDX-License-Identifier: MIT
#include "tests/egl/gl_app.hpp"

#include <vdmabuf/egl.h>

#include <cstdlib>

#include "runtime/common/drm_format.hpp"
#include "runtime/common/strategy_name.hpp"
#include "runtime/common/stream_messages.hpp"

namespace vdmabuf::test {
namespace {

struct Colour {
    unsigned red, green, blue;
};

// Of the quarter: 0 lower left, 1 lower right, 2 upper left, 3 upper right.
Colour colour_of(unsigned quarter, std::uint32_t seed) {
    constexpr Colour kColours[] = {{255, 0, 0}, {0, 255, 0}, {0, 0, 255}, {255, 255, 0}};
    Colour colour = kColours[quarter];
    colour.blue = (colour.blue + seed * 8) & 0xFF;
    return colour;
}

}  // namespace

void set_egl_environment(bool enabled, const std::string& producer_socket) {
    ::setenv("__EGL_VENDOR_LIBRARY_DIRS",
             VDMABUF_TEST_MANIFESTS
             "/glvnd/egl_vendor.d:/etc/glvnd/egl_vendor.d:/usr/share/glvnd/egl_vendor.d",
             1);
    ::setenv("VDMABUF_ENDPOINT", ("unix:" + producer_socket).c_str(), 1);
    ::setenv("ENABLE_VDMABUF", enabled ? "1" : "0", 1);
    ::setenv("LP_NUM_THREADS", "1", 0);
    for (const char* name : {"DISABLE_VDMABUF", "VDMABUF_GL", "VDMABUF_EGL_VENDOR", "EGL_PLATFORM",
                             "__EGL_VENDOR_LIBRARY_FILENAMES", "DISPLAY", "WAYLAND_DISPLAY"}) {
        ::unsetenv(name);
    }
}

stream::Strategy expected_strategy() {
    const char* name = std::getenv("VDMABUF_TEST_EGL_STRATEGY");
    for (std::uint32_t i = 0; name && i < stream::kStrategyCount; ++i) {
        if (std::string(strategy_name(i)) == name) return static_cast<stream::Strategy>(i);
    }
    return stream::Strategy::cpu_copy;
}

EGLConfig choose_config(EGLDisplay display, EGLint surface_type, EGLint version) {
    const EGLint wanted[] = {EGL_SURFACE_TYPE,
                             surface_type,
                             EGL_RENDERABLE_TYPE,
                             version == 3 ? EGL_OPENGL_ES3_BIT : EGL_OPENGL_ES2_BIT,
                             EGL_RED_SIZE,
                             8,
                             EGL_BUFFER_SIZE,
                             24,
                             EGL_NONE};
    EGLConfig all[64];
    EGLint count = 0;
    EXPECT_TRUE(eglChooseConfig(display, wanted, all, 64, &count));
    for (EGLint i = 0; i < count; ++i) {
        EGLint red = 0;
        eglGetConfigAttrib(display, all[i], EGL_RED_SIZE, &red);
        if (red == 8) return all[i];
    }
    ADD_FAILURE() << "no configuration";
    return nullptr;
}

GlApp::GlApp(EGLenum platform, void* native, EGLint version) {
    display = eglGetPlatformDisplay(platform, native, nullptr);
    EXPECT_NE(display, EGL_NO_DISPLAY);
    EXPECT_TRUE(eglInitialize(display, nullptr, nullptr));
    config = choose_config(display, EGL_WINDOW_BIT, version);
    eglBindAPI(EGL_OPENGL_ES_API);
    const EGLint attributes[] = {EGL_CONTEXT_CLIENT_VERSION, version, EGL_NONE};
    context = eglCreateContext(display, config, EGL_NO_CONTEXT, attributes);
    EXPECT_NE(context, EGL_NO_CONTEXT);
}

GlApp::~GlApp() {
    not_current();
    eglDestroyContext(display, context);
    eglTerminate(display);
}

EGLSurface GlApp::window(EGLNativeWindowType id, const EGLint* attributes) const {
    return eglCreateWindowSurface(display, config, id, attributes);
}

bool GlApp::current(EGLSurface surface) const {
    return eglMakeCurrent(display, surface, surface, context);
}

bool GlApp::not_current() const {
    return eglMakeCurrent(display, EGL_NO_SURFACE, EGL_NO_SURFACE, EGL_NO_CONTEXT);
}

EGLint GlApp::query(EGLSurface surface, EGLint attribute) const {
    EGLint value = -1;
    EXPECT_TRUE(eglQuerySurface(display, surface, attribute, &value));
    return value;
}

void draw_quarters(std::uint32_t width, std::uint32_t height, std::uint32_t seed) {
    glEnable(GL_SCISSOR_TEST);
    for (unsigned quarter = 0; quarter < 4; ++quarter) {
        const bool right = quarter & 1;
        const bool upper = quarter & 2;
        const auto middle_x = static_cast<GLint>(width / 2);
        const auto middle_y = static_cast<GLint>(height / 2);
        glScissor(right ? middle_x : 0, upper ? middle_y : 0,
                  right ? static_cast<GLint>(width) - middle_x : middle_x,
                  upper ? static_cast<GLint>(height) - middle_y : middle_y);
        const Colour colour = colour_of(quarter, seed);
        glClearColor(static_cast<float>(colour.red) / 255, static_cast<float>(colour.green) / 255,
                     static_cast<float>(colour.blue) / 255, 1);
        glClear(GL_COLOR_BUFFER_BIT);
    }
    glDisable(GL_SCISSOR_TEST);
}

bool has_quarters(const SeenFrame& frame, std::uint32_t seed) {
    const std::uint32_t width = frame.image.width;
    const std::uint32_t height = frame.image.height;
    if (frame.pixels.size() != std::size_t{width} * height) return false;
    const bool flipped = frame.image.flags & stream::kImageYFlip;
    for (std::uint32_t y = 0; y < height; ++y) {
        for (std::uint32_t x = 0; x < width; ++x) {
            const std::uint32_t up = flipped ? y : height - 1 - y;
            const unsigned quarter = (x >= width / 2 ? 1u : 0u) | (up >= height / 2 ? 2u : 0u);
            const Colour colour = colour_of(quarter, seed);
            const std::uint32_t low =
                frame.image.fourcc == fourcc_of("XR24") ? colour.blue : colour.red;
            const std::uint32_t high =
                frame.image.fourcc == fourcc_of("XR24") ? colour.red : colour.blue;
            if ((frame.at(x, y) & 0xFFFFFF) != (high << 16 | colour.green << 8 | low)) return false;
        }
    }
    return true;
}

bool GlApp::show(EGLSurface surface, std::uint32_t seed) const {
    draw_quarters(static_cast<std::uint32_t>(query(surface, EGL_WIDTH)),
                  static_cast<std::uint32_t>(query(surface, EGL_HEIGHT)), seed);
    return eglSwapBuffers(display, surface);
}

void EglBrokerTest::SetUp() {
    ASSERT_NO_FATAL_FAILURE(broker.start());
    set_egl_environment(true, broker.producer_socket());
}

void EglVendorTest::SetUp() {
    ASSERT_TRUE(x.running()) << "Xvfb does not start";
    EglBrokerTest::SetUp();
}

void EglHostTest::SetUp() {
    EglBrokerTest::SetUp();
    if (HasFatalFailure()) return;
    app = std::make_unique<GlApp>(EGL_PLATFORM_HOST_VDMABUF, nullptr);
    const EGLint size[] = {EGL_WIDTH, kEglWidth, EGL_HEIGHT, kEglHeight, EGL_NONE};
    surface = app->window(0, size);
    ASSERT_NE(surface, EGL_NO_SURFACE) << std::hex << eglGetError();
    ASSERT_TRUE(app->current(surface));
}

bool EglHostTest::show(std::uint32_t seed) {
    return app->show(surface, seed);
}

HostWindow& EglBrokerTest::host() {
    if (!host_) {
        host_ = std::make_unique<HostWindow>(broker.consumer_socket());
        EXPECT_TRUE(host_->wait_connected());
    }
    return *host_;
}

std::shared_ptr<const SeenFrame> EglBrokerTest::expect_quarters(std::uint32_t seed) {
    auto frame = host().wait_frame([&](const SeenFrame& seen) { return has_quarters(seen, seed); });
    EXPECT_TRUE(frame) << "picture " << seed << " did not come";
    return frame;
}

void EglWindowTest::SetUp() {
    EglVendorTest::SetUp();
    if (HasFatalFailure()) return;
    window = std::make_unique<XWindow>(x.display(), kEglWidth, kEglHeight);
    app = std::make_unique<GlApp>(EGL_PLATFORM_XCB_EXT, window->connection());
    surface = app->window(window->id());
    ASSERT_NE(surface, EGL_NO_SURFACE);
    ASSERT_TRUE(app->current(surface));
}

void EglWindowTest::TearDown() {
    app.reset();
    window.reset();
}

bool EglWindowTest::show(std::uint32_t seed) {
    return app->show(surface, seed);
}

}  // namespace vdmabuf::test
