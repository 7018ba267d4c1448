// SPDX-License-Identifier: MIT
#pragma once

#include "runtime/consumer/egl/egl_functions.hpp"
#include "runtime/consumer/verdict_cache.hpp"

namespace vdmabuf::consumer::egl {

// Whether the display's driver can be trusted with dmabufs as EGLImages: known from an earlier run,
// or tested now, with pages of our own that a shader reads (as the Vulkan ways are tested, see
// runtime/consumer/self_test.hpp). Whatever context is current stays so. "untested" where there is
// no udmabuf to test with, or no context without a surface: look at the first frame then.
Verdict trust(const Functions& egl, EGLDisplay display);

// Tests now, whatever is remembered.
Verdict self_test(const Functions& egl, EGLDisplay display);

}  // namespace vdmabuf::consumer::egl
