// SPDX-License-Identifier: MIT
#include <chrono>
#include <string>
#include <thread>
#include <vector>

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

// What another thread has is left alone (EGL 1.5, 3.7.3).
TEST_F(EglWindowTest, ASurfaceIsCurrentInOneThreadOnly) {
    std::thread([&] {
        eglBindAPI(EGL_OPENGL_ES_API);
        const EGLint version[] = {EGL_CONTEXT_MAJOR_VERSION, 3, EGL_NONE};
        EGLContext context = eglCreateContext(app->display, app->config, nullptr, version);
        ASSERT_NE(context, EGL_NO_CONTEXT);
        EXPECT_EGL_ERROR(eglMakeCurrent(app->display, surface, surface, context), EGL_BAD_ACCESS);
        EXPECT_EGL_ERROR(eglMakeCurrent(app->display, surface, surface, app->context),
                         EGL_BAD_ACCESS);
        EXPECT_EGL_ERROR(eglSwapBuffers(app->display, surface), EGL_BAD_SURFACE);
        EXPECT_EGL_ERROR(eglSwapInterval(app->display, 1), EGL_BAD_CONTEXT);
        EXPECT_TRUE(eglDestroyContext(app->display, context));
        EXPECT_TRUE(eglReleaseThread());
    }).join();
    host();
    ASSERT_TRUE(show(4));
    expect_quarters(4);
    ASSERT_TRUE(eglMakeCurrent(app->display, EGL_NO_SURFACE, EGL_NO_SURFACE, app->context));
    EXPECT_EGL_ERROR(eglSwapInterval(app->display, 1), EGL_BAD_SURFACE);
}

// EGL_KHR_get_all_proc_addresses, and all that the extensions that a display tells have.
TEST_F(EglWindowTest, EveryFunctionIsFound) {
    const std::string extensions = std::string(" ") +
                                   eglQueryString(EGL_NO_DISPLAY, EGL_EXTENSIONS) + " " +
                                   eglQueryString(app->display, EGL_EXTENSIONS) + " ";
    const struct {
        const char* extension;  // null: EGL 1.5
        std::vector<const char*> functions;
    } kinds[] = {
        {nullptr,
         {"eglBindAPI",
          "eglBindTexImage",
          "eglChooseConfig",
          "eglClientWaitSync",
          "eglCopyBuffers",
          "eglCreateContext",
          "eglCreateImage",
          "eglCreatePbufferFromClientBuffer",
          "eglCreatePbufferSurface",
          "eglCreatePixmapSurface",
          "eglCreatePlatformPixmapSurface",
          "eglCreatePlatformWindowSurface",
          "eglCreateSync",
          "eglCreateWindowSurface",
          "eglDestroyContext",
          "eglDestroyImage",
          "eglDestroySurface",
          "eglDestroySync",
          "eglGetConfigAttrib",
          "eglGetConfigs",
          "eglGetCurrentContext",
          "eglGetCurrentDisplay",
          "eglGetCurrentSurface",
          "eglGetDisplay",
          "eglGetError",
          "eglGetPlatformDisplay",
          "eglGetProcAddress",
          "eglGetSyncAttrib",
          "eglInitialize",
          "eglMakeCurrent",
          "eglQueryAPI",
          "eglQueryContext",
          "eglQueryString",
          "eglQuerySurface",
          "eglReleaseTexImage",
          "eglReleaseThread",
          "eglSurfaceAttrib",
          "eglSwapBuffers",
          "eglSwapInterval",
          "eglTerminate",
          "eglWaitClient",
          "eglWaitGL",
          "eglWaitNative",
          "eglWaitSync"}},
        {"EGL_EXT_platform_base",
         {"eglCreatePlatformPixmapSurfaceEXT", "eglCreatePlatformWindowSurfaceEXT",
          "eglGetPlatformDisplayEXT"}},
        {"EGL_KHR_swap_buffers_with_damage", {"eglSwapBuffersWithDamageKHR"}},
        {"EGL_EXT_swap_buffers_with_damage", {"eglSwapBuffersWithDamageEXT"}},
        {"EGL_KHR_partial_update", {"eglSetDamageRegionKHR"}},
        {"EGL_NV_post_sub_buffer", {"eglPostSubBufferNV"}},
        {"EGL_KHR_fence_sync",
         {"eglClientWaitSyncKHR", "eglCreateSyncKHR", "eglDestroySyncKHR", "eglGetSyncAttribKHR"}},
        {"EGL_KHR_wait_sync", {"eglWaitSyncKHR"}},
        {"EGL_KHR_image_base", {"eglCreateImageKHR", "eglDestroyImageKHR"}},
        {"EGL_ANDROID_native_fence_sync", {"eglDupNativeFenceFDANDROID"}},
        {"EGL_MESA_image_dma_buf_export",
         {"eglExportDMABUFImageMESA", "eglExportDMABUFImageQueryMESA"}},
        {"EGL_EXT_device_query", {"eglQueryDeviceStringEXT", "eglQueryDisplayAttribEXT"}},
        {"EGL_VDMABUF_host_window",
         {"eglExportFrameVDMABUF", "eglNextHostEventVDMABUF", "eglResizeWindowVDMABUF",
          "eglSwapBuffersWithFenceVDMABUF", "eglWindowTitleVDMABUF"}},
    };
    int told = 0;
    for (const auto& [extension, functions] : kinds) {
        if (extension && extensions.find(" " + std::string(extension) + " ") == std::string::npos) {
            continue;
        }
        ++told;
        for (const char* name : functions) EXPECT_TRUE(eglGetProcAddress(name)) << name;
    }
    EXPECT_GE(told, 8);
    EXPECT_FALSE(eglGetProcAddress("eglNoSuchFunctionVDMABUF"));
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
