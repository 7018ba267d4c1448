// SPDX-License-Identifier: MIT
#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "runtime/common/result.hpp"
#include "runtime/viewer/fit.hpp"
#include "runtime/viewer/record/codec_choice.hpp"
#include "runtime/viewer/record/libav.hpp"
#include "runtime/viewer/taps/frame_sink.hpp"

namespace vdmabuf::viewer {

// A file that frames are encoded to, each with the time at which it was shown. It has one size;
// frames of other sizes are scaled into it, with their shape kept and black beside them. One
// thread.
class VideoFile {
  public:
    static Result<std::unique_ptr<VideoFile>> create(const std::string& path,
                                                     const CodecChoice& choice,
                                                     const std::string& title, std::uint32_t width,
                                                     std::uint32_t height);
    VideoFile(const VideoFile&) = delete;
    VideoFile& operator=(const VideoFile&) = delete;

    // Leaves out a frame that is not younger than the last one.
    Status write(const FrameCopy& frame);
    // The last picture stands until `time_ns`; then the file is complete.
    Status finish(std::uint64_t time_ns);
    std::uint64_t frames() const { return frames_; }

  private:
    VideoFile() = default;
    Status open_codec(const CodecChoice& choice, std::uint32_t width, std::uint32_t height);
    Status open_file(const std::string& path, const CodecChoice& choice, const std::string& title);
    Status draw(const FrameCopy& frame);
    Status encode(std::int64_t time);
    Status send(const AVFrame* frame);
    std::int64_t time_of(std::uint64_t time_ns) const;

    libav::Muxer muxer_;
    AVStream* stream_ = nullptr;  // the muxer's
    libav::Codec codec_;
    libav::Frame picture_;
    libav::Packet packet_;
    libav::Scaler scaler_;
    consumer::ImageLayout scaled_;  // what the scaler was made for
    Box box_;                       // of the picture, for frames of that size
    std::uint64_t first_ns_ = 0;
    std::int64_t last_time_ = -1;  // codec's time base
    std::uint64_t frames_ = 0;
};

}  // namespace vdmabuf::viewer
