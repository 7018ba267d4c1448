// SPDX-License-Identifier: MIT
#include <gtest/gtest.h>

#include <array>
#include <string>

#include "runtime/common/stream_messages.hpp"

namespace vdmabuf::stream {
namespace {

using Field = std::array<char, 8>;

std::string put(std::string_view text) {
    Field field;
    field.fill('X');
    put_text(field, text);
    EXPECT_EQ(field.back(), '\0');
    bool ended = false;
    for (const char c : field) {
        ended = ended || c == '\0';
        EXPECT_EQ(ended, c == '\0') << "something of before is left";
    }
    return field.data();
}

TEST(TextTest, IsCutToTheField) {
    EXPECT_EQ(put(""), "");
    EXPECT_EQ(put("abc"), "abc");
    EXPECT_EQ(put("1234567"), "1234567");
    EXPECT_EQ(put("12345678"), "1234567");
    EXPECT_EQ(put(std::string(1000, 'a')), "aaaaaaa");
}

TEST(TextTest, IsNotCutInsideOfACharacter) {
    EXPECT_EQ(put("12345\u00e4"), "12345\u00e4");  // 7 bytes
    EXPECT_EQ(put("123456\u00e4"), "123456");      // the second byte would be the eighth
    EXPECT_EQ(put("12345\u20ac"), "12345");        // three bytes
    EXPECT_EQ(put("1234\U0001F600"), "1234");      // four bytes
    EXPECT_EQ(put("123\U0001F600"), "123\U0001F600");
}

TEST(TextTest, EndsAtAZero) {
    EXPECT_EQ(put(std::string_view("ab\0cd", 5)), "ab");
}

TEST(TextTest, WhatIsReadHasNoControlCharacters) {
    const std::array<char, 8> field = {'a', '\033', '\n', 0x7F, 'b', '\t', '\0', 'c'};
    EXPECT_EQ(get_text(field), "a???b?");
    EXPECT_EQ(get_text(std::array<char, 4>{'\xc3', '\xa4', '\0', '\0'}), "\u00e4");
}

}  // namespace
}  // namespace vdmabuf::stream
