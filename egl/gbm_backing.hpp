// SPDX-License-Identifier: MIT
// A gbm_surface in the window's place: the buffers that the app's framebuffer 0 is made of are
// handed to the host themselves, as dmabufs. Nobody copies.
#pragma once

#include <memory>
#include <vector>

#include "egl/backing.hpp"
#include "egl/gbm_library.hpp"

namespace vdmabuf::egl {

// `fourcc`: the configuration's (EGL_NATIVE_VISUAL_ID). `attributes`: of the surface, without an
// end.
std::unique_ptr<Backing> make_gbm_backing(EGLDisplay display, const GbmDevice& device,
                                          EGLConfig config, std::uint32_t fourcc,
                                          std::vector<EGLint> attributes);

}  // namespace vdmabuf::egl
