// SPDX-License-Identifier: MIT
// The library over vendors that draw nothing and fail on demand, as libglvnd's own tests have them.
#include <dlfcn.h>
#include <vdmabuf/egl.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <functional>

#include "tests/egl/dummy_vendor.hpp"
#include "tests/egl/gl_app.hpp"

namespace vdmabuf::test {
namespace {

namespace fs = std::filesystem;

#define EXPECT_EGL_ERROR(call, error) \
    EXPECT_FALSE(call);               \
    EXPECT_EQ(eglGetError(), error)

class EglDummyTest : public EglBrokerTest {
  protected:
    void SetUp() override {
        EglBrokerTest::SetUp();
        if (HasFatalFailure()) return;
        std::string pattern = (fs::temp_directory_path() / "vdmabuf-dummy.XXXXXX").string();
        ASSERT_TRUE(::mkdtemp(pattern.data()));
        folder_ = pattern;
        ::unsetenv(kDummyLacks);
        const std::string dirs = VDMABUF_TEST_MANIFESTS "/glvnd/egl_vendor.d:" + folder_.string();
        ::setenv("__EGL_VENDOR_LIBRARY_DIRS", dirs.c_str(), 1);
    }
    void TearDown() override {
        if (!folder_.empty()) fs::remove_all(folder_);
    }

    // libglvnd finds it after ours, in the order of their names.
    void vendor(const std::string& name, const std::string& library) const {
        std::ofstream(folder_ / (name + ".json"))
            << R"({"file_format_version": "1.0.0", "ICD": {"library_path": ")" << library << "\"}}";
    }
    static const DummyControl& control(const char* library) {
        void* const handle = ::dlopen(library, RTLD_NOW);
        EXPECT_TRUE(handle) << ::dlerror();
        return *static_cast<const DummyControl*>(::dlsym(handle, "dummy_control"));
    }

    fs::path folder_;
};

// Over vendor A, with a display, a window and a context.
class EglFailingVendorTest : public EglDummyTest {
  protected:
    void SetUp() override {
        EglDummyTest::SetUp();
        if (HasFatalFailure()) return;
        vendor("20_a", VDMABUF_TEST_DUMMY_A);
        display = eglGetPlatformDisplay(EGL_PLATFORM_HOST_VDMABUF, nullptr, nullptr);
        ASSERT_NE(display, EGL_NO_DISPLAY);
        a = &control(VDMABUF_TEST_DUMMY_A);
        ASSERT_TRUE(eglInitialize(display, nullptr, nullptr));
        EGLint count = 0;
        ASSERT_TRUE(eglChooseConfig(display, nullptr, &config, 1, &count));
        ASSERT_EQ(count, 1);
        eglBindAPI(EGL_OPENGL_ES_API);
        context = eglCreateContext(display, config, EGL_NO_CONTEXT, nullptr);
        ASSERT_NE(context, EGL_NO_CONTEXT);
        surface = eglCreateWindowSurface(display, config, 0, nullptr);
        ASSERT_NE(surface, EGL_NO_SURFACE);
    }
    void TearDown() override {
        if (a) {
            eglMakeCurrent(display, nullptr, nullptr, nullptr);
            eglTerminate(display);
            EXPECT_EQ(a->live_surfaces(), 0) << "of the vendor's are left";
        }
        EglDummyTest::TearDown();
    }
    bool current() const { return eglMakeCurrent(display, surface, surface, context); }

