// SPDX-License-Identifier: MIT
#include "runtime/broker/quota.hpp"

#include <gtest/gtest.h>

#include <cstdint>
#include <limits>
#include <optional>
#include <utility>

namespace vdmabuf::broker {
namespace {

using Kind = Quota::Kind;

TEST(QuotaTest, SharesAreTakenAndGivenBack) {
    Limits limits;
    limits.buffers = 2;
    const auto quota = Quota::create(limits);
    auto first = quota->take(Kind::buffers, 1);
    auto second = quota->take(Kind::buffers, 1);
    ASSERT_TRUE(first && second);
    EXPECT_FALSE(quota->take(Kind::buffers, 1));
    EXPECT_EQ(quota->used(Kind::buffers), 2u);
    EXPECT_EQ(quota->used(Kind::images), 0u);
    second.reset();
    EXPECT_TRUE(quota->take(Kind::buffers, 1));  // and back at once
    EXPECT_EQ(quota->used(Kind::buffers), 1u);
}

TEST(QuotaTest, AmountsDoNotOverflow) {
    Limits limits;
    limits.buffer_bytes = 8192;
    const auto quota = Quota::create(limits);
    auto share = quota->take(Kind::bytes, 4096);
    ASSERT_TRUE(share);
    EXPECT_FALSE(quota->take(Kind::bytes, std::numeric_limits<std::uint64_t>::max()));
    EXPECT_FALSE(quota->take(Kind::bytes, std::numeric_limits<std::uint64_t>::max() - 4095));
    EXPECT_FALSE(quota->take(Kind::bytes, 4097));
    EXPECT_TRUE(quota->take(Kind::bytes, 4096));
}

TEST(QuotaTest, ChangesAreLimitedInARowAndPerSecond) {
    const auto quota = Quota::create({});
    std::uint64_t now = 5'000'000'000;
    for (std::uint64_t i = 0; i < Quota::kChangesInARow; ++i) ASSERT_TRUE(quota->spend_change(now));
    EXPECT_FALSE(quota->spend_change(now));
    now += 10'000'000;
    std::uint64_t more = 0;
    while (quota->spend_change(now)) ++more;
    EXPECT_EQ(more, Quota::kChangesPerSecond / 100);
    // At a steady pace, for ever; fractions are not lost.
    for (int i = 0; i < 10'000; ++i) {
        now += 1'000'000'000 / Quota::kChangesPerSecond;
        ASSERT_TRUE(quota->spend_change(now));
    }
    EXPECT_FALSE(quota->spend_change(now + 400'000));
    EXPECT_TRUE(quota->spend_change(now + 500'000));
}

TEST(QuotaTest, AShareMayMoveAndOutliveItsOwner) {
    auto quota = Quota::create({});
    const std::weak_ptr<Quota> watch = quota;
    Quota::Share kept;
    {
        auto share = quota->take(Kind::images, 3);
        kept = std::move(*share);
    }
    EXPECT_EQ(quota->used(Kind::images), 3u);
    quota.reset();
    EXPECT_FALSE(watch.expired());
    EXPECT_EQ(watch.lock()->used(Kind::images), 3u);
    kept = Quota::Share();
    EXPECT_TRUE(watch.expired());
}

}  // namespace
}  // namespace vdmabuf::broker
