// SPDX-License-Identifier: MIT
#pragma once

#include <sys/mman.h>
#include <unistd.h>
#include <vdmabuf/egl.h>

#include "runtime/common/clock.hpp"
#include "tests/egl/gl_app.hpp"

namespace vdmabuf::test {

// The functions of EGL_VDMABUF_host_window, as apps get them.
struct Extension {
    template <typename Type>
    static Type load(const char* name) {
        const auto function = reinterpret_cast<Type>(eglGetProcAddress(name));
        EXPECT_TRUE(function) << name;
        return function;
    }

    // The next event of this type, those of others being dropped; EGL_NONE: it did not come.
    EGLHostEventVDMABUF wait(EGLDisplay display, EGLSurface surface, EGLenum type,
                             std::uint64_t timeout_ns) const {
        const std::uint64_t deadline = now_ns() + timeout_ns;
        EGLHostEventVDMABUF event{};
        event.type = EGL_NONE;
        while (now_ns() < deadline) {
            if (!next_event(display, surface, deadline - now_ns(), &event)) break;
            if (event.type == type) return event;
        }
        event.type = EGL_NONE;
        return event;
    }

    PFNEGLWINDOWTITLEVDMABUFPROC window_title =
        load<PFNEGLWINDOWTITLEVDMABUFPROC>("eglWindowTitleVDMABUF");
    PFNEGLRESIZEWINDOWVDMABUFPROC resize_window =
        load<PFNEGLRESIZEWINDOWVDMABUFPROC>("eglResizeWindowVDMABUF");
    PFNEGLNEXTHOSTEVENTVDMABUFPROC next_event =
        load<PFNEGLNEXTHOSTEVENTVDMABUFPROC>("eglNextHostEventVDMABUF");
    PFNEGLSWAPBUFFERSWITHFENCEVDMABUFPROC swap =
        load<PFNEGLSWAPBUFFERSWITHFENCEVDMABUFPROC>("eglSwapBuffersWithFenceVDMABUF");
    PFNEGLEXPORTFRAMEVDMABUFPROC export_frame =
        load<PFNEGLEXPORTFRAMEVDMABUFPROC>("eglExportFrameVDMABUF");
};

// The pixels behind an exported frame are draw_quarters()'s.
inline void expect_quarters_in(const EGLHostFrameVDMABUF& frame, std::uint32_t seed) {
    const auto pitch = static_cast<std::size_t>(frame.pitches[0]);
    const std::size_t size =
        static_cast<std::size_t>(frame.offsets[0]) + pitch * static_cast<std::size_t>(frame.height);
    void* const mapped = ::mmap(nullptr, size, PROT_READ, MAP_SHARED, frame.fd, 0);
    ASSERT_NE(mapped, MAP_FAILED);
    SeenFrame seen;
    seen.image.width = static_cast<std::uint32_t>(frame.width);
    seen.image.height = static_cast<std::uint32_t>(frame.height);
    seen.image.fourcc = static_cast<std::uint32_t>(frame.fourcc);
    seen.image.flags = frame.y_inverted ? stream::kImageYFlip : 0;
    for (EGLint y = 0; y < frame.height; ++y) {
        const auto* row = reinterpret_cast<const std::uint32_t*>(
            static_cast<const std::byte*>(mapped) + frame.offsets[0] +
            pitch * static_cast<std::size_t>(y));
        seen.pixels.insert(seen.pixels.end(), row, row + frame.width);
    }
    ::munmap(mapped, size);
    EXPECT_TRUE(has_quarters(seen, seed));
}

}  // namespace vdmabuf::test
