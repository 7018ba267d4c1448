// SPDX-License-Identifier: MIT
#include "layer/formats.hpp"

#include <gtest/gtest.h>

namespace vdmabuf::layer {
namespace {

TEST(FormatsTest, BgraUnormComesFirst) {
    ASSERT_FALSE(known_formats().empty());
    EXPECT_EQ(known_formats().front().format, VK_FORMAT_B8G8R8A8_UNORM);
}

TEST(FormatsTest, CodesAreThoseOfTheKernel) {
    ASSERT_TRUE(find_format(VK_FORMAT_B8G8R8A8_UNORM));
    EXPECT_EQ(find_format(VK_FORMAT_B8G8R8A8_UNORM)->fourcc, 0x34325241u);  // DRM_FORMAT_ARGB8888
    EXPECT_EQ(find_format(VK_FORMAT_R8G8B8A8_SRGB)->fourcc, 0x34324241u);   // DRM_FORMAT_ABGR8888
    EXPECT_EQ(find_format(VK_FORMAT_R8G8B8A8_SRGB)->bytes_per_pixel, 4u);
    EXPECT_EQ(find_format(VK_FORMAT_A2R10G10B10_UNORM_PACK32)->fourcc, 0x30335241u);
    EXPECT_EQ(find_format(VK_FORMAT_R16G16B16A16_SFLOAT)->bytes_per_pixel, 8u);
    EXPECT_EQ(find_format(VK_FORMAT_R5G6B5_UNORM_PACK16)->bytes_per_pixel, 2u);
    EXPECT_EQ(find_format(VK_FORMAT_D32_SFLOAT), nullptr);
}

}  // namespace
}  // namespace vdmabuf::layer
