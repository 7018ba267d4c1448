// SPDX-License-Identifier: MIT
// Displays without a window system (EGL_VDMABUF_platform_host): windows are the host's alone.
#include <vdmabuf/egl.h>

#include <atomic>
#include <cstdio>
#include <cstdlib>

#include "egl/platform.hpp"
#include "egl/window_request.hpp"
#include "runtime/common/log.hpp"

namespace vdmabuf::egl {
namespace {

constexpr window::Extent kDefault{1280, 720};

// As the Vulkan layer reads it for VK_KHR_display; a rate is for that alone.
window::Extent default_extent() {
    const char* wish = std::getenv("VDMABUF_DISPLAY");
    if (!wish || !*wish) return kDefault;
    unsigned width = 0;
    unsigned height = 0;
    if (std::sscanf(wish, "%5ux%5u", &width, &height) == 2 &&
        is_size(static_cast<EGLint>(width), static_cast<EGLint>(height))) {
        return {width, height};
    }
    LOG_WARNING("VDMABUF_DISPLAY=%s is no size: WIDTHxHEIGHT", wish);
    return kDefault;
}

class HostNative final : public NativeWindow {
  public:
    explicit HostNative(window::Extent extent) : extent_(pack(extent)) {}

    void watch(Events) override {}  // it has no title but that of its surface
    void unwatch() noexcept override {}
    window::Extent extent() noexcept override {
        const std::uint64_t packed = extent_.load(std::memory_order_acquire);
        return {static_cast<std::uint32_t>(packed >> 32), static_cast<std::uint32_t>(packed)};
    }
    bool lost() const noexcept override { return false; }
    const void* identity() const noexcept override { return this; }
    bool set_extent(window::Extent extent) noexcept override {
        extent_.store(pack(extent), std::memory_order_release);
        return true;
    }

  private:
    static std::uint64_t pack(window::Extent extent) {
        return std::uint64_t{extent.width} << 32 | extent.height;
    }

    std::atomic<std::uint64_t> extent_;  // width in the high half
};

class HostPlatform final : public Platform {
  public:
    explicit HostPlatform(bool by_default) : by_default_(by_default) {}

    bool serves(EGLenum platform, void* native) const override {
        return !native &&
               (platform == EGL_PLATFORM_HOST_VDMABUF || (platform == EGL_NONE && by_default_));
    }
    bool sized_by_app() const override { return true; }

    // Any number of windows, and no handle that would tell one from another.
    std::unique_ptr<NativeWindow> window(void* handle, bool, window::Extent wanted,
                                         EGLint& error) override {
        if (handle) {
            error = EGL_BAD_NATIVE_WINDOW;
            return nullptr;
        }
        const window::Extent usual = default_extent();
        if (wanted.width == 0) wanted.width = usual.width;
        if (wanted.height == 0) wanted.height = usual.height;
        return std::make_unique<HostNative>(wanted);
    }

  private:
    const bool by_default_;
};

}  // namespace

std::unique_ptr<Platform> make_host_platform(void* native, bool by_default) {
    if (native) return nullptr;
    return std::make_unique<HostPlatform>(by_default);
}

}  // namespace vdmabuf::egl
