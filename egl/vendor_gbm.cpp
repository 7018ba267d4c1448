// SPDX-License-Identifier: MIT
// A display of a GPU's node, or of a card's without a GPU, that Mesa draws for by the CPU. Each of
// the app's displays has its own.
#include <array>
#include <cstdio>
#include <cstdlib>

#include "egl/gbm_backing.hpp"
#include "egl/real_vendor.hpp"
#include "egl/vendor_display.hpp"
#include "runtime/common/drm_format.hpp"
#include "runtime/common/log.hpp"

namespace vdmabuf::egl {
namespace {

constexpr std::uint32_t kProbe = 64;  // pixels a side
// Formats whose pixels are known to the host. Those with alpha are shown without.
constexpr std::uint32_t kFormats[] = {fourcc_of("XR24"), fourcc_of("AR24"), fourcc_of("XB24"),
                                      fourcc_of("AB24"), fourcc_of("XR30"), fourcc_of("AR30"),
                                      fourcc_of("XB30"), fourcc_of("AB30"), fourcc_of("RG16")};

class GbmDisplay final : public VendorDisplay {
  public:
    GbmDisplay(EGLDisplay handle, std::unique_ptr<GbmDevice> device)
        : handle_(handle), device_(std::move(device)) {}
    EGLDisplay handle() const noexcept override { return handle_; }
    bool can_back(EGLConfig config, EGLint types) const noexcept override {
        if (!(types & EGL_WINDOW_BIT)) return false;
        for (const std::uint32_t fourcc : kFormats) {
            if (fourcc == fourcc_of_config(config)) return true;
        }
        return false;
    }
    // Pbuffers are gbm_surfaces that nobody is shown.
    EGLint told_types(EGLint types, bool window) const noexcept override {
        if (!(types & EGL_WINDOW_BIT)) return types;
        return (window ? types : types & ~EGL_WINDOW_BIT) | EGL_PBUFFER_BIT;
    }
    EGLint types_for(EGLint wanted) const noexcept override {
        return wanted & EGL_PBUFFER_BIT ? (wanted & ~EGL_PBUFFER_BIT) | EGL_WINDOW_BIT : wanted;
    }
    bool keeps_contents() const noexcept override { return false; }
    bool lacks_pbuffers() const noexcept override { return true; }
    std::unique_ptr<Backing> backing(EGLConfig config, std::vector<EGLint> attributes) override {
        return make_gbm_backing(handle_, *device_, config, fourcc_of_config(config),
                                std::move(attributes));
    }

  private:
    std::uint32_t fourcc_of_config(EGLConfig config) const noexcept {
        EGLint value = 0;
        (void)real().GetConfigAttrib(handle_, config, EGL_NATIVE_VISUAL_ID, &value);
        return static_cast<std::uint32_t>(value);
    }

    const EGLDisplay handle_;
    // As long as the vendor's display, which is as long as the process.
    const std::unique_ptr<GbmDevice> device_;
};

// Whether what the device renders to can be shown to the host: by doing it.
Status probe(const GbmDevice& device, producer::Connection& connection) {
    const Gbm& gbm = device.gbm();
    const auto destroy = [&](gbm_bo* bo) { gbm.bo_destroy(bo); };
    const std::unique_ptr<gbm_bo, decltype(destroy)> bo(
        gbm.bo_create(device.get(), kProbe, kProbe, kFormats[0],
                      GBM_BO_USE_RENDERING | GBM_BO_USE_LINEAR),
        destroy);
    if (!bo) return Error{errno, "it renders to no linear buffers"};
    UniqueFd fd(gbm.bo_get_fd(bo.get()));
    if (!fd) return Error{errno, "it exports no buffers"};
    const auto buffer = connection.import(std::move(fd), 1);
    return buffer ? connection.can_share(*buffer) : Status{buffer.error()};
}

std::unique_ptr<VendorDisplay> open_node(const Gbm& gbm, const char* path,
                                         producer::Connection& connection) {
    auto device = GbmDevice::open(gbm, path);
    if (!device) return nullptr;
    if (auto usable = probe(*device, connection); !usable) {
        LOG_INFO("EGL: %s does not serve: %s", path, usable.error().text.c_str());
        return nullptr;
    }
    EGLDisplay handle =
        real().imports.getPlatformDisplay(EGL_PLATFORM_GBM_KHR, device->get(), nullptr);
    if (handle == EGL_NO_DISPLAY) return nullptr;
    auto display = std::make_unique<GbmDisplay>(handle, std::move(device));
    // Whether it comes up is known only then; the app wants it as if nobody had.
    EGLint major = 0;
    EGLint minor = 0;
    const bool works = real().Initialize(handle, &major, &minor);
    if (!works) {
        LOG_INFO("EGL: %s does not serve: the vendor has no display for it", path);
        // The vendor knows the device by its address for ever.
        (void)display.release();
        return nullptr;
    }
    (void)real().Terminate(handle);
    LOG_INFO("EGL: windows are drawn into buffers of %s", path);
    return display;
}

struct Nodes {
    const char* format;
    int first;
    int count;
};
// Software drivers make buffers by nodes of the second kind only.
constexpr Nodes kNodes[] = {{"/dev/dri/renderD%d", 128, 64}, {"/dev/dri/card%d", 0, 64}};

}  // namespace

std::unique_ptr<VendorDisplay> open_gbm_display(producer::Connection& connection) {
    const Gbm* gbm = nullptr;
    for (const Nodes& nodes : kNodes) {
        for (int i = 0; i < nodes.count; ++i) {
            std::array<char, 32> path{};
            std::snprintf(path.data(), path.size(), nodes.format, nodes.first + i);
            if (::access(path.data(), R_OK | W_OK) != 0) continue;
            if (!gbm) gbm = Gbm::get();
            if (!gbm) return nullptr;
            if (auto display = open_node(*gbm, path.data(), connection)) return display;
        }
    }
    return nullptr;
}

}  // namespace vdmabuf::egl
