// SPDX-License-Identifier: MIT
// A vendor library that draws nothing, counts what it is asked, and fails on demand.
#pragma once

#include <EGL/egl.h>

namespace vdmabuf::test {

// What it exports besides __egl_Main, as "dummy_control".
struct DummyControl {
    int (*calls)(const char* function);
    // From now on this function fails with this error; EGL_SUCCESS: works again.
    void (*fail)(const char* function, EGLint error);
    int (*live_surfaces)();
    // What the function that was called last was given.
    EGLSurface (*last_surface)();
};

// Environment, in lists with spaces: functions that it has not, and "main": it refuses to serve.
constexpr const char* kDummyLacks = "VDMABUF_DUMMY_LACKS";

}  // namespace vdmabuf::test
