// SPDX-License-Identifier: MIT
#include "runtime/viewer/record/codec_choice.hpp"

#include <algorithm>
#include <iterator>

namespace vdmabuf::viewer {
namespace {

struct Known {
    const char* name;
    const char* options;
};
constexpr Known kKnown[] = {
    // zerolatency: no frame waits in the encoder, so that little is lost where we are killed.
    {"libx264", "preset=veryfast:tune=zerolatency:crf=20"},
    {"libopenh264", ""},
    {"libvpx-vp9", "deadline=realtime:cpu-used=8:crf=24:b=0:row-mt=1"},
    {"libsvtav1", "preset=10:crf=30"},
    {"mpeg4", "qmin=2:qmax=4"},
    {"ffv1", "level=3:slicecrc=1"},
};

bool takes(const AVOutputFormat& container, const AVCodec& codec) {
    return avformat_query_codec(&container, codec.id, FF_COMPLIANCE_NORMAL) == 1;
}

// What the codec is given: pixels as they are where it takes them and is lossless, else the format
// that every player knows.
AVPixelFormat pixels_of(const AVCodec& codec) {
    const AVPixelFormat wanted =
        codec.id == AV_CODEC_ID_FFV1 ? AV_PIX_FMT_BGR0 : AV_PIX_FMT_YUV420P;
    if (!codec.pix_fmts) return wanted;
    for (const AVPixelFormat* each = codec.pix_fmts; *each != AV_PIX_FMT_NONE; ++each) {
        if (*each == wanted) return wanted;
    }
    return sws_isSupportedOutput(codec.pix_fmts[0]) ? codec.pix_fmts[0] : AV_PIX_FMT_NONE;
}

}  // namespace

Result<CodecChoice> choose_codec(const std::string& path, const std::string& name) {
    CodecChoice choice;
    choice.container = av_guess_format(nullptr, path.c_str(), nullptr);
    if (!choice.container) {
        return Error{EINVAL, "--record " + path +
                                 ": what kind of file? The name must end in .mkv, .mp4, .webm or "
                                 "another ending that FFmpeg knows"};
    }
    if (!name.empty()) {
        choice.codec = avcodec_find_encoder_by_name(name.c_str());
        if (!choice.codec || choice.codec->type != AVMEDIA_TYPE_VIDEO) {
            return Error{EINVAL, "FFmpeg's libraries here have no encoder for video named '" +
                                     name + "'; 'ffmpeg -encoders' lists them"};
        }
        if (!takes(*choice.container, *choice.codec)) {
            return Error{EINVAL, "--record " + path + ": such a file cannot have " + name +
                                     " in it; .mkv takes most codecs"};
        }
    }
    for (const Known& known : kKnown) {
        if (choice.codec) break;
        const AVCodec* codec = avcodec_find_encoder_by_name(known.name);
        if (codec && takes(*choice.container, *codec)) choice.codec = codec;
    }
    if (!choice.codec) {
        return Error{EINVAL, "--record " + path +
                                 ": no encoder here is known to suit such a file; "
                                 "name one by --codec"};
    }
    const auto* known = std::find_if(std::begin(kKnown), std::end(kKnown), [&](const Known& each) {
        return std::string(each.name) == choice.codec->name;
    });
    if (known != std::end(kKnown)) choice.options = known->options;
    choice.pixels = pixels_of(*choice.codec);
    if (choice.pixels == AV_PIX_FMT_NONE) {
        return Error{EINVAL, std::string(choice.codec->name) + " takes no pixels that we can make"};
    }
    return choice;
}

}  // namespace vdmabuf::viewer
