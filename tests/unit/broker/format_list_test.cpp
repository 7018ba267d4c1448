// SPDX-License-Identifier: MIT
#include "runtime/broker/format_list.hpp"

#include <gtest/gtest.h>

#include "runtime/broker/image_layout.hpp"

namespace vdmabuf::broker {
namespace {

constexpr std::uint32_t kXr24 = fourcc_of("XR24");
constexpr std::uint32_t kAr24 = fourcc_of("AR24");

// The modifiers of XR24 that are not LINEAR, in order.
std::vector<std::uint64_t> tiled(const FormatNegotiation& formats) {
    std::vector<std::uint64_t> modifiers;
    for (std::size_t i = known_formats().size(); i < formats.list().size(); ++i) {
        EXPECT_EQ(formats.list()[i].fourcc, kXr24);
        modifiers.push_back(formats.list()[i].modifier);
    }
    return modifiers;
}

FormatList xr24(std::vector<std::uint64_t> modifiers) {
    FormatList list;
    for (const std::uint64_t modifier : modifiers) list.push_back({kXr24, 0, modifier});
    return list;
}

using Modifiers = std::vector<std::uint64_t>;

TEST(FormatNegotiationTest, LinearOfEveryKnownFormatIsAlwaysThere) {
    FormatNegotiation formats;
    const auto expect_linear = [&] {
        ASSERT_GE(formats.list().size(), known_formats().size());
        for (std::size_t i = 0; i < known_formats().size(); ++i) {
            EXPECT_EQ(formats.list()[i].fourcc, known_formats()[i].fourcc);
            EXPECT_EQ(formats.list()[i].modifier, kModifierLinear);
        }
    };
    expect_linear();
    EXPECT_EQ(formats.list().size(), known_formats().size());
    formats.say(0, xr24({5}));
    expect_linear();
    formats.say(1, {});
    expect_linear();
}

TEST(FormatNegotiationTest, OnlyWhatAllImportInTheOrderOfTheFirst) {
    FormatNegotiation formats;
    EXPECT_TRUE(formats.say(3, xr24({7, 5, 9})));
    EXPECT_EQ(tiled(formats), (Modifiers{7, 5, 9}));
    EXPECT_TRUE(formats.say(4, xr24({9, 1, 7})));
    EXPECT_EQ(tiled(formats), (Modifiers{7, 9}));
    EXPECT_FALSE(formats.say(5, xr24({9, 7})));
    EXPECT_TRUE(formats.say(4, xr24({9})));
    EXPECT_EQ(tiled(formats), (Modifiers{9}));
    EXPECT_TRUE(formats.leave(4));
    EXPECT_EQ(tiled(formats), (Modifiers{7, 9}));
}

TEST(FormatNegotiationTest, FormatsAreToldApart) {
    FormatNegotiation formats;
    formats.say(0, xr24({5}));
    const FormatList other{{kAr24, 0, 5}};
    EXPECT_TRUE(formats.say(1, other));
    EXPECT_TRUE(tiled(formats).empty());
}

TEST(FormatNegotiationTest, WhatTheBrokerDoesNotKnowIsLeftOut) {
    FormatNegotiation formats;
    const FormatList odd{{fourcc_of("NV12"), 0, 5},
                         {kXr24, 0, kModifierLinear},
                         {kXr24, 0, kModifierInvalid},
                         {kXr24, 77, 6},  // a reserved field is not handed on
                         {kXr24, 0, 6}};
    EXPECT_TRUE(formats.say(0, odd));
    EXPECT_EQ(tiled(formats), (Modifiers{6}));
    EXPECT_EQ(formats.list().back().reserved, 0u);
}

TEST(FormatNegotiationTest, ASilentConsumerCountsOnceItAttaches) {
    FormatNegotiation formats;
    formats.say(0, xr24({5}));
    EXPECT_FALSE(formats.leave(1)) << "one that only looked on";
    EXPECT_EQ(tiled(formats), (Modifiers{5}));
    EXPECT_FALSE(formats.attach(0));
    EXPECT_TRUE(formats.attach(1));
    EXPECT_TRUE(tiled(formats).empty());
    EXPECT_TRUE(formats.leave(1));
    EXPECT_EQ(tiled(formats), (Modifiers{5}));
}

TEST(FormatNegotiationTest, TheListOutlivesTheLastConsumer) {
    FormatNegotiation formats;
    formats.say(0, xr24({5}));
    EXPECT_FALSE(formats.leave(0));
    EXPECT_EQ(tiled(formats), (Modifiers{5}));
    EXPECT_FALSE(formats.say(0, xr24({5}))) << "the same viewer again";
    EXPECT_FALSE(formats.leave(0));
    EXPECT_TRUE(formats.say(2, xr24({6})));
    EXPECT_EQ(tiled(formats), (Modifiers{6}));
}

TEST(FormatNegotiationTest, NoMoreThanAMessageHolds) {
    FormatNegotiation formats;
    Modifiers many;
    for (std::uint64_t i = 1; i <= 2 * stream::kMaxFormats; ++i) many.push_back(i);
    EXPECT_TRUE(formats.say(0, xr24(many)));
    EXPECT_EQ(formats.list().size(), stream::kMaxFormats);
}

}  // namespace
}  // namespace vdmabuf::broker
