// SPDX-License-Identifier: MIT
#pragma once

#include <cstdint>
#include <vector>

#include "runtime/consumer/egl/egl_image.hpp"
#include "runtime/consumer/egl/gl_functions.hpp"

namespace vdmabuf::consumer::egl {

// What a shader reads from the image: red, green, blue, alpha of 8 bits, first row of the image
// first. For the self-test and for tests; in a context of OpenGL ES that nobody else uses
// (ScratchContext), and waits for the GPU.
Result<std::vector<std::uint8_t>> sample(const GlFunctions& gl, const EglImage& image);

}  // namespace vdmabuf::consumer::egl
