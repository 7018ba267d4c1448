// SPDX-License-Identifier: MIT
#include "egl/enabled.hpp"

#include <cstdlib>
#include <cstring>

#include "runtime/common/log.hpp"

namespace vdmabuf::egl {

bool enabled() noexcept {
    const char* enable = std::getenv("ENABLE_VDMABUF");
    if (!enable || std::strcmp(enable, "1") != 0) {
        LOG_INFO("EGL: stepping aside, ENABLE_VDMABUF is not 1");
        return false;
    }
    if (std::getenv("DISABLE_VDMABUF")) {
        LOG_INFO("EGL: stepping aside, DISABLE_VDMABUF is set");
        return false;
    }
    const char* way = std::getenv("VDMABUF_GL");
    if (way && *way && std::strcmp(way, "egl") != 0) {
        LOG_INFO("EGL: stepping aside, VDMABUF_GL is %s", way);
        return false;
    }
    return true;
}

}  // namespace vdmabuf::egl
