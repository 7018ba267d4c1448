// SPDX-License-Identifier: MIT
#include "runtime/common/clipboard_messages.hpp"

#include <gtest/gtest.h>

#include "runtime/common/cursor_messages.hpp"
#include "tests/unit/protocol/cases.hpp"

namespace vdmabuf::clipboard {
namespace {

template <typename Message>
Message good() {
    auto m = make<Message>();
    m.count = 3;
    if constexpr (requires { m.text; }) {
        m.first = 7;
        m.total = 10;
        std::string_view("abc").copy(m.text, 3);
    }
    return m;
}

template <typename Message>
bool taken(const Message& m) {
    return static_cast<bool>(decode<Message>(bytes_of(m)));
}

template <typename Message>
class ClipboardEnvelopeTest : public testing::Test {};
using AllMessages = testing::Types<PartOfProducer, PartToProducer, PartOfConsumer, PartToConsumer,
                                   TakenByProducer, TakenToConsumer>;
TYPED_TEST_SUITE(ClipboardEnvelopeTest, AllMessages);

TYPED_TEST(ClipboardEnvelopeTest, OnlyTheRightSizeAndType) {
    test::check_envelope(good<TypeParam>(),
                         [](std::span<const std::byte> bytes) { return decode<TypeParam>(bytes); });
}

TYPED_TEST(ClipboardEnvelopeTest, CountsSomething) {
    auto m = good<TypeParam>();
    m.count = 0;
    EXPECT_FALSE(taken(m));
    m.count = kWindow + 1;
    EXPECT_FALSE(taken(m));
    m = good<TypeParam>();
    if constexpr (requires { m.reserved; }) {
        m.reserved = 1;
        EXPECT_FALSE(taken(m));
    }
}

template <typename Message>
class ClipboardPartTest : public testing::Test {};
using Parts = testing::Types<PartOfProducer, PartToProducer, PartOfConsumer, PartToConsumer>;
TYPED_TEST_SUITE(ClipboardPartTest, Parts);

TYPED_TEST(ClipboardPartTest, LiesInTheText) {
    const auto takes = [](auto change) {
        auto m = good<TypeParam>();
        std::fill(std::begin(m.text), std::end(m.text), 'x');
        change(m);
        return taken(m);
    };
    EXPECT_TRUE(takes([](auto&) {}));
    EXPECT_TRUE(
        takes([](auto& m) { m.total = kMaxText, m.first = kMaxText - 4000, m.count = 4000; }));
    EXPECT_FALSE(takes([](auto& m) { m.total = kMaxText + 1; }));
    EXPECT_FALSE(takes([](auto& m) { m.total = 9; }));
    EXPECT_FALSE(takes([](auto& m) { m.total = m.first = 0; }));
    EXPECT_FALSE(takes([](auto& m) { m.total = 5000, m.count = 4001; }));
    EXPECT_FALSE(takes([](auto& m) { m.first = 0xFFFFFFFF; }));
}

TYPED_TEST(ClipboardPartTest, IsPlainTextByItself) {
    auto m = good<TypeParam>();
    m.text[1] = '\0';
    EXPECT_FALSE(taken(m));
    m.text[1] = '\x1b';
    EXPECT_FALSE(taken(m));
    m.text[1] = '\n';
    EXPECT_TRUE(taken(m));
    m.text[2] = '\xc3';  // the first half of a letter
    EXPECT_FALSE(taken(m));
    m.text[1] = '\xc3', m.text[2] = '\xa4';
    EXPECT_TRUE(taken(m));
    m.text[3] = '\xff';  // beyond its end
    EXPECT_TRUE(taken(m));
}

TEST(ClipboardTypesTest, AreTheirOwn) {
    int of_p = 0;
    int to_p = 0;
    int of_c = 0;
    int to_c = 0;
    for (std::uint32_t type = 0; type < 0x200; ++type) {
        const int ranges = of_producer(type) + to_producer(type) + of_consumer(type) +
                           to_consumer(type) + cursor::of_producer(type) +
                           cursor::to_consumer(type);
        EXPECT_LE(ranges, 1) << type;
        of_p += of_producer(type), to_p += to_producer(type);
        of_c += of_consumer(type), to_c += to_consumer(type);
    }
    EXPECT_EQ(of_p, 2);
    EXPECT_EQ(to_p, 1);
    EXPECT_EQ(of_c, 1);
    EXPECT_EQ(to_c, 2);
}

TEST(ClipboardTextTest, IsWellFormed) {
    // RFC 3629, and the table of well-formed byte sequences of the Unicode standard.
    for (const char* text :
         {"a", "\t\r\n", "~", "\xc2\xa0", "\xdf\xbf", "\xe0\xa0\x80", "\xed\x9f\xbf",
          "\xee\x80\x80", "\xef\xbf\xbf", "\xf0\x90\x80\x80", "\xf4\x8f\xbf\xbf", ""}) {
        EXPECT_TRUE(is_plain(text)) << text;
    }
    for (const char* text : {"\x80",
                             "\xbf",
                             "\xc0\x80",
                             "\xc1\xbf",
                             "\xc2",
                             "\xc2\x20",
                             "\xe0\x9f\xbf",
                             "\xe0\xa0",
                             "\xed\xa0\x80",
                             "\xed\xbf\xbf",
                             "\xf0\x8f\xbf\xbf",
                             "\xf0\x90\x80",
                             "\xf4\x90\x80\x80",
                             "\xf5\x80\x80\x80",
                             "\xff",
                             "\x01",
                             "\x08",
                             "\x0b",
                             "\x1b[",
                             "\x7f",
                             "\xc2\x80",
                             "\xc2\x9b"}) {
        EXPECT_FALSE(is_plain(text)) << testing::PrintToString(std::string(text));
    }
    EXPECT_FALSE(is_plain(std::string_view("\0", 1)));
}

TEST(ClipboardTextTest, LosesItsControlCharacters) {
    EXPECT_EQ(plain_text("a\x1b[31mb\r\n"), "a[31mb\r\n");
    EXPECT_EQ(plain_text("\xc2\x9b!"), "!");
    EXPECT_EQ(plain_text(std::string_view("x\0y", 3)), "xy");
    EXPECT_FALSE(plain_text(""));
    EXPECT_FALSE(plain_text("\x07"));
    EXPECT_FALSE(plain_text("good\xff"));
    EXPECT_TRUE(plain_text(std::string(kMaxText, 'x')));
    EXPECT_TRUE(plain_text(std::string(kMaxText, 'x') + '\a'));
    EXPECT_FALSE(plain_text(std::string(kMaxText + 1, 'x')));
}

TEST(ClipboardAssemblyTest, WholeTextsAndNothingElse) {
    std::string text;
    while (text.size() < 3 * kPartBytes) text += "\xe2\x82\xac";  // of three bytes: 4000 cuts one
    Assembly parts;
    std::optional<std::string> whole;
    std::size_t count = 0;
    for (std::size_t first = 0; first < text.size(); first += part_size(text, first)) {
        ASSERT_FALSE(whole);
        auto m = make<PartToConsumer>();
        put_part(m, text, first);
        ASSERT_TRUE(taken(m));
        EXPECT_EQ(m.count % 3, 0U);
        whole = parts.add(m);
        ++count;
    }
    EXPECT_EQ(whole, text);
    EXPECT_EQ(count, 4U);

    const auto part = [](std::string_view of, std::uint32_t first, std::uint32_t length) {
        auto m = make<PartToProducer>();
        m.first = first;
        m.total = static_cast<std::uint32_t>(of.size());
        m.count = length;
        of.copy(m.text, length, first);
        return m;
    };
    EXPECT_FALSE(parts.add(part("abcd", 2, 2))) << "the end of no text";
    EXPECT_FALSE(parts.add(part("abcd", 0, 2)));
    EXPECT_FALSE(parts.add(part("abcd", 3, 1))) << "a byte is missing";
    EXPECT_FALSE(parts.add(part("abcd", 2, 2))) << "that text is lost";
    EXPECT_FALSE(parts.add(part("abcd", 0, 2)));
    EXPECT_FALSE(parts.add(part("abcde", 2, 3))) << "of another text";
    EXPECT_FALSE(parts.add(part("abcd", 0, 2)));
    EXPECT_FALSE(parts.add(part("efgh", 0, 2)));
    EXPECT_EQ(parts.add(part("efgh", 2, 2)), "efgh") << "begun anew";
    EXPECT_EQ(parts.add(part("x", 0, 1)), "x");
}

}  // namespace
}  // namespace vdmabuf::clipboard
