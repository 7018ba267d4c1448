// SPDX-License-Identifier: MIT
#include "layer/modifier_watch.hpp"

#include <gmock/gmock.h>

namespace vdmabuf::layer {
namespace {

constexpr std::uint32_t kFormat = fourcc_of("AR24");
constexpr std::uint32_t kOther = fourcc_of("AB24");
constexpr std::uint64_t kTiled = 0x0100000000000002ull;  // I915_FORMAT_MOD_Y_TILED

using stream::ColourSpace;

struct Host {
    std::uint64_t formats_version() const { return version; }
    std::vector<stream::FormatModifier> formats() const {
        ++asked;
        return list;
    }
    stream::ColourSpaces colour_spaces() const { return spaces; }
    stream::ColourSpaces spaces = stream::kSrgbAlone;
    std::uint64_t version = 1;
    std::vector<stream::FormatModifier> list;
    mutable int asked = 0;
};

TEST(ModifierWatch, SaidOnceForEachChange) {
    Host host;
    host.list = {{kFormat, 0, kModifierLinear}, {kFormat, 0, kTiled}};
    ModifierWatch watch(kFormat, kTiled, ColourSpace::srgb_nonlinear, host.version);
    EXPECT_FALSE(watch.gone(host));
    EXPECT_EQ(host.asked, 0) << "nothing has changed: a present asks for nothing";
    // A change that leaves it in.
    host.version = 2;
    host.list.push_back({kOther, 0, kTiled});
    EXPECT_FALSE(watch.gone(host));
    // Of another format it is none of ours.
    host.version = 3;
    host.list = {{kFormat, 0, kModifierLinear}, {kOther, 0, kTiled}};
    EXPECT_TRUE(watch.gone(host));
    EXPECT_FALSE(watch.gone(host)) << "the app knows";
    // It comes back, and leaves again.
    host.version = 4;
    host.list.push_back({kFormat, 0, kTiled});
    EXPECT_FALSE(watch.gone(host));
    host.version = 5;
    host.list.clear();
    EXPECT_TRUE(watch.gone(host));
}

TEST(ModifierWatch, LinearStays) {
    Host host;
    ModifierWatch watch(kFormat, kModifierLinear, ColourSpace::srgb_nonlinear, host.version);
    host.version = 2;
    EXPECT_FALSE(watch.gone(host));
    EXPECT_EQ(host.asked, 0);
}

TEST(ModifierWatch, ColourSpaces) {
    Host host;
    host.spaces = stream::bit_of(ColourSpace::hdr10_st2084) | stream::kSrgbAlone;
    ModifierWatch watch(kFormat, kModifierLinear, ColourSpace::hdr10_st2084, host.version);
    EXPECT_FALSE(watch.gone(host));
    host.version = 2;
    EXPECT_FALSE(watch.gone(host));
    host.version = 3;
    host.spaces = stream::kSrgbAlone;
    EXPECT_TRUE(watch.gone(host));
    EXPECT_FALSE(watch.gone(host)) << "the app knows";
    EXPECT_EQ(host.asked, 0) << "linear: the list does not matter";
    // Not shown from the start.
    ModifierWatch late(kFormat, kModifierLinear, ColourSpace::hdr10_st2084,
                       ModifierWatch::kLookAgain);
    EXPECT_TRUE(late.gone(host));
    EXPECT_FALSE(late.gone(host));
}

TEST(ModifierWatch, ModifiersOfOneFormatInTheHostsOrder) {
    const stream::FormatModifier list[] = {
        {kOther, 0, 7}, {kFormat, 0, kTiled}, {kFormat, 0, kModifierLinear}};
    EXPECT_THAT(modifiers_of(kFormat, list), ::testing::ElementsAre(kTiled, kModifierLinear));
}

}  // namespace
}  // namespace vdmabuf::layer
