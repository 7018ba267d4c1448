// SPDX-License-Identifier: MIT
#include "runtime/consumer/egl/egl_formats.hpp"

#include <algorithm>

#include "runtime/consumer/pixel_format.hpp"

namespace vdmabuf::consumer::egl {
namespace {

// A driver that names more is not asked for the rest.
constexpr EGLint kMostModifiers = 256;
constexpr EGLint kMostFormats = 1024;

std::vector<EGLint> formats_of(const Functions& egl, EGLDisplay display) {
    EGLint count = 0;
    if (!egl.query_formats(display, 0, nullptr, &count) || count <= 0) return {};
    std::vector<EGLint> formats(static_cast<std::size_t>(std::min(count, kMostFormats)));
    count = static_cast<EGLint>(formats.size());
    if (!egl.query_formats(display, count, formats.data(), &count)) return {};
    formats.resize(static_cast<std::size_t>(std::clamp(count, 0, kMostFormats)));
    return formats;
}

}  // namespace

std::vector<stream::FormatModifier> importable_formats(const Functions& egl, EGLDisplay display,
                                                       External external) {
    std::vector<stream::FormatModifier> found;
    if (!egl.create_image || !egl.has(display, "EGL_EXT_image_dma_buf_import")) return found;
    const bool modifiers = egl.query_formats && egl.query_modifiers &&
                           egl.has(display, "EGL_EXT_image_dma_buf_import_modifiers");
    const auto add = [&found](const PixelFormat& format, std::uint64_t modifier) {
        if (found.size() < stream::kMaxFormats) found.push_back({format.fourcc, 0, modifier});
    };
    if (!modifiers) {
        for (const PixelFormat& format : known_formats()) add(format, kModifierLinear);
        return found;
    }
    const std::vector<EGLint> formats = formats_of(egl, display);
    for (const PixelFormat& format : known_formats()) {
        const auto fourcc = static_cast<EGLint>(format.fourcc);
        if (std::find(formats.begin(), formats.end(), fourcc) == formats.end()) continue;
        EGLuint64KHR of_format[kMostModifiers] = {};
        EGLBoolean external_only[kMostModifiers] = {};
        EGLint count = 0;
        if (!egl.query_modifiers(display, fourcc, kMostModifiers, of_format, external_only,
                                 &count)) {
            continue;
        }
        // A driver that names none has the format without saying how it lies in memory: LINEAR.
        if (count == 0) add(format, kModifierLinear);
        for (EGLint i = 0; i < std::min(count, kMostModifiers); ++i) {
            if (external == External::take || !external_only[i]) add(format, of_format[i]);
        }
    }
    return found;
}

}  // namespace vdmabuf::consumer::egl
