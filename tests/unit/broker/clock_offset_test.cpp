// SPDX-License-Identifier: MIT
#include "runtime/broker/clock_offset.hpp"

#include <gtest/gtest.h>

#include <cstdint>
#include <limits>

namespace vdmabuf::broker {
namespace {

constexpr std::uint64_t kMs = 1'000'000;
constexpr std::uint64_t kNow = 1'000'000 * kMs;
constexpr std::uint64_t kMax = std::numeric_limits<std::uint64_t>::max();

TEST(ClockOffsetTest, TheSameClockNeedsNoSamples) {
    ClockOffset clock(true);
    EXPECT_TRUE(clock.known());
    EXPECT_EQ(clock.stamp_to_host(kNow - 5, kNow), kNow - 5);
    EXPECT_EQ(clock.to_producer(kNow), kNow);
    EXPECT_EQ(clock.target_to_host(kNow + 7, kNow), kNow + 7);
}

TEST(ClockOffsetTest, ShiftsByTheMiddleOfTheRoundTrip) {
    // The producer's clock is behind ours by 900000 ms, then ahead.
    for (const std::uint64_t producer_now : {100'000 * kMs, 5'000'000 * kMs}) {
        ClockOffset clock(false);
        clock.add_sample(kNow, kNow + 2 * kMs, producer_now + kMs);
        EXPECT_EQ(clock.stamp_to_host(producer_now, kNow + 5 * kMs), kNow);
        EXPECT_EQ(clock.to_producer(kNow), producer_now);
        EXPECT_EQ(clock.target_to_host(producer_now + 9 * kMs, kNow), kNow + 9 * kMs);
    }
}

TEST(ClockOffsetTest, WhileUnknownStampsAreTheTimeOfReceipt) {
    ClockOffset clock(false);
    EXPECT_FALSE(clock.known());
    EXPECT_EQ(clock.stamp_to_host(5, kNow), kNow);
    EXPECT_EQ(clock.stamp_to_host(0, kNow), 0u);
    EXPECT_EQ(clock.to_producer(kNow), 0u);
    EXPECT_EQ(clock.target_to_host(kNow + 1, kNow), 0u);
}

TEST(ClockOffsetTest, BelievesTheShortestRoundTrip) {
    ClockOffset clock(false);
    clock.add_sample(kNow, kNow + 1 * kMs, 500'000);                 // offset -kNow, exactly
    clock.add_sample(kNow + 10 * kMs, kNow + 60 * kMs, 20'000'000);  // a slow way: wrong
    EXPECT_EQ(clock.to_producer(kNow + 3 * kMs), 3 * kMs);
    // A shorter one wins.
    clock.add_sample(kNow + 100 * kMs, kNow + 100 * kMs + 1000, 101 * kMs + 500);
    EXPECT_EQ(clock.to_producer(kNow + 100 * kMs), 101 * kMs);
}

TEST(ClockOffsetTest, AnOldSampleIsForgotten) {
    ClockOffset clock(false);
    clock.add_sample(kNow, kNow + 1000, 500);
    for (std::size_t i = 0; i < ClockOffset::kSamples; ++i) {
        const std::uint64_t sent = kNow + (i + 1) * 1000 * kMs;
        clock.add_sample(sent, sent + 2 * kMs, sent - kNow + 6 * kMs);  // five more of offset
    }
    EXPECT_EQ(clock.samples(), ClockOffset::kSamples);
    EXPECT_EQ(clock.to_producer(kNow), 5 * kMs);
}

TEST(ClockOffsetTest, ANewSampleBeatsAnOldOneThatHasDrifted) {
    ClockOffset clock(false);
    clock.add_sample(kNow, kNow + 1000, 500);
    // 100 s later 50 ppm of drift may be 5 ms: a sample of 1 ms is better.
    const std::uint64_t later = kNow + 100'000 * kMs;
    clock.add_sample(later, later + kMs, 100'000 * kMs + 2 * kMs + kMs / 2);
    EXPECT_EQ(clock.to_producer(later), 100'000 * kMs + 2 * kMs);
}

TEST(ClockOffsetTest, SenselessSamplesAreDropped) {
    ClockOffset clock(false);
    clock.add_sample(kNow, kNow - 1, 5);
    clock.add_sample(kNow, kNow + ClockOffset::kMaxRoundTripNs + 1, 5);
    EXPECT_FALSE(clock.known());
}

TEST(ClockOffsetTest, NoStampIsBelievedToBeFarAwayOrToCome) {
    ClockOffset clock(true);
    EXPECT_EQ(clock.stamp_to_host(kNow + 1, kNow), kNow);
    EXPECT_EQ(clock.stamp_to_host(kNow + 1'000'000 * kMs, kNow), kNow);
    EXPECT_GE(clock.stamp_to_host(1, kNow), kNow - ClockOffset::kMaxAgeNs);
    EXPECT_LT(clock.stamp_to_host(1, kNow), kNow);
    // Just after boot there are no ten seconds before.
    EXPECT_LE(clock.stamp_to_host(1, 500), 500u);
    EXPECT_GT(clock.stamp_to_host(1, 500), 0u);
    EXPECT_EQ(clock.target_to_host(kNow - 1, kNow), 0u);
    EXPECT_EQ(clock.target_to_host(kNow + 60'000 * kMs, kNow), kNow + ClockOffset::kMaxAgeNs);
}

TEST(ClockOffsetTest, AnyValueOfAProducerGivesSaneTimes) {
    for (const std::uint64_t claim :
         {std::uint64_t{0}, std::uint64_t{1}, kNow, kMax / 2, kMax / 2 + 1, kMax - 1, kMax}) {
        ClockOffset clock(false);
        clock.add_sample(kNow, kNow + kMs, claim);
        for (const std::uint64_t stamp : {std::uint64_t{1}, kNow, kMax / 2, kMax / 2 + 1, kMax}) {
            const std::uint64_t host = clock.stamp_to_host(stamp, kNow + kMs);
            EXPECT_LE(host, kNow + kMs);
            EXPECT_GE(host, kNow + kMs - ClockOffset::kMaxAgeNs);
            const std::uint64_t target = clock.target_to_host(stamp, kNow);
            EXPECT_TRUE(target == 0 || (target > kNow && target <= kNow + ClockOffset::kMaxAgeNs));
        }
    }
}

}  // namespace
}  // namespace vdmabuf::broker
