// SPDX-License-Identifier: MIT
#include "runtime/consumer/egl/egl_image.hpp"

#include <unistd.h>

#include <limits>
#include <utility>
#include <vector>

namespace vdmabuf::consumer::egl {
namespace {

struct PlaneNames {
    EGLint fd, offset, pitch, modifier_low, modifier_high;
};
constexpr PlaneNames kPlanes[stream::kMaxPlanes] = {
    {EGL_DMA_BUF_PLANE0_FD_EXT, EGL_DMA_BUF_PLANE0_OFFSET_EXT, EGL_DMA_BUF_PLANE0_PITCH_EXT,
     EGL_DMA_BUF_PLANE0_MODIFIER_LO_EXT, EGL_DMA_BUF_PLANE0_MODIFIER_HI_EXT},
    {EGL_DMA_BUF_PLANE1_FD_EXT, EGL_DMA_BUF_PLANE1_OFFSET_EXT, EGL_DMA_BUF_PLANE1_PITCH_EXT,
     EGL_DMA_BUF_PLANE1_MODIFIER_LO_EXT, EGL_DMA_BUF_PLANE1_MODIFIER_HI_EXT},
    {EGL_DMA_BUF_PLANE2_FD_EXT, EGL_DMA_BUF_PLANE2_OFFSET_EXT, EGL_DMA_BUF_PLANE2_PITCH_EXT,
     EGL_DMA_BUF_PLANE2_MODIFIER_LO_EXT, EGL_DMA_BUF_PLANE2_MODIFIER_HI_EXT},
    {EGL_DMA_BUF_PLANE3_FD_EXT, EGL_DMA_BUF_PLANE3_OFFSET_EXT, EGL_DMA_BUF_PLANE3_PITCH_EXT,
     EGL_DMA_BUF_PLANE3_MODIFIER_LO_EXT, EGL_DMA_BUF_PLANE3_MODIFIER_HI_EXT},
};

// EGL's attributes are signed and have 32 bits.
bool fits(std::uint64_t value) {
    return value <= static_cast<std::uint64_t>(std::numeric_limits<EGLint>::max());
}

}  // namespace

Result<EglImage> EglImage::import(const Functions& egl, EGLDisplay display,
                                  const ImageLayout& layout, BufferFiles& files) {
    if (files.kind != MemoryKind::dmabuf) return Error{ENOTSUP, "EGL imports dmabufs only"};
    if (!egl.create_image || !egl.destroy_image ||
        !egl.has(display, "EGL_EXT_image_dma_buf_import")) {
        return Error{ENOTSUP, "no EGL_EXT_image_dma_buf_import"};
    }
    const bool modifiers = egl.has(display, "EGL_EXT_image_dma_buf_import_modifiers");
    if (!modifiers && !layout.is_linear()) {
        return Error{ENOTSUP, "no EGL_EXT_image_dma_buf_import_modifiers"};
    }
    const int fd = files.files.front().get();
    const off_t end = ::lseek(fd, 0, SEEK_END);
    if (end < 0 || static_cast<std::uint64_t>(end) < files.size) {
        return Error{EBADMSG, "the dmabuf is smaller than announced"};
    }
    std::vector<EGLint> attributes = {EGL_WIDTH,
                                      static_cast<EGLint>(layout.width),
                                      EGL_HEIGHT,
                                      static_cast<EGLint>(layout.height),
                                      EGL_LINUX_DRM_FOURCC_EXT,
                                      static_cast<EGLint>(layout.format->fourcc)};
    for (std::uint32_t i = 0; i < layout.plane_count; ++i) {
        const stream::Plane& plane = layout.planes[i];
        if (!fits(plane.offset) || !fits(plane.pitch)) {
            return Error{ENOTSUP, "EGL knows no offsets and pitches of 2 GiB and more"};
        }
        const PlaneNames& names = kPlanes[i];
        attributes.insert(attributes.end(),
                          {names.fd, fd, names.offset, static_cast<EGLint>(plane.offset),
                           names.pitch, static_cast<EGLint>(plane.pitch)});
        // LINEAR is said as well: without it, drivers guess.
        if (!modifiers) continue;
        attributes.insert(attributes.end(),
                          {names.modifier_low, static_cast<EGLint>(layout.modifier & 0xFFFFFFFF),
                           names.modifier_high, static_cast<EGLint>(layout.modifier >> 32)});
    }
    attributes.push_back(EGL_NONE);
    EglImage image;
    image.image_ = egl.create_image(display, EGL_NO_CONTEXT, EGL_LINUX_DMA_BUF_EXT, nullptr,
                                    attributes.data());
    if (image.image_ == EGL_NO_IMAGE_KHR) return egl.error("the driver refuses the dmabuf");
    image.destroy_ = egl.destroy_image;
    image.display_ = display;
    image.layout_ = layout;
    image.dmabuf_ = std::move(files.files.front());  // EGL has its own reference
    return image;
}

EglImage::EglImage(EglImage&& other) noexcept
    : destroy_(other.destroy_),
      display_(other.display_),
      image_(std::exchange(other.image_, EGL_NO_IMAGE_KHR)),
      dmabuf_(std::move(other.dmabuf_)),
      layout_(other.layout_) {}

EglImage& EglImage::operator=(EglImage&& other) noexcept {
    if (this != &other) {
        reset();
        destroy_ = other.destroy_;
        display_ = other.display_;
        image_ = std::exchange(other.image_, EGL_NO_IMAGE_KHR);
        dmabuf_ = std::move(other.dmabuf_);
        layout_ = other.layout_;
    }
    return *this;
}

void EglImage::reset() {
    if (image_ != EGL_NO_IMAGE_KHR) destroy_(display_, std::exchange(image_, EGL_NO_IMAGE_KHR));
}

}  // namespace vdmabuf::consumer::egl
