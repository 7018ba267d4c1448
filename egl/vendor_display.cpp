// SPDX-License-Identifier: MIT
#include "egl/vendor_display.hpp"

#include "egl/strategy.hpp"
#include "runtime/common/log.hpp"

namespace vdmabuf::egl {

std::unique_ptr<VendorDisplay> open_vendor_display(producer::Connection& connection) {
    const stream::Strategy wanted = wanted_strategy();
    if (wanted == stream::Strategy::unknown || wanted == stream::Strategy::dmabuf_export) {
        if (auto display = open_gbm_display(connection)) return display;
        if (wanted == stream::Strategy::dmabuf_export) {
            LOG_WARNING(
                "EGL: strategy dmabuf-export cannot serve: no device renders into memory "
                "that can be shared");
        }
    }
    return open_surfaceless_display();
}

}  // namespace vdmabuf::egl
