// SPDX-License-Identifier: MIT
#include "runtime/common/input_messages.hpp"

#include <gtest/gtest.h>

#include <limits>

#include "runtime/common/stream_messages.hpp"
#include "tests/unit/protocol/cases.hpp"

namespace vdmabuf::input {
namespace {

constexpr std::uint32_t kWide = 640;
constexpr std::uint32_t kHigh = 480;

template <typename Message>
Message good() {
    auto m = make<Message>();
    if constexpr (requires { m.events; }) {
        m.width = kWide;
        m.height = kHigh;
        m.count = 1;
        m.events[0] = make_event(Kind::motion, 0, 0, 5, 6);
    }
    return m;
}

template <typename Message>
class InputEnvelopeTest : public testing::Test {};
using AllMessages =
    testing::Types<FromConsumer, ToProducer, Ack, CursorOfProducer, CursorToConsumer>;
TYPED_TEST_SUITE(InputEnvelopeTest, AllMessages);

TYPED_TEST(InputEnvelopeTest, OnlyTheRightSizeAndType) {
    test::check_envelope(good<TypeParam>(),
                         [](std::span<const std::byte> bytes) { return decode<TypeParam>(bytes); });
}

bool taken(const Event& event) {
    return check(event, kWide, kHigh) == nullptr;
}

TEST(InputMessagesTest, TypesLieInTheirRanges) {
    for (std::uint32_t type = 0; type < 0x200; ++type) {
        const int ranges =
            of_producer(type) + to_producer(type) + of_consumer(type) + to_consumer(type);
        const std::uint32_t low = type & 0xF0;
        EXPECT_EQ(ranges, low == 0x30 || low == 0xb0 ? 1 : 0) << type;
    }
}

TEST(InputMessagesTest, CodesAreThoseOfKeysAndButtons) {
    for (std::uint32_t code = 0; code <= 0xFFFF; ++code) {
        const auto narrow = static_cast<std::uint16_t>(code);
        EXPECT_EQ(taken(make_event(Kind::key, narrow, 1)), code >= 1 && code <= 255) << code;
        EXPECT_EQ(taken(make_event(Kind::button, narrow, 0)), code >= 0x110 && code <= 0x117);
        EXPECT_EQ(taken(make_event(Kind::touch_down, narrow)), code < 16);
        EXPECT_EQ(taken(make_event(Kind::touch_up, narrow)), code < 16);
        EXPECT_EQ(taken(make_event(Kind::motion, narrow)), code == 0);
    }
    for (const std::int32_t value : {-1, 2, std::numeric_limits<std::int32_t>::min()}) {
        EXPECT_FALSE(taken(make_event(Kind::key, 30, value)));
        EXPECT_FALSE(taken(make_event(Kind::button, kButtonFirst, value)));
        EXPECT_FALSE(taken(make_event(Kind::focus, 0, value)));
    }
}

TEST(InputMessagesTest, CoordinatesLieInTheWindow) {
    const auto right = static_cast<std::int32_t>(kWide) * kFraction;
    const auto below = static_cast<std::int32_t>(kHigh) * kFraction;
    for (const Kind kind : {Kind::motion, Kind::touch_down, Kind::touch_motion}) {
        EXPECT_TRUE(taken(make_event(kind, 0, 0, 0, 0)));
        EXPECT_TRUE(taken(make_event(kind, 0, 0, right - 1, below - 1)));
        EXPECT_FALSE(taken(make_event(kind, 0, 0, right, 0)));
        EXPECT_FALSE(taken(make_event(kind, 0, 0, 0, below)));
        EXPECT_FALSE(taken(make_event(kind, 0, 0, -1, 0)));
        EXPECT_FALSE(taken(make_event(kind, 0, 0, 0, -1)));
    }
    // The largest window there is does not overflow.
    const auto last = static_cast<std::int32_t>(stream::kMaxExtent) * kFraction - 1;
    EXPECT_EQ(
        check(make_event(Kind::motion, 0, 0, last, last), stream::kMaxExtent, stream::kMaxExtent),
        nullptr);
}

TEST(InputMessagesTest, MovesAreBounded) {
    constexpr std::int32_t kFar = std::numeric_limits<std::int32_t>::max();
    constexpr std::int32_t kLow = std::numeric_limits<std::int32_t>::min();
    EXPECT_TRUE(taken(make_event(Kind::relative, 0, 0, -32768 * 256, 32768 * 256)));
    EXPECT_FALSE(taken(make_event(Kind::relative, 0, 0, kFar, 0)));
    EXPECT_FALSE(taken(make_event(Kind::relative, 0, 0, 0, kLow)));
    EXPECT_TRUE(taken(make_event(Kind::wheel, 0, 0, -120000, 120000)));
    EXPECT_FALSE(taken(make_event(Kind::wheel, 0, 0, 120001, 0)));
    EXPECT_FALSE(taken(make_event(Kind::wheel, 0, 0, 0, kLow)));
}

TEST(InputMessagesTest, UnusedFieldsAndUnknownKindsAreRefused) {
    EXPECT_TRUE(taken(make_event(Kind::focus, 0, 1)));
    EXPECT_TRUE(taken(make_event(Kind::release_all)));
    EXPECT_TRUE(taken(make_event(Kind::touch_cancel)));
    EXPECT_FALSE(taken(make_event(Kind::release_all, 0, 1)));
    EXPECT_FALSE(taken(make_event(Kind::touch_cancel, 1)));
    EXPECT_FALSE(taken(make_event(Kind::key, 30, 1, 1)));
    EXPECT_FALSE(taken(make_event(Kind::touch_up, 0, 0, 1)));
    for (std::uint32_t kind = 0; kind <= 0xFFFF; ++kind) {
        if (kind >= 1 && kind <= 11) continue;
        EXPECT_FALSE(taken(make_event(static_cast<Kind>(kind))));
    }
}

template <typename Message>
void check_counts() {
    auto m = good<Message>();
    m.count = 0;
    EXPECT_FALSE(decode<Message>(bytes_of(m)));
    m.count = kMaxEvents + 1;
    EXPECT_FALSE(decode<Message>(bytes_of(m)));
    m = good<Message>();
    m.events[1] = make_event(Kind::key, 0, 1);  // wrong, and not looked at
    EXPECT_TRUE(decode<Message>(bytes_of(m)));
    m.count = 2;
    EXPECT_FALSE(decode<Message>(bytes_of(m)));
    for (const std::uint32_t size : {0u, stream::kMaxExtent + 1, 0xFFFFFFFFu}) {
        m = good<Message>();
        m.width = size;
        EXPECT_FALSE(decode<Message>(bytes_of(m)));
        m = good<Message>();
        m.height = size;
        EXPECT_FALSE(decode<Message>(bytes_of(m)));
    }
    m = good<Message>();
    m.reserved = 1;
    EXPECT_FALSE(decode<Message>(bytes_of(m)));
}

TEST(InputMessagesTest, FlagsOfCursors) {
    for (std::uint32_t flags : {0u, 1u, 2u, 3u, 1u << 31}) {
        auto of = make<CursorOfProducer>();
        of.flags = flags;
        EXPECT_EQ(static_cast<bool>(decode<CursorOfProducer>(bytes_of(of))), flags <= 1);
        auto to = make<CursorToConsumer>();
        to.flags = flags;
        EXPECT_EQ(static_cast<bool>(decode<CursorToConsumer>(bytes_of(to))), flags <= 1);
        to.reserved = 1;
        EXPECT_FALSE(decode<CursorToConsumer>(bytes_of(to)));
    }
}

TEST(InputMessagesTest, CountsAndSizes) {
    check_counts<FromConsumer>();
    check_counts<ToProducer>();
}

}  // namespace
}  // namespace vdmabuf::input
