// SPDX-License-Identifier: MIT
// A small app that draws by OpenGL ES into windows of its own.
#pragma once

#include <EGL/egl.h>
#include <EGL/eglext.h>
#include <GLES3/gl3.h>
#include <gtest/gtest.h>

#include <cstdint>
#include <memory>
#include <string>

#include "runtime/common/stream_messages.hpp"
#include "tests/layer/support/broker_process.hpp"
#include "tests/layer/support/host_window.hpp"
#include "tests/layer/support/x_server.hpp"

namespace vdmabuf::test {

constexpr std::uint16_t kEglWidth = 100;  // of lines of 400 bytes: every pitch differs from that
constexpr std::uint16_t kEglHeight = 61;

// What libglvnd and the library read, for this process: each test has one of its own.
void set_egl_environment(bool enabled, const std::string& producer_socket);

// The strategy that serves here: VDMABUF_TEST_EGL_STRATEGY, or the read-back.
stream::Strategy expected_strategy();

// Of 8 bits a component, for OpenGL ES.
EGLConfig choose_config(EGLDisplay display, EGLint surface_type, EGLint version = 3);

// A display of the app, initialised, with a configuration for windows and a context.
struct GlApp {
    GlApp(EGLenum platform, void* native, EGLint version = 3);
    ~GlApp();
    GlApp(const GlApp&) = delete;
    GlApp& operator=(const GlApp&) = delete;

    EGLSurface window(EGLNativeWindowType id, const EGLint* attributes = nullptr) const;
    bool current(EGLSurface surface) const;
    // Draws into all of what is current, and swaps.
    bool show(EGLSurface surface, std::uint32_t seed) const;
    bool not_current() const;
    EGLint query(EGLSurface surface, EGLint attribute) const;

    EGLDisplay display = EGL_NO_DISPLAY;
    EGLConfig config = nullptr;
    EGLContext context = EGL_NO_CONTEXT;
};

// Four colours, one a quarter, that say where up and left are; `seed` goes into them.
void draw_quarters(std::uint32_t width, std::uint32_t height, std::uint32_t seed);
bool has_quarters(const SeenFrame& frame, std::uint32_t seed);

// A window that the server knows: apps that ask on another connection must have seen to that.
struct KnownWindow : XWindow {
    KnownWindow(const std::string& display, std::uint16_t width, std::uint16_t height)
        : XWindow(display, width, height) {
        (void)pixels(1, 1);
    }
};

// A host, and nothing else.
class EglBrokerTest : public ::testing::Test {
  protected:
    void SetUp() override;
    HostWindow& host();
    std::shared_ptr<const SeenFrame> expect_quarters(std::uint32_t seed);

    BrokerProcess broker;

  private:
    std::unique_ptr<HostWindow> host_;
};

// The same, with an X server.
class EglVendorTest : public EglBrokerTest {
  protected:
    void SetUp() override;

    XServer x;
};

// Without one: a window of EGL_PLATFORM_HOST_VDMABUF that is current.
class EglHostTest : public EglBrokerTest {
  protected:
    void SetUp() override;
    void TearDown() override { app.reset(); }
    bool show(std::uint32_t seed);

    std::unique_ptr<GlApp> app;
    EGLSurface surface = EGL_NO_SURFACE;
};

// The same, with a window of X11 that is current.
class EglWindowTest : public EglVendorTest {
  protected:
    void SetUp() override;
    void TearDown() override;
    // Draws and swaps.
    bool show(std::uint32_t seed);

    std::unique_ptr<XWindow> window;
    std::unique_ptr<GlApp> app;
    EGLSurface surface = EGL_NO_SURFACE;
};

}  // namespace vdmabuf::test
