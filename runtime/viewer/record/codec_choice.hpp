// SPDX-License-Identifier: MIT
#pragma once

#include <string>

#include "runtime/common/result.hpp"
#include "runtime/viewer/record/libav.hpp"

namespace vdmabuf::viewer {

struct CodecChoice {
    const AVOutputFormat* container = nullptr;
    const AVCodec* codec = nullptr;
    AVPixelFormat pixels = AV_PIX_FMT_NONE;
    // "name=value:..." of the codec: fast enough to keep up with a screen, good enough to read
    // text.
    const char* options = "";
};

// The container by the ending of `path`; the codec of this name (ffv1 is lossless), or, without a
// name, the first of libx264, libopenh264, libvpx-vp9, libsvtav1, mpeg4 and ffv1 that these
// libraries have and that the container takes.
Result<CodecChoice> choose_codec(const std::string& path, const std::string& name);

}  // namespace vdmabuf::viewer
