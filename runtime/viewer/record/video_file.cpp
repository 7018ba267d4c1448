// SPDX-License-Identifier: MIT
#include "runtime/viewer/record/video_file.hpp"

#include "runtime/common/clock.hpp"
#include "runtime/viewer/record/pixel_source.hpp"

namespace vdmabuf::viewer {
namespace {

constexpr AVRational kNanoseconds{1, 1'000'000'000};
constexpr AVRational kMpeg4Ticks{1, 60'000};  // has 16 bits for it (ISO 14496-2, 6.3.3)

// A player that seeks, or finds the file cut short, loses no more than this.
constexpr const char* kClusterMs = "1000";

bool has_chroma_halved(AVPixelFormat format) {
    const AVPixFmtDescriptor* about = av_pix_fmt_desc_get(format);
    return about && (about->log2_chroma_w || about->log2_chroma_h);
}
bool is_rgb(AVPixelFormat format) {
    const AVPixFmtDescriptor* about = av_pix_fmt_desc_get(format);
    return about && about->flags & AV_PIX_FMT_FLAG_RGB;
}
// Where chroma is halved, sizes and places are even.
std::uint32_t even_up(std::uint32_t length) {
    return (length + 1) & ~1U;
}

void blacken(AVFrame& picture) {
    std::ptrdiff_t pitches[AV_NUM_DATA_POINTERS];
    for (int i = 0; i < AV_NUM_DATA_POINTERS; ++i) pitches[i] = picture.linesize[i];
    av_image_fill_black(picture.data, pitches, static_cast<AVPixelFormat>(picture.format),
                        picture.color_range, picture.width, picture.height);
}

}  // namespace

Result<std::unique_ptr<VideoFile>> VideoFile::create(const std::string& path,
                                                     const CodecChoice& choice,
                                                     const std::string& title, std::uint32_t width,
                                                     std::uint32_t height) {
    std::unique_ptr<VideoFile> file(new VideoFile);
    if (auto opened = file->open_codec(choice, width, height); !opened) return opened.error();
    if (auto opened = file->open_file(path, choice, title); !opened) return opened.error();
    return file;
}

Status VideoFile::open_codec(const CodecChoice& choice, std::uint32_t width, std::uint32_t height) {
    if (has_chroma_halved(choice.pixels)) {
        width = even_up(width);
        height = even_up(height);
    }
    codec_.reset(avcodec_alloc_context3(choice.codec));
    packet_.reset(av_packet_alloc());
    picture_.reset(av_frame_alloc());
    if (!codec_ || !packet_ || !picture_) return Error{ENOMEM, "no memory for an encoder"};
    codec_->width = static_cast<int>(width);
    codec_->height = static_cast<int>(height);
    codec_->pix_fmt = choice.pixels;
    codec_->time_base = choice.codec->id == AV_CODEC_ID_MPEG4 ? kMpeg4Ticks : kNanoseconds;
    codec_->framerate = {60, 1};  // for encoders that plan by it: the frames' own times hold
    codec_->color_primaries = AVCOL_PRI_BT709;
    codec_->color_trc = AVCOL_TRC_IEC61966_2_1;
    codec_->colorspace = is_rgb(choice.pixels) ? AVCOL_SPC_RGB : AVCOL_SPC_BT709;
    codec_->color_range = is_rgb(choice.pixels) ? AVCOL_RANGE_JPEG : AVCOL_RANGE_MPEG;
    if (choice.container->flags & AVFMT_GLOBALHEADER) codec_->flags |= AV_CODEC_FLAG_GLOBAL_HEADER;
    AVDictionary* options = nullptr;
    av_dict_parse_string(&options, choice.options, "=", ":", 0);
    const int opened = avcodec_open2(codec_.get(), choice.codec, &options);
    av_dict_free(&options);
    if (opened < 0) {
        return libav::error(std::string("the encoder ") + choice.codec->name + " for " +
                                std::to_string(width) + "x" + std::to_string(height),
                            opened);
    }
    picture_->format = codec_->pix_fmt;
    picture_->width = codec_->width;
    picture_->height = codec_->height;
    picture_->color_range = codec_->color_range;
    picture_->colorspace = codec_->colorspace;
    picture_->color_primaries = codec_->color_primaries;
    picture_->color_trc = codec_->color_trc;
    const int allocated = av_frame_get_buffer(picture_.get(), 0);
    if (allocated < 0) return libav::error("no memory for a picture", allocated);
    blacken(*picture_);
    return {};
}

Status VideoFile::open_file(const std::string& path, const CodecChoice& choice,
                            const std::string& title) {
    AVFormatContext* muxer = nullptr;
    const int made =
        avformat_alloc_output_context2(&muxer, choice.container, nullptr, path.c_str());
    if (made < 0) return libav::error("cannot record to '" + path + "'", made);
    muxer_.reset(muxer);
    stream_ = avformat_new_stream(muxer, nullptr);
    if (!stream_) return Error{ENOMEM, "no memory for a stream"};
    stream_->time_base = codec_->time_base;
    avcodec_parameters_from_context(stream_->codecpar, codec_.get());
    av_dict_set(&muxer->metadata, "title", title.c_str(), 0);
    muxer->flags |= AVFMT_FLAG_FLUSH_PACKETS;  // whoever kills us finds what was encoded
    // A file's name: not what else FFmpeg would make of one with a colon in it.
    const int opened = avio_open(&muxer->pb, ("file:" + path).c_str(), AVIO_FLAG_WRITE);
    if (opened < 0) return libav::error("cannot write '" + path + "'", opened);
    AVDictionary* options = nullptr;
    av_dict_set(&options, "cluster_time_limit", kClusterMs, 0);
    const int begun = avformat_write_header(muxer, &options);
    av_dict_free(&options);
    if (begun < 0) return libav::error("cannot write '" + path + "'", begun);
    return {};
}

std::int64_t VideoFile::time_of(std::uint64_t time_ns) const {
    const auto since = static_cast<std::int64_t>(time_ns - first_ns_);
    return av_rescale_q(since, kNanoseconds, codec_->time_base);
}

Status VideoFile::write(const FrameCopy& frame) {
    if (frames_ == 0) first_ns_ = frame.time_ns;
    if (frame.time_ns < first_ns_) return {};
    const std::int64_t time = time_of(frame.time_ns);
    if (time <= last_time_) return {};
    // The encoder may still have the last one.
    const int writable = av_frame_make_writable(picture_.get());
    if (writable < 0) return libav::error("no memory for a picture", writable);
    if (auto drawn = draw(frame); !drawn) return drawn;
    return encode(time);
}

Status VideoFile::draw(const FrameCopy& frame) {
    const consumer::ImageLayout& layout = frame.layout;
    const PixelSource source = pixel_source(frame);
    if (!scaler_ || scaled_.width != layout.width || scaled_.height != layout.height ||
        scaled_.format != layout.format) {
        const bool whole =
            even_up(layout.width) == even_up(static_cast<std::uint32_t>(codec_->width)) &&
            even_up(layout.height) == even_up(static_cast<std::uint32_t>(codec_->height));
        box_ = whole ? Box{0, 0, layout.width, layout.height}
                     : fit(layout.width, layout.height, static_cast<std::uint32_t>(codec_->width),
                           static_cast<std::uint32_t>(codec_->height));
        box_.x &= ~1U;
        box_.y &= ~1U;
        box_.width = std::max(box_.width, 1U);
        box_.height = std::max(box_.height, 1U);
        scaler_.reset(sws_getContext(
            static_cast<int>(layout.width), static_cast<int>(layout.height), source.format,
            static_cast<int>(box_.width), static_cast<int>(box_.height), codec_->pix_fmt,
            SWS_BICUBIC | SWS_ACCURATE_RND | SWS_FULL_CHR_H_INT, nullptr, nullptr, nullptr));
        if (!scaler_) return Error{EIO, "cannot convert frames for the encoder"};
        if (!is_rgb(codec_->pix_fmt)) {
            const int* rec709 = sws_getCoefficients(SWS_CS_ITU709);
            sws_setColorspaceDetails(scaler_.get(), rec709, 1, rec709, 0, 0, 1 << 16, 1 << 16);
        }
        scaled_ = layout;
        blacken(*picture_);
    }
    std::uint8_t* to[AV_NUM_DATA_POINTERS] = {};
    const AVPixFmtDescriptor* about = av_pix_fmt_desc_get(codec_->pix_fmt);
    int steps[4] = {};
    int components[4] = {};
    av_image_fill_max_pixsteps(steps, components, about);
    for (int plane = 0; plane < 4 && picture_->data[plane]; ++plane) {
        const bool chroma = plane == 1 || plane == 2;
        const auto x = static_cast<int>(box_.x) >> (chroma ? about->log2_chroma_w : 0);
        const auto y = static_cast<int>(box_.y) >> (chroma ? about->log2_chroma_h : 0);
        to[plane] = picture_->data[plane] + std::ptrdiff_t{picture_->linesize[plane]} * y +
                    std::ptrdiff_t{steps[plane]} * x;
    }
    const std::uint8_t* from[4] = {source.first_row, nullptr, nullptr, nullptr};
    const int pitches[4] = {source.pitch, 0, 0, 0};
    const int rows = sws_scale(scaler_.get(), from, pitches, 0, static_cast<int>(layout.height), to,
                               picture_->linesize);
    if (rows < 0) return libav::error("cannot convert a frame", rows);
    return {};
}

Status VideoFile::encode(std::int64_t time) {
    picture_->pts = time;
    last_time_ = time;
    ++frames_;
    return send(picture_.get());
}

Status VideoFile::send(const AVFrame* frame) {
    int done = avcodec_send_frame(codec_.get(), frame);
    while (done >= 0) {
        done = avcodec_receive_packet(codec_.get(), packet_.get());
        if (done == AVERROR(EAGAIN) || done == AVERROR_EOF) return {};
        if (done < 0) break;
        packet_->stream_index = stream_->index;
        av_packet_rescale_ts(packet_.get(), codec_->time_base, stream_->time_base);
        done = av_interleaved_write_frame(muxer_.get(), packet_.get());
    }
    return libav::error("cannot record", done);
}

Status VideoFile::finish(std::uint64_t time_ns) {
    // Files say when a picture begins; the last one needs an end.
    if (frames_ != 0 && time_ns > first_ns_ && time_of(time_ns) > last_time_) {
        if (auto encoded = encode(time_of(time_ns)); !encoded) return encoded;
        --frames_;
    }
    if (auto sent = send(nullptr); !sent) return sent;
    const int done = av_write_trailer(muxer_.get());
    if (done < 0) return libav::error("cannot finish the recording", done);
    const int closed = avio_closep(&muxer_->pb);
    if (closed < 0) return libav::error("cannot finish the recording", closed);
    return {};
}

}  // namespace vdmabuf::viewer
