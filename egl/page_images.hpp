// SPDX-License-Identifier: MIT
// EGLImages of a window's shared pages, for a GPU to write to (EGL_EXT_image_dma_buf_import).
#pragma once

#include <array>
#include <memory>

#include "egl/egl.hpp"
#include "egl/frame_pages.hpp"
#include "runtime/common/unique_fd.hpp"

namespace vdmabuf::egl {

class PageImages {
  public:
    struct Image {
        EGLImageKHR egl = EGL_NO_IMAGE_KHR;
        int dmabuf = -1;  // borrowed
    };
    explicit PageImages(EGLDisplay display) : display_(display) {}
    ~PageImages();
    PageImages(const PageImages&) = delete;
    PageImages& operator=(const PageImages&) = delete;

    // The vendor says that it has what this needs; the display is initialised.
    static bool offered(EGLDisplay display) noexcept;
    // Pixels of a configuration, as the host is told them.
    static std::uint32_t fourcc_for(EGLDisplay display, EGLConfig config) noexcept;

    // No image where there can be none. Made once for each buffer.
    Image get(std::uint32_t slot, const std::shared_ptr<producer::Buffer>& buffer,
              window::Extent extent, std::uint32_t fourcc, std::uint64_t pitch);

  private:
    struct Known {
        std::shared_ptr<producer::Buffer> buffer;
        UniqueFd dmabuf;
        EGLImageKHR image = EGL_NO_IMAGE_KHR;
        std::uint32_t slot = 0;
    };
    void forget(Known& known) noexcept;

    const EGLDisplay display_;
    std::array<Known, FramePages::kCount> known_;
};

}  // namespace vdmabuf::egl
