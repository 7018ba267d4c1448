// SPDX-License-Identifier: MIT
#include "egl/window_request.hpp"

#include <vdmabuf/egl.h>

#include "runtime/common/stream_messages.hpp"

namespace vdmabuf::egl {
namespace {

constexpr std::size_t kMaxBelow = 16;  // values: nobody gives one attribute nine times

EGLint read_text(EGLAttrib value, std::string& out) {
    const auto* text = reinterpret_cast<const char*>(value);
    if (!text) return EGL_BAD_PARAMETER;
    out = text;
    return EGL_SUCCESS;
}

template <bool kPointers, typename Value>
EGLint read(const Value* attributes, bool sized, WindowRequest& out) {
    EGLint width = 0;
    EGLint height = 0;
    bool width_said = false;
    bool height_said = false;
    for (const Value* at = attributes; at && *at != EGL_NONE; at += 2) {
        const auto name = static_cast<EGLint>(at[0]);
        const auto value = static_cast<EGLint>(at[1]);
        EGLint error = EGL_SUCCESS;
        switch (name) {
            case EGL_RENDER_BUFFER:  // a wish (EGL 1.5, 3.5.1)
                if (value != EGL_BACK_BUFFER && value != EGL_SINGLE_BUFFER) {
                    error = EGL_BAD_ATTRIBUTE;
                }
                break;
            case EGL_POST_SUB_BUFFER_SUPPORTED_NV:
                if (value != EGL_TRUE && value != EGL_FALSE) error = EGL_BAD_PARAMETER;
                out.post_sub_buffer = value;
                break;
            case EGL_PRESENT_OPAQUE_EXT:  // windows always are
                break;
            case EGL_GL_COLORSPACE:  // others would reach the host as what they are not
                if (value != EGL_GL_COLORSPACE_LINEAR && value != EGL_GL_COLORSPACE_SRGB) {
                    error = EGL_BAD_ATTRIBUTE;
                }
                out.below.insert(out.below.end(), {name, value});
                break;
            case EGL_VG_COLORSPACE:
            case EGL_VG_ALPHA_FORMAT:
            case EGL_PROTECTED_CONTENT_EXT:
                out.below.insert(out.below.end(), {name, value});
                break;
            case EGL_WIDTH:
            case EGL_HEIGHT:
                if (!sized) return EGL_BAD_ATTRIBUTE;
                (name == EGL_WIDTH ? width : height) = value;
                (name == EGL_WIDTH ? width_said : height_said) = true;
                break;
            case EGL_WINDOW_TITLE_VDMABUF:
            case EGL_WINDOW_APP_ID_VDMABUF:
                // Pointers do not fit into other lists.
                if constexpr (kPointers) {
                    error =
                        read_text(at[1], name == EGL_WINDOW_TITLE_VDMABUF ? out.title : out.app_id);
                } else {
                    error = EGL_BAD_ATTRIBUTE;
                }
                break;
            default:
                error = EGL_BAD_ATTRIBUTE;
        }
        if (error != EGL_SUCCESS) return error;
        if (out.below.size() > kMaxBelow) return EGL_BAD_ATTRIBUTE;
    }
    if ((width_said && !is_size(width, 1)) || (height_said && !is_size(1, height))) {
        return EGL_BAD_PARAMETER;
    }
    out.extent = {static_cast<std::uint32_t>(width), static_cast<std::uint32_t>(height)};
    return EGL_SUCCESS;
}

}  // namespace

EGLint read_attributes(const EGLint* attributes, bool sized, WindowRequest& out) {
    return read<false>(attributes, sized, out);
}

EGLint read_wide_attributes(const EGLAttrib* attributes, bool sized, WindowRequest& out) {
    return read<true>(attributes, sized, out);
}

bool is_size(EGLint width, EGLint height) noexcept {
    constexpr auto kMax = static_cast<EGLint>(stream::kMaxExtent);
    return width >= 1 && width <= kMax && height >= 1 && height <= kMax;
}

}  // namespace vdmabuf::egl
