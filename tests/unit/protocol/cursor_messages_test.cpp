// SPDX-License-Identifier: MIT
#include "runtime/common/cursor_messages.hpp"

#include <gtest/gtest.h>

#include "tests/unit/protocol/cases.hpp"

namespace vdmabuf::cursor {
namespace {

template <typename Message>
Message good() {
    auto m = make<Message>();
    m.shape = {40, 30, 3, 29};
    m.first = 1000;
    m.count = 200;
    return m;
}

template <typename Message>
class CursorPartTest : public testing::Test {};
using Parts = testing::Types<PartOfProducer, PartToConsumer>;
TYPED_TEST_SUITE(CursorPartTest, Parts);

TYPED_TEST(CursorPartTest, OnlyTheRightSizeAndType) {
    test::check_envelope(good<TypeParam>(),
                         [](std::span<const std::byte> bytes) { return decode<TypeParam>(bytes); });
}

TYPED_TEST(CursorPartTest, LiesInTheImage) {
    const auto taken = [](auto change) {
        auto m = good<TypeParam>();
        change(m);
        return static_cast<bool>(decode<TypeParam>(bytes_of(m)));
    };
    EXPECT_TRUE(taken([](auto&) {}));
    EXPECT_TRUE(taken([](auto& m) {
        m.shape = {256, 256, 255, 255}, m.first = 64536, m.count = 1000;
    }));
    EXPECT_FALSE(taken([](auto& m) { m.shape = {257, 256, 0, 0}; }));
    EXPECT_FALSE(taken([](auto& m) { m.shape = {256, 257, 0, 0}; }));
    EXPECT_FALSE(taken([](auto& m) { m.shape.width = 0; }));
    EXPECT_FALSE(taken([](auto& m) { m.shape.height = 0; }));
    EXPECT_FALSE(taken([](auto& m) { m.shape.hot_x = 40; }));
    EXPECT_FALSE(taken([](auto& m) { m.shape.hot_y = 30; }));
    EXPECT_FALSE(taken([](auto& m) { m.count = 0; }));
    EXPECT_FALSE(taken([](auto& m) { m.count = 201; }));
    EXPECT_FALSE(taken([](auto& m) { m.shape = {256, 256, 0, 0}, m.count = 1001; }));
    EXPECT_FALSE(taken([](auto& m) { m.first = 1001; }));
    EXPECT_FALSE(taken([](auto& m) { m.first = 0xFFFFFFFF; }));
}

PartToConsumer part(std::uint32_t first, std::uint32_t count, Shape shape = {40, 30, 3, 29}) {
    auto m = make<PartToConsumer>();
    m.shape = shape;
    m.first = first;
    m.count = count;
    for (std::uint32_t i = 0; i < count; ++i) m.pixels[i] = first + i;
    return m;
}

TEST(CursorAssemblyTest, WholeImagesAndNothingElse) {
    Assembly parts;
    EXPECT_FALSE(parts.add(part(0, 1000)));
    const auto image = parts.add(part(1000, 200));
    ASSERT_TRUE(image);
    EXPECT_TRUE(image->sound());
    EXPECT_EQ(image->shape, (Shape{40, 30, 3, 29}));
    for (std::uint32_t i = 0; i < 1200; ++i) ASSERT_EQ(image->pixels[i], i);
    EXPECT_FALSE(parts.add(part(1000, 200))) << "the end of no image";
    EXPECT_FALSE(parts.add(part(0, 1000)));
    EXPECT_FALSE(parts.add(part(1001, 199))) << "a pixel is missing";
    EXPECT_FALSE(parts.add(part(1000, 200))) << "that image is lost";
    EXPECT_FALSE(parts.add(part(0, 1000)));
    EXPECT_FALSE(parts.add(part(1000, 200, {40, 30, 4, 29}))) << "of another image";
    EXPECT_FALSE(parts.add(part(0, 1000)));
    EXPECT_FALSE(parts.add(part(0, 1000)));
    EXPECT_TRUE(parts.add(part(1000, 200))) << "begun once more";
    EXPECT_TRUE(parts.add(part(0, 1, {1, 1, 0, 0})));
}

TEST(CursorImageTest, IsHiddenWithoutAPixelToBeSeen) {
    EXPECT_TRUE((Image{{2, 1, 0, 0}, {0, 0}}.hidden()));
    EXPECT_TRUE((Image{{2, 1, 0, 0}, {0, 0x00FFFFFF}}.hidden()));
    EXPECT_FALSE((Image{{2, 1, 0, 0}, {0, 0x01000000}}.hidden()));
}

}  // namespace
}  // namespace vdmabuf::cursor
