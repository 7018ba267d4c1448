// SPDX-License-Identifier: MIT
#include "egl/page_images.hpp"

#include <cstring>

#include "egl/real_vendor.hpp"
#include "runtime/common/drm_format.hpp"
#include "runtime/common/log.hpp"
#include "runtime/producer/buffer_dmabuf.hpp"

namespace vdmabuf::egl {
namespace {

struct Functions {
    PFNEGLCREATEIMAGEKHRPROC create =
        real().function<PFNEGLCREATEIMAGEKHRPROC>("eglCreateImageKHR");
    PFNEGLDESTROYIMAGEKHRPROC destroy =
        real().function<PFNEGLDESTROYIMAGEKHRPROC>("eglDestroyImageKHR");
};

const Functions& functions() {
    static const Functions found;
    return found;
}

}  // namespace

PageImages::~PageImages() {
    for (Known& known : known_) forget(known);
}

void PageImages::forget(Known& known) noexcept {
    if (known.image != EGL_NO_IMAGE_KHR) (void)functions().destroy(display_, known.image);
    known = Known{};
}

bool PageImages::offered(EGLDisplay display) noexcept {
    const char* extensions = real().QueryString(display, EGL_EXTENSIONS);
    return extensions && std::strstr(extensions, "EGL_EXT_image_dma_buf_import") &&
           functions().create && functions().destroy;
}

std::uint32_t PageImages::fourcc_for(EGLDisplay display, EGLConfig config) noexcept {
    EGLint red = 0;
    (void)real().GetConfigAttrib(display, config, EGL_RED_SIZE, &red);
    return red == 10 ? fourcc_of("XR30") : red == 5 ? fourcc_of("RG16") : fourcc_of("XR24");
}

PageImages::Image PageImages::get(std::uint32_t slot,
                                  const std::shared_ptr<producer::Buffer>& buffer,
                                  window::Extent extent, std::uint32_t fourcc,
                                  std::uint64_t pitch) {
    if (!buffer) return {};
    Known* place = nullptr;
    for (Known& known : known_) {
        if (known.buffer == buffer) return {known.image, known.dmabuf.get()};
        if (!place && (!known.buffer || known.slot == slot)) place = &known;
    }
    if (!place) {  // all are of another size, whose slots have gone
        for (Known& known : known_) forget(known);
        place = &known_[0];
    }
    forget(*place);
    auto dmabuf = producer::dmabuf_of(*buffer);
    if (!dmabuf) {
        LOG_INFO("EGL: no dmabuf of shared pages: %s", dmabuf.error().text.c_str());
        return {};
    }
    const EGLint attributes[] = {EGL_WIDTH,
                                 static_cast<EGLint>(extent.width),
                                 EGL_HEIGHT,
                                 static_cast<EGLint>(extent.height),
                                 EGL_LINUX_DRM_FOURCC_EXT,
                                 static_cast<EGLint>(fourcc),
                                 EGL_DMA_BUF_PLANE0_FD_EXT,
                                 dmabuf->get(),
                                 EGL_DMA_BUF_PLANE0_OFFSET_EXT,
                                 0,
                                 EGL_DMA_BUF_PLANE0_PITCH_EXT,
                                 static_cast<EGLint>(pitch),
                                 EGL_NONE};
    EGLImageKHR image =
        functions().create(display_, EGL_NO_CONTEXT, EGL_LINUX_DMA_BUF_EXT, nullptr, attributes);
    if (image == EGL_NO_IMAGE_KHR) {
        (void)real().GetError();
        return {};
    }
    *place = Known{buffer, *std::move(dmabuf), image, slot};
    return {image, place->dmabuf.get()};
}

}  // namespace vdmabuf::egl
