// SPDX-License-Identifier: MIT
#include <gtest/gtest.h>

#include "runtime/consumer/image_layout.hpp"
#include "tests/unit/consumer/scattered_buffer.hpp"

namespace vdmabuf::consumer {
namespace {

Image sound() {
    auto image = make<Image>();
    image.width = 100;
    image.height = 50;
    image.fourcc = fourcc_of("XR24");
    image.plane_count = 1;
    image.planes[0] = {4096, 512};
    image.buffer_size = 4096 + 49 * 512 + 400;
    return image;
}

TEST(CheckLayout, LastRowMayEndWithTheBuffer) {
    auto layout = check_layout(sound());
    ASSERT_TRUE(layout) << layout.error().text;
    EXPECT_EQ(layout->row_bytes(), 400U);
    EXPECT_EQ(layout->span_bytes(), 49U * 512 + 400);
    EXPECT_TRUE(layout->opaque);
    EXPECT_FALSE(layout->y_flip);
}

TEST(CheckLayout, RowsOutsideAreRefused) {
    Image image = sound();
    image.buffer_size -= 1;
    EXPECT_FALSE(check_layout(image));
    image = sound();
    image.planes[0].offset += 1;
    EXPECT_FALSE(check_layout(image));
    image = sound();
    image.planes[0].pitch = 399;
    EXPECT_FALSE(check_layout(image));
    image = sound();
    image.width = 0;
    EXPECT_FALSE(check_layout(image));
}

TEST(CheckLayout, NothingOverflows) {
    Image image = sound();
    image.planes[0].pitch = ~std::uint64_t{0} / 49;
    EXPECT_FALSE(check_layout(image));
    image.planes[0].pitch = ~std::uint64_t{0} / 49 + 1;
    EXPECT_FALSE(check_layout(image));
    image = sound();
    image.planes[0].offset = ~std::uint64_t{0} - 100;
    EXPECT_FALSE(check_layout(image));
}

TEST(CheckLayout, UnknownFormatsAreNotSupported) {
    Image image = sound();
    image.fourcc = fourcc_of("NV12");
    EXPECT_EQ(check_layout(image).error().code, ENOTSUP);
    image = sound();
    image.plane_count = 2;
    EXPECT_EQ(check_layout(image).error().code, ENOTSUP);
}

TEST(CheckLayout, OtherModifiersHaveTheirOwnRows) {
    Image image = sound();
    image.modifier = 1;
    image.plane_count = 2;
    image.planes[0] = {0, 128};
    image.planes[1] = {image.buffer_size - 1, 64};
    auto layout = check_layout(image);
    ASSERT_TRUE(layout) << layout.error().text;
    EXPECT_FALSE(layout->is_linear());
    EXPECT_EQ(layout->plane_count, 2U);
    EXPECT_EQ(layout->planes[1].offset, image.buffer_size - 1);
    image.planes[1].offset += 1;
    EXPECT_FALSE(check_layout(image));
    image.planes[1] = {0, 0};
    EXPECT_FALSE(check_layout(image));
    image.plane_count = 5;
    EXPECT_FALSE(check_layout(image));
}

TEST(CheckLayout, AlphaNeedsAFormatThatHasIt) {
    Image image = sound();
    image.fourcc = fourcc_of("AR24");
    EXPECT_FALSE(check_layout(image)->opaque);
    image.flags = stream::kImageOpaque;
    EXPECT_TRUE(check_layout(image)->opaque);
}

std::array<int, 4> rgba(const char (&fourcc)[5], const std::vector<std::uint8_t>& bytes) {
    const PixelFormat* format = find_format(fourcc_of(fourcc));
    EXPECT_EQ(format->bytes, bytes.size());
    std::uint8_t out[4] = {};
    format->to_rgba8(bytes.data(), out);
    return {out[0], out[1], out[2], out[3]};
}

TEST(PixelFormat, ComponentsAreWhereDrmSays) {
    using P = std::array<int, 4>;
    EXPECT_EQ(rgba("AR24", {3, 2, 1, 4}), (P{1, 2, 3, 4}));
    EXPECT_EQ(rgba("AB24", {1, 2, 3, 4}), (P{1, 2, 3, 4}));
    EXPECT_EQ(rgba("AR30", {0, 0, 0xf0, 0xff}), (P{255, 0, 0, 255}));
    EXPECT_EQ(rgba("AB30", {0xff, 0x03, 0, 0x40}), (P{255, 0, 0, 85}));
    EXPECT_EQ(rgba("RG16", {0x00, 0xf8}), (P{255, 0, 0, 255}));
    EXPECT_EQ(rgba("RG16", {0x1f, 0x00}), (P{0, 0, 255, 255}));
    EXPECT_EQ(rgba("AB4H", {0x00, 0x3c, 0x00, 0x38, 0, 0, 0x00, 0xbc}), (P{255, 128, 0, 0}));
}

}  // namespace
}  // namespace vdmabuf::consumer
