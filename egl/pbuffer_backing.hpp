// SPDX-License-Identifier: MIT
// A pbuffer in the window's place, whose pixels are copied into shared pages at each swap.
#pragma once

#include <memory>
#include <vector>

#include "egl/backing.hpp"

namespace vdmabuf::egl {

// `attributes`: of the pbuffer, without an end. `by_gpu`: it copies, where it can; else a CPU
// reads.
std::unique_ptr<Backing> make_pbuffer_backing(EGLDisplay display, EGLConfig config,
                                              std::vector<EGLint> attributes, bool by_gpu);

// A pbuffer that the app has made itself. From now on it is destroyed with what is returned.
std::unique_ptr<Backing> adopt_pbuffer(EGLDisplay display, EGLConfig config, EGLSurface pbuffer,
                                       bool by_gpu);

}  // namespace vdmabuf::egl
