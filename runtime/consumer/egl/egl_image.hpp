// SPDX-License-Identifier: MIT
#pragma once

#include <string>

#include "runtime/common/unique_fd.hpp"
#include "runtime/consumer/egl/egl_functions.hpp"
#include "runtime/consumer/image_layout.hpp"
#include "runtime/consumer/run_table.hpp"

namespace vdmabuf::consumer::egl {

// A stream's image as an EGLImage over the producer's pages, for glEGLImageTargetTexture2DOES.
// OpenGL ES has no barriers for memory that others write to: bind the image to its texture anew
// before each frame's first use.
class EglImage {
  public:
    // `layout` as check_layout() has passed it. Takes the dmabuf out of `files` on success.
    // ENOTSUP: EGL does not import such memory; the reason is for people (IMPORTED).
    static Result<EglImage> import(const Functions& egl, EGLDisplay display,
                                   const ImageLayout& layout, BufferFiles& files);
    EglImage(EglImage&& other) noexcept;
    EglImage& operator=(EglImage&& other) noexcept;
    EglImage(const EglImage&) = delete;
    EglImage& operator=(const EglImage&) = delete;
    ~EglImage() { reset(); }

    EGLImageKHR get() const { return image_; }
    const ImageLayout& layout() const { return layout_; }
    // For implicit fences.
    int dmabuf() const { return dmabuf_.get(); }

  private:
    EglImage() = default;
    void reset();

    PFNEGLDESTROYIMAGEKHRPROC destroy_ = nullptr;
    EGLDisplay display_ = EGL_NO_DISPLAY;
    EGLImageKHR image_ = EGL_NO_IMAGE_KHR;
    UniqueFd dmabuf_;
    ImageLayout layout_;
};

}  // namespace vdmabuf::consumer::egl
