// SPDX-License-Identifier: MIT
// Reads the current framebuffer 0 into pages, and leaves the app's GL state as it was.
#pragma once

#include <cstdint>

#include "egl/egl.hpp"
#include "egl/frame_pages.hpp"

namespace vdmabuf::egl {

struct GlFunctions;

class ReadBack {
  public:
    // How framebuffers are bound: not at all, one for drawing and reading, or two.
    enum class Binding { none, both, read };

    // Learns what the current context is like. False: it cannot be read from.
    bool prepare();
    void forget() { known_ = false; }  // another context is current
    bool known() const { return known_; }
    const PixelLayout& layout() const { return layout_; }
    // Whether GL would encode what it draws into an sRGB surface now, in place of which there is a
    // linear one.
    bool encodes_srgb() const;
    // Whether the context copies into EGLImages; copy_rows() does.
    bool reaches_images() const { return images_; }
    void copy_rows(window::Extent extent, const Rows& rows, EGLImageKHR image) const;
    // The page's rows that it has not.
    void read(window::Extent extent, const FramePages::Page& page) const;

  private:
    const GlFunctions* gl_ = nullptr;
    bool known_ = false;
    Binding binding_ = Binding::none;
    bool read_buffer_ = false;  // GL_READ_BUFFER exists: ES 3 and desktop GL
    bool pack_skips_ = false;   // GL_PACK_ROW_LENGTH and others exist
    bool pack_buffer_ = false;
    bool images_ = false;
    bool desktop_ = false;
    bool srgb_switch_ = false;     // GL_FRAMEBUFFER_SRGB exists; without it all is encoded
    bool pixel_transfer_ = false;  // GL's pixel transfer modes exist
    unsigned format_ = 0;
    unsigned type_ = 0;
    PixelLayout layout_;
};

}  // namespace vdmabuf::egl
