// SPDX-License-Identifier: MIT
// EGL's and libglvnd's headers, as this folder uses them.
#pragma once

#include <EGL/egl.h>
#include <EGL/eglext.h>
#include <glvnd/libeglabi.h>

namespace vdmabuf::egl {

using Function = __eglMustCastToProperFunctionPointerType;

}  // namespace vdmabuf::egl
