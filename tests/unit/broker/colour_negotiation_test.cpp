// SPDX-License-Identifier: MIT
#include "runtime/broker/colour_negotiation.hpp"

#include <gtest/gtest.h>

namespace vdmabuf::broker {
namespace {

constexpr stream::ColourSpaces kSrgb = 1, kScrgb = 2, kHdr10 = 4, kP3 = 16;

TEST(ColourNegotiationTest, SrgbAloneUntilSomebodyShowsMore) {
    ColourNegotiation colours;
    EXPECT_EQ(colours.spaces(), kSrgb);
    EXPECT_TRUE(colours.say(0, kHdr10 | kP3));  // sRGB need not be named
    EXPECT_EQ(colours.spaces(), kSrgb | kHdr10 | kP3);
    EXPECT_FALSE(colours.say(0, kSrgb | kHdr10 | kP3));
}

TEST(ColourNegotiationTest, WhatAllShow) {
    ColourNegotiation colours;
    colours.say(3, kHdr10 | kP3);
    EXPECT_TRUE(colours.say(4, kScrgb | kHdr10));
    EXPECT_EQ(colours.spaces(), kSrgb | kHdr10);
    EXPECT_TRUE(colours.leave(4));
    EXPECT_EQ(colours.spaces(), kSrgb | kHdr10 | kP3);
    EXPECT_FALSE(colours.leave(4));
}

TEST(ColourNegotiationTest, OneThatAttachesAndSaidNothingShowsSrgb) {
    ColourNegotiation colours;
    colours.say(0, kHdr10);
    EXPECT_EQ(colours.of(1), kSrgb);
    EXPECT_TRUE(colours.attach(1));
    EXPECT_EQ(colours.spaces(), kSrgb);
    EXPECT_FALSE(colours.attach(0));  // it has said what it shows
    EXPECT_TRUE(colours.say(1, kHdr10 | kScrgb));
    EXPECT_EQ(colours.spaces(), kSrgb | kHdr10);
}

TEST(ColourNegotiationTest, StaysWhenTheLastHasGone) {
    ColourNegotiation colours;
    colours.say(7, kHdr10);
    EXPECT_FALSE(colours.leave(7));
    EXPECT_EQ(colours.spaces(), kSrgb | kHdr10);
    EXPECT_EQ(colours.of(7), kSrgb);  // who comes as number 7 then has said nothing
    EXPECT_TRUE(colours.attach(7));
    EXPECT_EQ(colours.spaces(), kSrgb);
}

TEST(ColourNegotiationTest, WhatTheBrokerDoesNotKnowIsLeftOut) {
    ColourNegotiation colours;
    colours.say(0, 0xffffffff);
    EXPECT_EQ(colours.spaces(), stream::kAllColourSpaces);
}

}  // namespace
}  // namespace vdmabuf::broker
