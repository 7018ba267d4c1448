// SPDX-License-Identifier: MIT
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

namespace vdmabuf::broker {

// How far a producer's clock is from ours, from PING and PONG. Of the last samples it believes the
// one with the shortest way there and back: the offset of a sample is wrong by at most half of it.
class ClockOffset {
  public:
    static constexpr std::size_t kSamples = 8;
    static constexpr std::uint64_t kMaxRoundTripNs = 1'000'000'000;
    // Time stamps are for statistics; one that is further in the past is not believed.
    static constexpr std::uint64_t kMaxAgeNs = 10'000'000'000;

    // `same_clock`: the producer runs on this kernel, and no samples are needed.
    explicit ClockOffset(bool same_clock) : same_clock_(same_clock) {}

    bool same_clock() const { return same_clock_; }
    bool known() const { return same_clock_ || count_ > 0; }
    std::size_t samples() const { return count_; }

    // A PING left at `sent_ns` and its PONG came at `received_ns` (our clock); the producer read
    // `producer_ns` from its clock in between. Senseless samples are dropped.
    void add_sample(std::uint64_t sent_ns, std::uint64_t received_ns, std::uint64_t producer_ns);

    // A time stamp of a message that was received at `received_ns`, on our clock: between
    // kMaxAgeNs before that and that, whatever the producer says; `received_ns` while the offset is
    // not known. 0, which means that there is no stamp, stays 0.
    std::uint64_t stamp_to_host(std::uint64_t producer_ns, std::uint64_t received_ns) const;
    // A time to come, on our clock, at most kMaxAgeNs ahead of `now_ns`. 0 (at once) when it is 0,
    // not known or past.
    std::uint64_t target_to_host(std::uint64_t producer_ns, std::uint64_t now_ns) const;
    // 0 while the offset is not known.
    std::uint64_t to_producer(std::uint64_t host_ns) const;

  private:
    struct Sample {
        std::uint64_t offset = 0;  // producer's clock less ours, modulo 2^64
        std::uint64_t round_trip_ns = 0;
        std::uint64_t received_ns = 0;
    };

    bool same_clock_;
    std::array<Sample, kSamples> samples_{};
    std::size_t count_ = 0;
    std::size_t next_ = 0;
    std::uint64_t offset_ = 0;
};

}  // namespace vdmabuf::broker
