// SPDX-License-Identifier: MIT
#include "runtime/viewer/stream_record.hpp"

#include <algorithm>

#include "runtime/common/clock.hpp"

namespace vdmabuf::viewer {

void Durations::add(std::uint64_t duration_ns) {
    if (newest_.size() < kKept) {
        newest_.push_back(duration_ns);
        return;
    }
    newest_[next_] = duration_ns;
    next_ = (next_ + 1) % kKept;
}

Percentiles Durations::microseconds() const {
    if (newest_.empty()) return {};
    std::vector<std::uint64_t> sorted = newest_;
    std::sort(sorted.begin(), sorted.end());
    const auto at = [&](std::size_t percent) {
        const std::size_t rank = (sorted.size() * percent + 99) / 100;
        return static_cast<double>(sorted[std::max<std::size_t>(rank, 1) - 1]) / 1000.0;
    };
    return {at(50), at(99), at(100)};
}

void StreamRecord::received(const consumer::Frame& frame, std::uint64_t now) {
    ++frames_received;
    if (broker_count_ == 0 || frame.presented_count <= broker_count_) {
        // Of the frames before our first one, some were never meant for us.
        frames_presented += frame.presented_count;
    } else {
        const std::uint64_t step = frame.presented_count - broker_count_;
        frames_presented += step;
        frames_skipped += step - 1;
    }
    broker_count_ = frame.presented_count;
    if (last_serial != 0 && frame.serial > last_serial)
        serials_lost += frame.serial - last_serial - 1;
    last_serial = frame.serial;
    if (first_ns == 0) first_ns = now;
    last_ns = now;
    producer_copied_bytes += frame.cpu_copied_bytes;
    if (frame.called_ns != 0 && frame.called_ns <= now) {
        present_to_received.add(now - frame.called_ns);
    }
}

double StreamRecord::frames_per_second() const {
    if (frames_received < 2 || last_ns <= first_ns) return 0;
    return static_cast<double>(frames_received - 1) * static_cast<double>(kNsPerSecond) /
           static_cast<double>(last_ns - first_ns);
}

}  // namespace vdmabuf::viewer