    const DummyControl* a = nullptr;
    EGLDisplay display = EGL_NO_DISPLAY;
    EGLConfig config = nullptr;
    EGLContext context = EGL_NO_CONTEXT;
    EGLSurface surface = EGL_NO_SURFACE;
};

// What a vendor's windows can do with colours, windows on the host cannot: they are sRGB's.
TEST_F(EglFailingVendorTest, ColourSpacesOfTheVendorAreNotOffered) {
    const std::string words = " " + std::string(eglQueryString(display, EGL_EXTENSIONS)) + " ";
    for (const char* kept : {" EGL_DUMMY_extension ", " EGL_KHR_gl_colorspace "}) {
        EXPECT_NE(words.find(kept), std::string::npos) << kept << "in" << words;
    }
    EXPECT_EQ(words.find("EGL_EXT_gl_colorspace"), std::string::npos) << words;
    EXPECT_EQ(words.find("SMPTE2086"), std::string::npos) << words;
    const EGLint pq[] = {EGL_GL_COLORSPACE, 0x3340, EGL_NONE};  // EGL_GL_COLORSPACE_BT2020_PQ_EXT
    EXPECT_EQ(eglCreateWindowSurface(display, config, 0, pq), EGL_NO_SURFACE);
    EXPECT_EQ(eglGetError(), EGL_BAD_ATTRIBUTE);
    const EGLint srgb[] = {EGL_GL_COLORSPACE, EGL_GL_COLORSPACE_SRGB, EGL_NONE};
    const EGLSurface made = eglCreateWindowSurface(display, config, 0, srgb);
    ASSERT_NE(made, EGL_NO_SURFACE);
    EXPECT_TRUE(eglDestroySurface(display, made));
}

// Each call that the vendor refuses is refused to the app with the same error, and goes well after
// that.
TEST_F(EglFailingVendorTest, EachFailingCallIsTold) {
    EGLint value = 0;
    EGLConfig found = nullptr;
    const EGLint size[] = {EGL_WIDTH, 8, EGL_HEIGHT, 8, EGL_NONE};
    const EGLSurface pbuffer = eglCreatePbufferSurface(display, config, size);
    ASSERT_NE(pbuffer, EGL_NO_SURFACE);
    const struct {
        const char* function;
        EGLint error;
        std::function<bool()> call;
    } cases[] = {
        {"eglChooseConfig", EGL_BAD_ATTRIBUTE,
         [&] { return eglChooseConfig(display, nullptr, &found, 1, &value); }},
        {"eglGetConfigs", EGL_BAD_PARAMETER,
         [&] { return eglGetConfigs(display, &found, 1, &value); }},
        {"eglGetConfigAttrib", EGL_BAD_ATTRIBUTE,
         [&] { return eglGetConfigAttrib(display, config, EGL_SURFACE_TYPE, &value); }},
        {"eglQueryString", EGL_BAD_PARAMETER,
         [&] { return eglQueryString(display, EGL_EXTENSIONS) != nullptr; }},
        {"eglGetConfigAttrib", EGL_BAD_CONFIG,
         [&] {
             return eglDestroySurface(display, eglCreateWindowSurface(display, config, 0, nullptr));
         }},
        {"eglMakeCurrent", EGL_BAD_ACCESS,
         [&] { return eglMakeCurrent(display, surface, surface, context); }},
        {"eglQuerySurface", EGL_BAD_ATTRIBUTE,
         [&] { return eglQuerySurface(display, surface, EGL_CONFIG_ID, &value); }},
        {"eglSurfaceAttrib", EGL_BAD_MATCH,
         [&] {
             return eglSurfaceAttrib(display, surface, EGL_MULTISAMPLE_RESOLVE,
                                     EGL_MULTISAMPLE_RESOLVE_BOX);
         }},
        {"eglCopyBuffers", EGL_BAD_NATIVE_PIXMAP,
         [&] { return eglCopyBuffers(display, surface, EGLNativePixmapType{}); }},
        {"eglBindTexImage", EGL_BAD_ACCESS,
         [&] { return eglBindTexImage(display, pbuffer, EGL_BACK_BUFFER); }},
        {"eglReleaseTexImage", EGL_BAD_PARAMETER,
         [&] { return eglReleaseTexImage(display, pbuffer, EGL_BACK_BUFFER); }},
        {"eglSwapBuffers", EGL_CONTEXT_LOST, [&] { return eglSwapBuffers(display, pbuffer); }},
        {"eglCreateContext", EGL_BAD_ALLOC,
         [&] { return eglCreateContext(display, config, nullptr, nullptr) != EGL_NO_CONTEXT; }},
        {"eglReleaseThread", EGL_BAD_ALLOC, [&] { return eglReleaseThread(); }},
    };
    for (const auto& row : cases) {
        SCOPED_TRACE(row.function);
        const int before = a->calls(row.function);
        a->fail(row.function, row.error);
        const bool went_well = row.call();
        const EGLint error = eglGetError();
        a->fail(row.function, EGL_SUCCESS);
        EXPECT_FALSE(went_well);
        // Destroying what was not made is an error of its own.
        EXPECT_TRUE(error == row.error || error == EGL_BAD_SURFACE) << std::hex << error;
        EXPECT_GT(a->calls(row.function), before) << "was not asked";
        EXPECT_TRUE(row.call());
        EXPECT_EQ(eglGetError(), EGL_SUCCESS);
    }
    EXPECT_TRUE(eglDestroySurface(display, pbuffer));
}

TEST_F(EglFailingVendorTest, AWindowThatCannotBeMadeLeavesNothing) {
    host();
    ASSERT_TRUE(host().wait_streams(1));
    for (const auto& [function, error] : {std::pair{"eglCreatePbufferSurface", EGL_BAD_ALLOC},
                                          std::pair{"eglCreatePbufferSurface", EGL_BAD_MATCH},
                                          std::pair{"eglGetConfigAttrib", EGL_BAD_CONFIG}}) {
        a->fail(function, error);
        EXPECT_EGL_ERROR(eglCreateWindowSurface(display, config, 0, nullptr), error);
        EXPECT_EGL_ERROR(eglCreatePlatformWindowSurface(display, config, nullptr, nullptr), error);
        a->fail(function, EGL_SUCCESS);
        EXPECT_EQ(a->live_surfaces(), 1);
    }
    const EGLSurface other = eglCreateWindowSurface(display, config, 0, nullptr);
    EXPECT_NE(other, EGL_NO_SURFACE);
    EXPECT_TRUE(host().wait_streams(2));
    EXPECT_TRUE(eglDestroySurface(display, other));
    EXPECT_TRUE(host().wait_streams(1));
    EXPECT_EQ(a->live_surfaces(), 1);
}

// The vendor is given its own handles, and ours where it does not know better.
TEST_F(EglFailingVendorTest, TheVendorSeesItsOwnSurfaces) {
    EXPECT_TRUE(current());
    const EGLSurface below = a->last_surface();
    EXPECT_NE(below, surface);
    EGLint value = 0;
    EXPECT_TRUE(eglQuerySurface(display, surface, EGL_CONFIG_ID, &value));
    EXPECT_EQ(a->last_surface(), below);
    EXPECT_EQ(value, 7);
    EXPECT_TRUE(eglCopyBuffers(display, surface, EGLNativePixmapType{}));
    EXPECT_EQ(a->last_surface(), below);
    const int swaps = a->calls("eglSwapBuffers");
    EXPECT_TRUE(eglSwapBuffers(display, surface));
    EXPECT_EQ(a->calls("eglSwapBuffers"), swaps) << "a pbuffer has nothing to swap";
}

TEST_F(EglFailingVendorTest, WhatIsNotCurrentIsNotShown) {
    a->fail("eglMakeCurrent", EGL_BAD_ALLOC);
    EXPECT_EGL_ERROR(current(), EGL_BAD_ALLOC);
    EXPECT_EGL_ERROR(eglSwapBuffers(display, surface), EGL_BAD_SURFACE);
    a->fail("eglMakeCurrent", EGL_SUCCESS);
    ASSERT_TRUE(current());
    // It stays so when it cannot be let go.
    a->fail("eglMakeCurrent", EGL_BAD_ACCESS);
    EXPECT_EGL_ERROR(eglMakeCurrent(display, nullptr, nullptr, nullptr), EGL_BAD_ACCESS);
    a->fail("eglMakeCurrent", EGL_SUCCESS);
    EXPECT_TRUE(eglSwapBuffers(display, surface));
    EXPECT_EQ(eglGetError(), EGL_SUCCESS);
}

TEST_F(EglFailingVendorTest, AWindowKeepsItsSizeWhereTheVendorHasNoMemory) {
    const auto resize = reinterpret_cast<PFNEGLRESIZEWINDOWVDMABUFPROC>(
        eglGetProcAddress("eglResizeWindowVDMABUF"));
    ASSERT_TRUE(resize && current());
    EGLint before = 0;
    EGLint width = 0;
    ASSERT_TRUE(eglQuerySurface(display, surface, EGL_WIDTH, &before));
    a->fail("eglCreatePbufferSurface", EGL_BAD_ALLOC);
    EXPECT_TRUE(resize(display, surface, 50, 50));
    EXPECT_TRUE(eglQuerySurface(display, surface, EGL_WIDTH, &width));
    EXPECT_EQ(width, before);
    EXPECT_TRUE(eglSwapBuffers(display, surface));
    EXPECT_EQ(a->live_surfaces(), 1);
    a->fail("eglCreatePbufferSurface", EGL_SUCCESS);
    EXPECT_TRUE(eglSwapBuffers(display, surface));  // and has the new one when it can
    EXPECT_TRUE(eglQuerySurface(display, surface, EGL_WIDTH, &width));
    EXPECT_EQ(width, 50);
    EXPECT_EQ(a->live_surfaces(), 1);
}

TEST_F(EglFailingVendorTest, ASurfaceGoesThoughTheVendorComplains) {
    ASSERT_TRUE(current());
    a->fail("eglDestroySurface", EGL_BAD_ALLOC);
    EXPECT_TRUE(eglDestroySurface(display, surface));
    EXPECT_EQ(eglGetError(), EGL_SUCCESS);
    EXPECT_TRUE(eglMakeCurrent(display, nullptr, nullptr, nullptr));
    EXPECT_EQ(eglGetError(), EGL_SUCCESS);
    a->fail("eglDestroySurface", EGL_SUCCESS);
}

TEST_F(EglFailingVendorTest, ExtensionsThatOnlyTheVendorHas) {
    // What libglvnd does not know itself and no vendor has a stub for is not there.
    EXPECT_FALSE(eglGetProcAddress("eglPresentationTimeANDROID"));
    const EGLint size[] = {EGL_WIDTH, 8, EGL_HEIGHT, 8, EGL_NONE};
    const EGLSurface pbuffer = eglCreatePbufferSurface(display, config, size);
    EGLint rect[] = {0, 0, 1, 1};
    // These are ours, and surfaces of the vendor get what it has.
    const auto region =
        reinterpret_cast<PFNEGLSETDAMAGEREGIONKHRPROC>(eglGetProcAddress("eglSetDamageRegionKHR"));
    ASSERT_TRUE(region);
    EXPECT_EGL_ERROR(region(display, pbuffer, rect, 1), EGL_BAD_SURFACE);
    const auto post =
        reinterpret_cast<PFNEGLPOSTSUBBUFFERNVPROC>(eglGetProcAddress("eglPostSubBufferNV"));
    ASSERT_TRUE(post);
    EXPECT_EGL_ERROR(post(display, pbuffer, 0, 0, 1, 1), EGL_BAD_SURFACE);
    int swaps = 0;
    for (const char* name : {"eglSwapBuffersWithDamageKHR", "eglSwapBuffersWithDamageEXT"}) {
        const auto swap =
            reinterpret_cast<PFNEGLSWAPBUFFERSWITHDAMAGEKHRPROC>(eglGetProcAddress(name));
        ASSERT_TRUE(swap) << name;
        EXPECT_TRUE(swap(display, pbuffer, rect, 1));
        EXPECT_EQ(a->calls("eglSwapBuffers"), ++swaps);
        EXPECT_EGL_ERROR(swap(EGL_NO_DISPLAY, pbuffer, rect, 1), EGL_BAD_DISPLAY);
        EXPECT_EGL_ERROR(swap(display, surface, rect, 1), EGL_BAD_SURFACE);  // not current
    }
    ASSERT_TRUE(current());
    EGLint age = -1;
    EXPECT_TRUE(eglQuerySurface(display, surface, EGL_BUFFER_AGE_KHR, &age));
    EXPECT_TRUE(region(display, surface, rect, 1));
    EXPECT_TRUE(eglDestroySurface(display, pbuffer));
}

// Who serves below: the next in order that can.
class EglVendorOrderTest : public EglDummyTest {
  protected:
    void expect_below(const char* library, const char* other) {
        const EGLDisplay display =
            eglGetPlatformDisplay(EGL_PLATFORM_HOST_VDMABUF, nullptr, nullptr);
        ASSERT_NE(display, EGL_NO_DISPLAY);
        ASSERT_TRUE(eglInitialize(display, nullptr, nullptr));
        const EGLSurface surface = eglCreateWindowSurface(display, config(display), 0, nullptr);
        EXPECT_NE(surface, EGL_NO_SURFACE);
        EXPECT_EQ(control(library).live_surfaces(), 1);
        EXPECT_EQ(control(other).calls("eglInitialize"), 0);
        EXPECT_EQ(control(other).live_surfaces(), 0);
        eglTerminate(display);
    }
    static EGLConfig config(EGLDisplay display) {
        EGLConfig config = nullptr;
        EGLint count = 0;
        EXPECT_TRUE(eglChooseConfig(display, nullptr, &config, 1, &count));
        return config;
    }
    void both() const {
        vendor("20_a", VDMABUF_TEST_DUMMY_A);
        vendor("30_b", VDMABUF_TEST_DUMMY_B);
    }
};

TEST_F(EglVendorOrderTest, TheFirstInOrder) {
    both();
    expect_below(VDMABUF_TEST_DUMMY_A, VDMABUF_TEST_DUMMY_B);
}

TEST_F(EglVendorOrderTest, TheNamedOne) {
    both();
    ::setenv("VDMABUF_EGL_VENDOR", VDMABUF_TEST_DUMMY_B, 1);
    expect_below(VDMABUF_TEST_DUMMY_B, VDMABUF_TEST_DUMMY_A);
}

TEST_F(EglVendorOrderTest, WhatIsNoVendorIsPassedOver) {
    vendor("05_nowhere", "/nowhere/libEGL_nowhere.so.0");
    vendor("06_no_library", (folder_ / "06_no_library.json").string());
    vendor("07_no_vendor", "libz.so.1");
    vendor("08_ourselves", VDMABUF_TEST_MANIFESTS "/../egl/libEGL_vdmabuf.so.0");
    vendor("20_a", VDMABUF_TEST_DUMMY_A);
    vendor("30_b", VDMABUF_TEST_DUMMY_B);
    expect_below(VDMABUF_TEST_DUMMY_A, VDMABUF_TEST_DUMMY_B);
}

TEST_F(EglVendorOrderTest, AVendorWithoutAFunctionIsPassedOver) {
    vendor("20_a", VDMABUF_TEST_DUMMY_A);
    ::setenv(kDummyLacks, "eglSwapInterval", 1);
    EXPECT_EQ(eglGetPlatformDisplay(EGL_PLATFORM_HOST_VDMABUF, nullptr, nullptr), EGL_NO_DISPLAY);
}

TEST_F(EglVendorOrderTest, AVendorThatRefusesIsPassedOver) {
    vendor("20_a", VDMABUF_TEST_DUMMY_A);
    ::setenv(kDummyLacks, "main", 1);
    EXPECT_EQ(eglGetPlatformDisplay(EGL_PLATFORM_HOST_VDMABUF, nullptr, nullptr), EGL_NO_DISPLAY);
}

// A vendor that has no displays without a window system is left to what it can do.
TEST_F(EglVendorOrderTest, AVendorWithoutSurfacelessDisplaysServesItself) {
    vendor("20_a", VDMABUF_TEST_DUMMY_A);
    ::setenv(kDummyLacks, "EGL_MESA_platform_surfaceless", 1);
    const EGLDisplay display = eglGetPlatformDisplay(EGL_PLATFORM_HOST_VDMABUF, nullptr, nullptr);
    ASSERT_NE(display, EGL_NO_DISPLAY);
    const DummyControl& a = control(VDMABUF_TEST_DUMMY_A);
    EXPECT_EQ(a.calls(("display " + std::to_string(EGL_PLATFORM_HOST_VDMABUF)).c_str()), 1);
    ASSERT_TRUE(eglInitialize(display, nullptr, nullptr));
    EXPECT_NE(eglCreateWindowSurface(display, config(display), 0, nullptr), EGL_NO_SURFACE);
    EXPECT_EQ(a.calls("eglCreateWindowSurface"), 1);
    EXPECT_EQ(a.calls("eglCreatePbufferSurface"), 0);
}

TEST_F(EglVendorOrderTest, FailingToStartIsTold) {
    vendor("20_a", VDMABUF_TEST_DUMMY_A);
    const EGLDisplay display = eglGetPlatformDisplay(EGL_PLATFORM_HOST_VDMABUF, nullptr, nullptr);
    ASSERT_NE(display, EGL_NO_DISPLAY);
    control(VDMABUF_TEST_DUMMY_A).fail("eglInitialize", EGL_NOT_INITIALIZED);
    EXPECT_EGL_ERROR(eglInitialize(display, nullptr, nullptr), EGL_NOT_INITIALIZED);
    control(VDMABUF_TEST_DUMMY_A).fail("eglInitialize", EGL_SUCCESS);
    EXPECT_TRUE(eglInitialize(display, nullptr, nullptr));
}

}  // namespace
}  // namespace vdmabuf::test
