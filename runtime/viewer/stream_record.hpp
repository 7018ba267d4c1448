// SPDX-License-Identifier: MIT
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "runtime/common/consumer_messages.hpp"
#include "runtime/viewer/picture.hpp"

namespace vdmabuf::viewer {

struct Percentiles {
    double p50 = 0;
    double p99 = 0;
    double max = 0;
};

// The newest of many durations, for percentiles.
class Durations {
  public:
    void add(std::uint64_t duration_ns);
    bool empty() const { return newest_.empty(); }
    Percentiles microseconds() const;  // zeros when there is none

  private:
    static constexpr std::size_t kKept = 65536;
    std::vector<std::uint64_t> newest_;
    std::size_t next_ = 0;
};

// What is known of one window over its whole life, restarts of the broker included.
struct StreamRecord {
    std::string vm;
    std::string app;
    std::string title;
    std::uint32_t pid = 0;
    std::uint32_t width = 0;
    std::uint32_t height = 0;

    std::uint64_t frames_presented = 0;  // as the brokers counted them
    std::uint64_t frames_received = 0;
    std::uint64_t frames_shown = 0;
    std::uint64_t frames_passed_on = 0;  // shown, without being drawn
    std::uint64_t frames_timed = 0;      // shown, at a time that the display told
    std::uint64_t frames_skipped = 0;    // presented while we were attached, and not received
    std::uint64_t serials_lost = 0;      // gaps in the producer's numbers, restarts included
    std::uint64_t last_serial = 0;       // received
    std::uint64_t first_ns = 0;          // when the first frame was received
    std::uint64_t last_ns = 0;
    Durations present_to_received;
    Durations received_to_submitted;  // drawing handed to the GPU; of outputs that draw

    std::uint64_t producer_copied_bytes = 0;
    std::uint64_t broker_copied_bytes = 0;
    std::uint64_t consumer_copied_bytes = 0;
    consumer::ImportPath path = consumer::ImportPath::none;
    std::string import_reason;
    std::uint32_t strategy = 0;      // stream::Strategy
    std::uint32_t colour_space = 0;  // stream::ColourSpace
    stream::ColourShown colour_shown = stream::ColourShown::unknown;

    std::optional<Picture> picture;
    std::uint64_t picture_serial = 0;

    // Notes a frame received at `now`.
    void received(const consumer::Frame& frame, std::uint64_t now);
    // A new broker, or a new ATTACH: counts start anew there.
    void reattached() { broker_count_ = 0; }

    double frames_per_second() const;  // received, between the first and the last

  private:
    std::uint64_t broker_count_ = 0;  // PRESENTs of this stream, as this broker said last
};

}  // namespace vdmabuf::viewer
