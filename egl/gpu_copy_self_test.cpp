// SPDX-License-Identifier: MIT
#include "egl/gpu_copy_self_test.hpp"

#include <cstring>

#include "egl/current.hpp"
#include "egl/page_images.hpp"
#include "egl/read_back.hpp"
#include "egl/real_vendor.hpp"
#include "egl/strategy.hpp"
#include "runtime/common/log.hpp"

namespace vdmabuf::egl {
namespace {

constexpr std::uint32_t kSide = 64;  // pixels
constexpr std::uint64_t kPitch = 256;
constexpr unsigned kScissorTest = 0x0C11;
constexpr unsigned kColourBuffer = 0x4000;

struct Functions {
    PFNEGLBINDAPIPROC bind_api = real().function<PFNEGLBINDAPIPROC>("eglBindAPI");
    PFNEGLQUERYAPIPROC query_api = real().function<PFNEGLQUERYAPIPROC>("eglQueryAPI");
    PFNEGLCREATECONTEXTPROC create = real().function<PFNEGLCREATECONTEXTPROC>("eglCreateContext");
    PFNEGLDESTROYCONTEXTPROC destroy =
        real().function<PFNEGLDESTROYCONTEXTPROC>("eglDestroyContext");
    void (*enable)(unsigned) = real().function<void (*)(unsigned)>("glEnable");
    void (*clear_colour)(float, float, float, float) =
        real().function<void (*)(float, float, float, float)>("glClearColor");
    void (*clear)(unsigned) = real().function<void (*)(unsigned)>("glClear");
    void (*scissor)(int, int, int,
                    int) = real().function<void (*)(int, int, int, int)>("glScissor");
    void (*finish)() = real().function<void (*)()>("glFinish");
    bool complete() const {
        return bind_api && query_api && create && destroy && enable && clear_colour && clear &&
               scissor && finish;
    }
};

// A context of its own, current while it lives.
class OwnContext {
  public:
    OwnContext(const Functions& egl, EGLDisplay display, EGLConfig config)
        : egl_(egl), display_(display), api_(egl.query_api()) {
        constexpr EGLint kSize = kSide;
        const EGLint size[] = {EGL_WIDTH, kSize, EGL_HEIGHT, kSize, EGL_NONE};
        const EGLint version[] = {EGL_CONTEXT_CLIENT_VERSION, 2, EGL_NONE};
        (void)egl_.bind_api(EGL_OPENGL_ES_API);
        surface_ = real().CreatePbufferSurface(display, config, size);
        context_ = egl_.create(display, config, EGL_NO_CONTEXT, version);
        current_ = surface_ != EGL_NO_SURFACE && context_ != EGL_NO_CONTEXT &&
                   real().MakeCurrent(display, surface_, surface_, context_);
    }
    ~OwnContext() {
        if (current_) {
            (void)real().MakeCurrent(display_, EGL_NO_SURFACE, EGL_NO_SURFACE, EGL_NO_CONTEXT);
        }
        if (context_ != EGL_NO_CONTEXT) (void)egl_.destroy(display_, context_);
        if (surface_ != EGL_NO_SURFACE) (void)real().DestroySurface(display_, surface_);
        (void)egl_.bind_api(api_);
        if (current_) make_current_again();
        (void)real().GetError();
    }
    OwnContext(const OwnContext&) = delete;
    OwnContext& operator=(const OwnContext&) = delete;
    bool current() const { return current_; }

  private:
    const Functions& egl_;
    const EGLDisplay display_;
    const EGLenum api_;
    EGLSurface surface_ = EGL_NO_SURFACE;
    EGLContext context_ = EGL_NO_CONTEXT;
    bool current_ = false;
};

// Red below, green above; in the pages, from below.
void draw(const Functions& gl) {
    constexpr int kAll = kSide;
    gl.clear_colour(1, 0, 0, 1);
    gl.clear(kColourBuffer);
    gl.enable(kScissorTest);
    gl.scissor(0, kAll / 2, kAll, kAll / 2);
    gl.clear_colour(0, 1, 0, 1);
    gl.clear(kColourBuffer);
}

bool is_right(const producer::Buffer& buffer) {
    for (std::uint32_t y = 0; y < kSide; ++y) {
        for (std::uint32_t x = 0; x < kSide; ++x) {
            std::uint32_t pixel = 0;
            std::memcpy(&pixel, buffer.mapping.bytes() + kPitch * y + sizeof pixel * x,
                        sizeof pixel);
            if ((pixel & 0xFFFFFF) != (y < kSide / 2 ? 0xFF0000u : 0x00FF00u)) return false;
        }
    }
    return true;
}

}  // namespace

GpuCopy test_gpu_copy(EGLDisplay display, EGLConfig config, producer::Connection& connection) {
    static const Functions functions;
    if (!functions.complete() || !PageImages::offered(display)) return GpuCopy::fails;
    auto buffer = connection.alloc(kPitch * kSide);
    if (!buffer) return GpuCopy::fails;
    const OwnContext context(functions, display, config);
    ReadBack copier;
    if (!context.current() || !copier.prepare() || !copier.reaches_images()) return GpuCopy::fails;
    PageImages images(display);
    const auto image =
        images.get(0, *buffer, {kSide, kSide}, PageImages::fourcc_for(display, config), kPitch);
    if (image.egl == EGL_NO_IMAGE_KHR) return GpuCopy::fails;
    draw(functions);
    copier.copy_rows({kSide, kSide}, {0, kSide}, image.egl);
    functions.finish();
    if (!is_right(**buffer)) {
        LOG_INFO("EGL: what the GPU copies into shared pages is not what was drawn");
        return GpuCopy::fails;
    }
    return drawn_by_cpu() ? GpuCopy::works_by_cpu : GpuCopy::works;
}

}  // namespace vdmabuf::egl
