// SPDX-License-Identifier: MIT
#include "runtime/broker/clock_offset.hpp"

#include <algorithm>

namespace vdmabuf::broker {
namespace {

// Clocks of two machines drift apart: an old sample is as good as a new one whose way took longer
// by 1/kDriftShare of the age (50 ppm of error, which is half of the round trip).
constexpr std::uint64_t kDriftShare = 10'000;

}  // namespace

void ClockOffset::add_sample(std::uint64_t sent_ns, std::uint64_t received_ns,
                             std::uint64_t producer_ns) {
    if (same_clock_ || received_ns < sent_ns || received_ns - sent_ns > kMaxRoundTripNs) return;
    const std::uint64_t round_trip = received_ns - sent_ns;
    samples_[next_] = {producer_ns - (sent_ns + round_trip / 2), round_trip, received_ns};
    next_ = (next_ + 1) % kSamples;
    count_ = std::min(count_ + 1, kSamples);
    const auto cost = [received_ns](const Sample& sample) {
        return sample.round_trip_ns + (received_ns - sample.received_ns) / kDriftShare;
    };
    const Sample* begin = samples_.data();
    offset_ = std::min_element(begin, begin + count_, [&](const Sample& a, const Sample& b) {
                  return cost(a) < cost(b);
              })->offset;
}

std::uint64_t ClockOffset::stamp_to_host(std::uint64_t producer_ns,
                                         std::uint64_t received_ns) const {
    if (producer_ns == 0) return 0;
    if (!known()) return received_ns;
    // Unsigned and modulo 2^64, so that no value of a producer's overflows; the age is then read
    // as signed, because an offset that is a little wrong makes stamps of the future.
    const auto age = static_cast<std::int64_t>(received_ns - (producer_ns - offset_));
    const auto limit = static_cast<std::int64_t>(std::min(kMaxAgeNs, received_ns));
    return received_ns -
           static_cast<std::uint64_t>(std::clamp(age, std::int64_t{0}, std::max(limit - 1, {})));
}

std::uint64_t ClockOffset::target_to_host(std::uint64_t producer_ns, std::uint64_t now_ns) const {
    if (producer_ns == 0 || !known()) return 0;
    const auto ahead = static_cast<std::int64_t>((producer_ns - offset_) - now_ns);
    if (ahead <= 0) return 0;
    return now_ns + std::min(static_cast<std::uint64_t>(ahead), kMaxAgeNs);
}

std::uint64_t ClockOffset::to_producer(std::uint64_t host_ns) const {
    return known() ? host_ns + offset_ : 0;
}

}  // namespace vdmabuf::broker
