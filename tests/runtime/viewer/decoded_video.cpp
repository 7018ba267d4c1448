// SPDX-License-Identifier: MIT
#include "tests/runtime/viewer/decoded_video.hpp"

#include <algorithm>
#include <cstdlib>

#include "runtime/viewer/record/libav.hpp"

namespace vdmabuf::test {
namespace {

using namespace vdmabuf::viewer;

struct CloseInput {
    void operator()(AVFormatContext* input) const { avformat_close_input(&input); }
};

Png picture_of(const AVFrame& frame) {
    Png png;
    png.width = static_cast<std::uint32_t>(frame.width);
    png.height = static_cast<std::uint32_t>(frame.height);
    png.rgba.resize(std::size_t{png.width} * png.height * 4);
    const libav::Scaler scaler(sws_getContext(
        frame.width, frame.height, static_cast<AVPixelFormat>(frame.format), frame.width,
        frame.height, AV_PIX_FMT_RGBA, SWS_POINT | SWS_ACCURATE_RND, nullptr, nullptr, nullptr));
    if (!scaler) return {};
    // What the file says of its colours holds: a player goes by it.
    const int* from = sws_getCoefficients(frame.colorspace);
    sws_setColorspaceDetails(scaler.get(), from, frame.color_range == AVCOL_RANGE_JPEG, from, 1, 0,
                             1 << 16, 1 << 16);
    std::uint8_t* to[] = {png.rgba.data()};
    const int pitch[] = {frame.width * 4};
    sws_scale(scaler.get(), frame.data, frame.linesize, 0, frame.height, to, pitch);
    return png;
}

}  // namespace

DecodedVideo decode(const std::string& path) {
    DecodedVideo video;
    av_log_set_level(AV_LOG_FATAL);
    AVFormatContext* opened = nullptr;
    if (avformat_open_input(&opened, path.c_str(), nullptr, nullptr) < 0) return video;
    const std::unique_ptr<AVFormatContext, CloseInput> input(opened);
    if (avformat_find_stream_info(opened, nullptr) < 0 || opened->nb_streams != 1) return video;
    const AVStream& stream = *opened->streams[0];
    const AVCodec* decoder = avcodec_find_decoder(stream.codecpar->codec_id);
    const libav::Codec codec(avcodec_alloc_context3(decoder));
    avcodec_parameters_to_context(codec.get(), stream.codecpar);
    if (avcodec_open2(codec.get(), decoder, nullptr) < 0) return video;
    video.codec = avcodec_get_name(stream.codecpar->codec_id);
    if (const auto* title = av_dict_get(opened->metadata, "title", nullptr, 0)) {
        video.title = title->value;
    }
    const libav::Packet packet(av_packet_alloc());
    const libav::Frame frame(av_frame_alloc());
    for (bool more = true; more;) {
        more = av_read_frame(opened, packet.get()) >= 0;
        avcodec_send_packet(codec.get(), more ? packet.get() : nullptr);
        av_packet_unref(packet.get());
        while (avcodec_receive_frame(codec.get(), frame.get()) >= 0) {
            DecodedFrame& decoded = video.frames.emplace_back();
            decoded.picture = picture_of(*frame);
            decoded.time_ns =
                av_rescale_q(frame->best_effort_timestamp, stream.time_base, {1, 1'000'000'000});
            decoded.serial = serial_in(decoded.picture);
        }
    }
    return video;
}

std::uint64_t serial_in(const Png& png) {
    std::uint64_t serial = 0;
    for (std::uint32_t bit = 0; bit < 32; ++bit) {
        const std::uint32_t x = png.width * (2 * bit + 1) / 64;
        if (png.at(x, png.height / 32).g >= 128) serial |= std::uint64_t{1} << bit;
    }
    return serial;
}

int largest_difference(const Png& png, std::uint64_t serial, std::uint32_t margin) {
    int largest = 0;
    const auto at = [&](std::uint32_t x, std::uint32_t y) {
        return test_picture(x, y, png.width, png.height, serial);
    };
    for (std::uint32_t y = margin; y + margin < png.height; ++y) {
        for (std::uint32_t x = margin; x + margin < png.width; ++x) {
            const Rgb wanted = at(x, y);
            if (at(x - margin, y) != wanted || at(x + margin, y) != wanted ||
                at(x, y - margin) != wanted || at(x, y + margin) != wanted) {
                continue;
            }
            const Rgb is = png.at(x, y);
            largest = std::max({largest, std::abs(is.r - wanted.r), std::abs(is.g - wanted.g),
                                std::abs(is.b - wanted.b)});
        }
    }
    return largest;
}

}  // namespace vdmabuf::test
