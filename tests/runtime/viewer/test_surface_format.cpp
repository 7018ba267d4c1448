// SPDX-License-Identifier: MIT
#include <gtest/gtest.h>

#include "runtime/viewer/surface_format.hpp"

namespace vdmabuf::viewer {
namespace {

using stream::ColourSpace;

constexpr VkFormat kBgra = VK_FORMAT_B8G8R8A8_UNORM;
constexpr VkFormat kAb30 = VK_FORMAT_A2B10G10R10_UNORM_PACK32;
constexpr VkFormat kAr30 = VK_FORMAT_A2R10G10B10_UNORM_PACK32;
constexpr VkFormat kHalf = VK_FORMAT_R16G16B16A16_SFLOAT;
constexpr VkColorSpaceKHR kSrgb = VK_COLOR_SPACE_SRGB_NONLINEAR_KHR;
constexpr VkColorSpaceKHR kPq = VK_COLOR_SPACE_HDR10_ST2084_EXT;
constexpr VkColorSpaceKHR kLinear = VK_COLOR_SPACE_EXTENDED_SRGB_LINEAR_EXT;

using Formats = std::vector<VkSurfaceFormatKHR>;
using Pair = std::pair<VkFormat, VkColorSpaceKHR>;

Pair chosen(const Formats& formats, const Look& pictures, bool native = true) {
    const auto found = choose_surface_format(formats, pictures, native);
    return found ? Pair(found->format, found->colorSpace)
                 : Pair(VK_FORMAT_UNDEFINED, VK_COLOR_SPACE_MAX_ENUM_KHR);
}

// What AMD's and Intel's drivers offer on an HDR desktop, not in the best order.
const Formats kHdrDesktop = {{VK_FORMAT_B8G8R8A8_SRGB, kSrgb},
                             {kBgra, kSrgb},
                             {kAr30, kPq},
                             {kAb30, kSrgb},
                             {kAb30, kPq},
                             {kHalf, kLinear}};
const Formats kPlain = {{VK_FORMAT_B8G8R8A8_SRGB, kSrgb}, {kBgra, kSrgb}};

TEST(SurfaceFormat, PicturesOfSrgb) {
    const Look eight{kBgra, ColourSpace::srgb_nonlinear};
    EXPECT_EQ(chosen(kHdrDesktop, eight), Pair(kBgra, kSrgb));
    EXPECT_EQ(chosen(kPlain, {VK_FORMAT_R8G8B8A8_UNORM, ColourSpace::srgb_nonlinear}),
              Pair(kBgra, kSrgb));
    // Ten bits as ten bits where the surface has them, in either order.
    EXPECT_EQ(chosen(kHdrDesktop, {kAb30, ColourSpace::srgb_nonlinear}), Pair(kAb30, kSrgb));
    EXPECT_EQ(chosen(kHdrDesktop, {kAr30, ColourSpace::srgb_nonlinear}), Pair(kAb30, kSrgb));
    EXPECT_EQ(chosen(kHdrDesktop, {kHalf, ColourSpace::srgb_nonlinear}), Pair(kAb30, kSrgb));
    EXPECT_EQ(chosen(kPlain, {kAb30, ColourSpace::srgb_nonlinear}), Pair(kBgra, kSrgb));
}

TEST(SurfaceFormat, OthersAsTheyAreWhereTheSurfaceHasThem) {
    EXPECT_EQ(chosen(kHdrDesktop, {kAb30, ColourSpace::hdr10_st2084}), Pair(kAb30, kPq));
    EXPECT_EQ(chosen(kHdrDesktop, {kAr30, ColourSpace::hdr10_st2084}), Pair(kAr30, kPq));
    EXPECT_EQ(chosen(kHdrDesktop, {kHalf, ColourSpace::extended_srgb_linear}),
              Pair(kHalf, kLinear));
    // Halfs hold more than the surface's ten bits of PQ: converted from what is exact.
    EXPECT_EQ(chosen(kHdrDesktop, {kHalf, ColourSpace::hdr10_st2084}), Pair(kAb30, kSrgb));
}

TEST(SurfaceFormat, ElseSrgbWithAsManyBitsAsThereAre) {
    EXPECT_EQ(chosen(kHdrDesktop, {kAb30, ColourSpace::hdr10_hlg}), Pair(kAb30, kSrgb));
    EXPECT_EQ(chosen(kHdrDesktop, {kBgra, ColourSpace::display_p3_nonlinear}), Pair(kBgra, kSrgb));
    EXPECT_EQ(chosen(kHdrDesktop, {kAb30, ColourSpace::hdr10_st2084}, false), Pair(kAb30, kSrgb));
    EXPECT_EQ(chosen(kPlain, {kHalf, ColourSpace::extended_srgb_linear}), Pair(kBgra, kSrgb));
    // Numbers of sRGB in a surface that wants others would be wrong: no window, in place of that.
    EXPECT_EQ(chosen({{kAb30, kPq}}, {kAb30, ColourSpace::srgb_nonlinear}).first,
              VK_FORMAT_UNDEFINED);
}

}  // namespace
}  // namespace vdmabuf::viewer
