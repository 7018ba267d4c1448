// SPDX-License-Identifier: MIT
#include "runtime/broker/image_layout.hpp"

#include <gtest/gtest.h>

#include <cstdint>
#include <limits>

namespace vdmabuf::broker {
namespace {

constexpr std::uint64_t kMax = std::numeric_limits<std::uint64_t>::max();

stream::StreamImage image_of(std::uint32_t width, std::uint32_t height, std::uint64_t pitch) {
    auto image = stream::make<stream::StreamImage>();
    image.width = width;
    image.height = height;
    image.fourcc = fourcc_of("XR24");
    image.planes[0].pitch = pitch;
    return image;
}

TEST(ImageLayoutTest, EveryFormatOfWelcomeIsTaken) {
    struct Known {
        const char* name;
        std::uint32_t code;
        std::uint32_t bytes;
    };
    const Known all[] = {
        {"XR24", 0x34325258, 4}, {"AR24", 0x34325241, 4}, {"XB24", 0x34324258, 4},
        {"AB24", 0x34324241, 4}, {"AR30", 0x30335241, 4}, {"AB30", 0x30334241, 4},
        {"XR30", 0x30335258, 4}, {"XB30", 0x30334258, 4}, {"AB4H", 0x48344241, 8},
        {"XB4H", 0x48344258, 8}, {"RG16", 0x36314752, 2},
    };
    EXPECT_EQ(known_formats().size(), std::size(all));
    for (const Known& format : all) {
        SCOPED_TRACE(format.name);
        auto image = image_of(64, 64, 64 * format.bytes);
        image.fourcc = format.code;
        EXPECT_TRUE(check_layout(image, 64 * 64 * format.bytes));
        EXPECT_FALSE(check_layout(image, 64 * 64 * format.bytes - 1));
        image.planes[0].pitch -= format.bytes;
        EXPECT_FALSE(check_layout(image, 1 << 20)) << "pitch below a row";
    }
}

TEST(ImageLayoutTest, OthersAreRefusedByName) {
    auto image = image_of(64, 64, 256);
    image.fourcc = fourcc_of("NV12");
    const auto status = check_layout(image, 1 << 20);
    ASSERT_FALSE(status);
    EXPECT_NE(status.error().text.find("NV12"), std::string::npos);
    image.fourcc = 0x01020304;
    EXPECT_FALSE(check_layout(image, 1 << 20));
}

TEST(ImageLayoutTest, ALinearImageHasOnePlane) {
    auto image = image_of(64, 64, 256);
    image.plane_count = 2;
    image.planes[1].pitch = 256;
    EXPECT_FALSE(check_layout(image, 1 << 20));
}

TEST(ImageLayoutTest, OfATiledImageThePlanesStartInsideOfTheBuffer) {
    auto image = image_of(64, 64, 256);
    image.modifier = 1;
    image.plane_count = 2;
    image.planes[1].offset = 65535;
    image.planes[1].pitch = 16;
    EXPECT_TRUE(check_layout(image, 65536));
    EXPECT_FALSE(check_layout(image, 65535));
    image.planes[0].offset = kMax;
    EXPECT_FALSE(check_layout(image, 65536));
    image = image_of(64, 64, 256);
    image.modifier = kMax >> 8;  // DRM_FORMAT_MOD_INVALID
    EXPECT_FALSE(check_layout(image, 1 << 20));
    image.modifier = 1;
    image.fourcc = fourcc_of("NV12");
    EXPECT_FALSE(check_layout(image, 1 << 20));
}

TEST(ImageLayoutTest, TheImageLiesInsideOfItsBuffer) {
    auto image = image_of(256, 256, 1024);
    EXPECT_TRUE(check_layout(image, 262144));
    image.planes[0].offset = 4096;
    EXPECT_FALSE(check_layout(image, 262144));
    EXPECT_TRUE(check_layout(image, 262144 + 4096));
    EXPECT_FALSE(check_layout(image, 262144 + 4095));
}

TEST(ImageLayoutTest, NothingOverflows) {
    auto image = image_of(256, 256, 1024);
    image.planes[0].offset = kMax - 3;  // + 262144 wraps to less than the size
    EXPECT_FALSE(check_layout(image, 262144));
    image.planes[0].offset = kMax - 262143;  // ends at 2^64 exactly
    EXPECT_FALSE(check_layout(image, 262144));
    image = image_of(256, 256, std::uint64_t{1} << 56);  // * 256 is 0
    EXPECT_FALSE(check_layout(image, 262144));
    image = image_of(stream::kMaxExtent, stream::kMaxExtent, std::uint64_t{stream::kMaxExtent} * 4);
    EXPECT_TRUE(check_layout(image, std::uint64_t{1} << 32));
    EXPECT_FALSE(check_layout(image, (std::uint64_t{1} << 32) - 1));
}

TEST(ImageLayoutTest, PixelsAreAligned) {
    auto image = image_of(16, 16, 66);
    EXPECT_FALSE(check_layout(image, 1 << 20));
    image = image_of(16, 16, 64);
    image.planes[0].offset = 2;
    EXPECT_FALSE(check_layout(image, 1 << 20));
    image.planes[0].offset = 4;
    EXPECT_TRUE(check_layout(image, 1 << 20));
}

}  // namespace
}  // namespace vdmabuf::broker
