// SPDX-License-Identifier: MIT
#include "egl/vendor_display.hpp"

#include <algorithm>

#include "egl/strategy.hpp"
#include "runtime/common/drm_format.hpp"
#include "runtime/common/log.hpp"

namespace vdmabuf::egl {

namespace {

// Whether the host shows other drivers' dmabufs: from a VM always, as pages like any. On this
// kernel only consumers get them that import dmabufs, which nobody says of one that takes LINEAR
// alone.
bool takes_foreign_dmabufs(const producer::Connection& connection) {
    if (connection.endpoint().kind == producer::Endpoint::Kind::device) return true;
    const auto formats = connection.formats();
    return std::any_of(formats.begin(), formats.end(),
                       [](const auto& known) { return known.modifier != kModifierLinear; });
}

}  // namespace

std::unique_ptr<VendorDisplay> open_vendor_display(producer::Connection& connection) {
    const stream::Strategy wanted = wanted_strategy();
    if (wanted == stream::Strategy::dmabuf_export ||
        (wanted == stream::Strategy::unknown && takes_foreign_dmabufs(connection))) {
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
