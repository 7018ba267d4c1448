// SPDX-License-Identifier: MIT
#include "runtime/common/stream_messages.hpp"

#include <gtest/gtest.h>

#include <cstring>
#include <limits>

#include "tests/unit/protocol/cases.hpp"

namespace vdmabuf::stream {
namespace {

constexpr std::uint64_t kTop = std::uint64_t{1} << 48;
constexpr std::uint32_t kAll32 = std::numeric_limits<std::uint32_t>::max();
constexpr std::uint64_t kAll64 = std::numeric_limits<std::uint64_t>::max();

template <typename Message>
bool taken(const Message& message) {
    return static_cast<bool>(decode<Message>(bytes_of(message)));
}

// Whether `good` is taken after `change`.
template <typename Message, typename Change>
bool taken_with(Message good, Change change) {
    change(good);
    return taken(good);
}

#define EXPECT_TAKEN(good, change) EXPECT_TRUE(taken_with(good, [](auto& m) { change; }))
#define EXPECT_REFUSED(good, change) EXPECT_FALSE(taken_with(good, [](auto& m) { change; }))

StreamCreate good_create() {
    auto m = make<StreamCreate>();
    m.stream = 3;
    m.width = 640;
    m.height = 480;
    put_text(m.title, "title");
    put_text(m.app_id, "id");
    return m;
}

StreamImage good_image() {
    auto m = make<StreamImage>();
    m.buffer.fill(7);
    m.width = 640;
    m.height = 480;
    m.fourcc = 0x34325258;
    m.planes[0].pitch = 2560;
    return m;
}

Present good_present() {
    auto m = make<Present>();
    m.serial = 1;
    return m;
}

BufferCreate good_buffer() {
    auto m = make<BufferCreate>();
    m.id.fill(1);
    m.size = 4096;
    return m;
}

BufferDestroy good_destroy() {
    auto m = make<BufferDestroy>();
    m.id.fill(1);
    return m;
}

Welcome good_welcome() {
    auto m = make<Welcome>();
    m.version = 1;
    return m;
}

template <typename Message>
class StreamEnvelopeTest : public testing::Test {};

template <typename Message>
Message good() {
    if constexpr (std::is_same_v<Message, StreamCreate>) return good_create();
    if constexpr (std::is_same_v<Message, StreamImage>) return good_image();
    if constexpr (std::is_same_v<Message, Present>) return good_present();
    if constexpr (std::is_same_v<Message, BufferCreate>) return good_buffer();
    if constexpr (std::is_same_v<Message, BufferDestroy>) return good_destroy();
    if constexpr (std::is_same_v<Message, Welcome>) return good_welcome();
    if constexpr (std::is_same_v<Message, StreamExtent>) {
        auto extent = make<StreamExtent>();
        extent.width = kMaxExtent;
        extent.height = 1;
        return extent;
    }
    return make<Message>();
}

using AllMessages =
    testing::Types<Hello, StreamCreate, StreamImage, Present, StreamImageGone, StreamTitle,
                   StreamDestroy, Pong, BufferCreate, BufferDestroy, Welcome, Release, Presented,
                   Configure, Close, Ping, ErrorMessage, Formats, StreamHdr, StreamExtent>;
TYPED_TEST_SUITE(StreamEnvelopeTest, AllMessages);

TYPED_TEST(StreamEnvelopeTest, OnlyTheRightSizeAndType) {
    test::check_envelope(good<TypeParam>(),
                         [](std::span<const std::byte> bytes) { return decode<TypeParam>(bytes); });
}

TEST(StreamMessagesTest, TypeOf) {
    const auto hello = make<Hello>();
    const auto type = type_of(bytes_of(hello));
    ASSERT_TRUE(type);
    EXPECT_EQ(*type, Type::hello);
    for (std::size_t size = 0; size < sizeof hello; ++size) {
        EXPECT_FALSE(type_of(bytes_of(hello).first(size))) << size;
    }
    // A type that nobody knows is the receiver's matter.
    Header unknown{0xABCD, sizeof(Header)};
    const auto odd = type_of(bytes_of(unknown));
    ASSERT_TRUE(odd);
    EXPECT_EQ(static_cast<std::uint32_t>(*odd), 0xABCDu);
    unknown.size = 0;
    EXPECT_FALSE(type_of(bytes_of(unknown)));
}

TEST(StreamMessagesTest, Hello) {
    const auto m0 = make<Hello>();
    EXPECT_TAKEN(m0, m.version_max = 65535);
    EXPECT_TAKEN(m0, m.version_min = m.version_max = 65535);
    EXPECT_TAKEN(m0, m.features = kAll32);  // unknown features are ignored
    EXPECT_TAKEN(m0, m.pid = kAll32);
    EXPECT_REFUSED(m0, m.version_min = 0);
    EXPECT_REFUSED(m0, m.version_min = 2);
    EXPECT_REFUSED(m0, m.reserved = 1);
    EXPECT_REFUSED(m0, std::memset(m.app, 'a', sizeof m.app));
    EXPECT_TAKEN(m0, std::memset(m.app, 'a', sizeof m.app - 1));
}

TEST(StreamMessagesTest, StreamCreate) {
    const auto m0 = good_create();
    EXPECT_TAKEN(m0, m.stream = kAll32);
    EXPECT_TAKEN(m0, m.width = m.height = 1);
    EXPECT_TAKEN(m0, m.width = m.height = kMaxExtent);
    EXPECT_REFUSED(m0, m.width = 0);
    EXPECT_REFUSED(m0, m.height = 0);
    EXPECT_REFUSED(m0, m.width = kMaxExtent + 1);
    EXPECT_REFUSED(m0, m.height = kMaxExtent + 1);
    EXPECT_REFUSED(m0, m.height = kAll32);
    EXPECT_TAKEN(m0, m.flags = kStreamTakesInput);
    EXPECT_TAKEN(m0, m.flags = kStreamTakesInput | kStreamTakesClipboard);
    EXPECT_REFUSED(m0, m.flags = kStreamTakesClipboard);
    EXPECT_REFUSED(m0, m.flags = 4);
    EXPECT_REFUSED(m0, m.flags = 1u << 31);
    EXPECT_REFUSED(m0, std::memset(m.title, 'a', sizeof m.title));
    EXPECT_REFUSED(m0, std::memset(m.app_id, 'a', sizeof m.app_id));
    EXPECT_TAKEN(m0, std::memset(m.title, 'a', sizeof m.title - 1));
}

TEST(StreamMessagesTest, StreamImage) {
    const auto m0 = good_image();
    EXPECT_TAKEN(m0, m.slot = kMaxSlots - 1);
    EXPECT_REFUSED(m0, m.slot = kMaxSlots);
    EXPECT_REFUSED(m0, m.slot = kAll32);
    EXPECT_REFUSED(m0, m.buffer.fill(0));
    EXPECT_TAKEN(m0, (m.buffer.fill(0), m.buffer[15] = 1));
    EXPECT_REFUSED(m0, m.width = 0);
    EXPECT_REFUSED(m0, m.height = 0);
    EXPECT_REFUSED(m0, m.width = kMaxExtent + 1);
    EXPECT_REFUSED(m0, m.height = kMaxExtent + 1);
    EXPECT_TAKEN(m0, m.width = m.height = kMaxExtent);
    EXPECT_REFUSED(m0, m.fourcc = 0);
    EXPECT_TAKEN(m0, m.flags = kImageYFlip | kImageOpaque);
    EXPECT_REFUSED(m0, m.flags = 1u << 2);
    EXPECT_REFUSED(m0, m.flags = 1u << 31);
    EXPECT_TAKEN(m0, m.modifier = kAll64);  // the broker knows which ones it serves
    EXPECT_REFUSED(m0, m.plane_count = 0);
    EXPECT_REFUSED(m0, m.plane_count = kMaxPlanes + 1);
    EXPECT_REFUSED(m0, m.plane_count = 2);  // the second has no pitch
    EXPECT_TAKEN(m0, (m.plane_count = 2, m.planes[1].pitch = 1));
    EXPECT_TAKEN(
        m0, (m.plane_count = 4, m.planes[1].pitch = m.planes[2].pitch = m.planes[3].pitch = 1));
    EXPECT_REFUSED(m0, m.planes[1].pitch = 1);  // unused, but set
    EXPECT_REFUSED(m0, m.planes[3].offset = 1);
    EXPECT_TAKEN(m0, m.strategy = kStrategyCount - 1);
    EXPECT_REFUSED(m0, m.strategy = kStrategyCount);
    EXPECT_TAKEN(m0, (m.scaling = {ScalingBehaviour::stretch, Gravity::max, Gravity::max}));
    EXPECT_REFUSED(m0, m.scaling.behaviour = static_cast<ScalingBehaviour>(4));
    EXPECT_REFUSED(m0, m.scaling.gravity_x = static_cast<Gravity>(3));
    EXPECT_REFUSED(m0, m.scaling.gravity_y = static_cast<Gravity>(3));
    EXPECT_REFUSED(m0, m.scaling.reserved = 1);
    EXPECT_TAKEN(m0, m.planes[0].offset = kTop - 1);
    EXPECT_REFUSED(m0, m.planes[0].offset = kTop);
    EXPECT_REFUSED(m0, m.planes[0].offset = kAll64);
    EXPECT_REFUSED(m0, m.planes[0].pitch = 0);
    EXPECT_TAKEN(m0, m.planes[0].pitch = (kTop >> 16) - 1);
    EXPECT_REFUSED(m0, m.planes[0].pitch = kTop >> 16);
    EXPECT_REFUSED(m0, m.planes[0].pitch = kAll64);
}

TEST(StreamMessagesTest, Present) {
    const auto m0 = good_present();
    EXPECT_TAKEN(m0, m.slot = kMaxSlots - 1);
    EXPECT_REFUSED(m0, m.slot = kMaxSlots);
    EXPECT_REFUSED(m0, m.serial = 0);
    EXPECT_TAKEN(m0, m.serial = kAll64);
    EXPECT_TAKEN(m0, m.mode = 2);
    EXPECT_REFUSED(m0, m.mode = 3);
    EXPECT_REFUSED(m0, m.mode = kAll32);
    EXPECT_TAKEN(m0, m.damage_count = kMaxDamage);
    EXPECT_REFUSED(m0, m.damage_count = kMaxDamage + 1);
    EXPECT_TAKEN(m0, m.target_ns = m.called_ns = m.gpu_done_ns = m.sent_ns = kAll64);
    EXPECT_TAKEN(m0, m.cpu_copied_bytes = kAll64);
    // Damage: every edge within the largest extent, without overflow; unused ones do not matter.
    EXPECT_TAKEN(m0, (m.damage_count = 1, m.damage[0] = {0, 0, kMaxExtent, kMaxExtent}));
    EXPECT_TAKEN(m0, (m.damage_count = 1, m.damage[0] = {kMaxExtent, kMaxExtent, 0, 0}));
    EXPECT_REFUSED(m0, (m.damage_count = 1, m.damage[0] = {1, 0, kMaxExtent, 1}));
    EXPECT_REFUSED(m0, (m.damage_count = 1, m.damage[0] = {0, 1, 1, kMaxExtent}));
    EXPECT_REFUSED(m0, (m.damage_count = 1, m.damage[0] = {kMaxExtent + 1, 0, 0, 0}));
    EXPECT_REFUSED(m0, (m.damage_count = 1, m.damage[0] = {0, kMaxExtent + 1, 0, 0}));
    EXPECT_REFUSED(m0, (m.damage_count = 1, m.damage[0] = {2, 0, kAll32, 1}));
    EXPECT_REFUSED(m0, (m.damage_count = 1, m.damage[0] = {0, 2, 1, kAll32 - 1}));
    EXPECT_REFUSED(m0, (m.damage_count = 16, m.damage[15] = {0, 0, kAll32, 1}));
    EXPECT_TAKEN(m0, (m.damage_count = 15, m.damage[15] = {0, 0, kAll32, 1}));
}

TEST(StreamMessagesTest, SmallOnesOfProducers) {
    EXPECT_TAKEN(make<StreamImageGone>(), m.slot = kMaxSlots - 1);
    EXPECT_REFUSED(make<StreamImageGone>(), m.slot = kMaxSlots);
    EXPECT_REFUSED(make<StreamTitle>(), m.reserved = 1);
    EXPECT_REFUSED(make<StreamHdr>(), m.reserved = 1);
    const auto extent = good<StreamExtent>();
    EXPECT_REFUSED(extent, m.reserved = 1);
    EXPECT_REFUSED(extent, m.width = 0);
    EXPECT_REFUSED(extent, m.width = kMaxExtent + 1);
    EXPECT_REFUSED(extent, m.height = 0);
    EXPECT_REFUSED(make<StreamTitle>(), std::memset(m.title, 'a', sizeof m.title));
    EXPECT_TAKEN(make<StreamTitle>(), std::memset(m.title, 'a', sizeof m.title - 1));
    EXPECT_REFUSED(make<StreamDestroy>(), m.reserved = 1);
    EXPECT_TAKEN(make<StreamDestroy>(), m.stream = kAll32);
    EXPECT_TAKEN(make<Pong>(), m.token = m.producer_ns = kAll64);
}

TEST(StreamMessagesTest, BufferCreate) {
    const auto m0 = good_buffer();
    EXPECT_REFUSED(m0, m.id.fill(0));
    EXPECT_TAKEN(m0, (m.id.fill(0), m.id[0] = 1));
    EXPECT_REFUSED(m0, m.size = 0);
    EXPECT_REFUSED(m0, m.size = 4095);
    EXPECT_REFUSED(m0, m.size = 4097);
    EXPECT_TAKEN(m0, m.size = kTop - 4096);
    EXPECT_REFUSED(m0, m.size = kTop);
    EXPECT_REFUSED(m0, m.size = kAll64 - 4095);
    EXPECT_TAKEN(m0, m.offset = 4096);
    EXPECT_REFUSED(m0, m.offset = 1);
    EXPECT_REFUSED(m0, m.offset = kTop);
    EXPECT_TAKEN(m0, m.offset = kTop - 4096);
    EXPECT_REFUSED(good_destroy(), m.id.fill(0));
}

// Which formats can hold which colour space (docs/protocol.md, Colours): every pair.
TEST(StreamMessagesTest, ColourSpacesGoWithFormatsThatCanHoldThem) {
    struct Row {
        const char* fourcc;
        const char* spaces;  // one letter for each number
    };
    const Row rows[] = {
        {"XR24", "y---y"}, {"AR24", "y---y"}, {"XB24", "y---y"}, {"AB24", "y---y"},
        {"XR30", "y-yyy"}, {"AR30", "y-yyy"}, {"XB30", "y-yyy"}, {"AB30", "y-yyy"},
        {"AB4H", "yyyyy"}, {"XB4H", "yyyyy"}, {"RG16", "y----"},
    };
    for (const Row& row : rows) {
        for (std::uint32_t space = 0; space < 5; ++space) {
            auto m = good_image();
            std::uint32_t code = 0;
            for (int i = 3; i >= 0; --i)
                code = code << 8 | static_cast<unsigned char>(row.fourcc[i]);
            m.fourcc = code;
            m.colour_space = space;
            EXPECT_EQ(taken(m), row.spaces[space] == 'y') << row.fourcc << " " << space;
            m.colour_space = space + 5;
            EXPECT_FALSE(taken(m)) << row.fourcc << " " << space + 5;
        }
    }
}

TEST(StreamMessagesTest, OfTheBroker) {
    EXPECT_REFUSED(good_welcome(), m.version = 0);
    EXPECT_TAKEN(good_welcome(), m.colour_spaces = 0xffff);  // unknown ones are ignored
    EXPECT_TAKEN(make<Formats>(), m.colour_spaces = kAll32);
    EXPECT_TAKEN(good_welcome(), m.format_count = kMaxFormats);
    EXPECT_REFUSED(good_welcome(), m.format_count = kMaxFormats + 1);
    EXPECT_TAKEN(make<Release>(), m.slot = kMaxSlots - 1);
    EXPECT_REFUSED(make<Release>(), m.slot = kMaxSlots);
    EXPECT_TAKEN(make<Presented>(), m.flags = kPresentedShown);
    EXPECT_REFUSED(make<Presented>(), m.flags = 2);
    EXPECT_TAKEN(make<Configure>(), m.flags = kConfigureOccluded);
    EXPECT_REFUSED(make<Configure>(), m.flags = 2);
    EXPECT_TAKEN(make<Configure>(), m.width = m.height = kMaxExtent);
    EXPECT_REFUSED(make<Configure>(), m.width = kMaxExtent + 1);
    EXPECT_REFUSED(make<Configure>(), m.height = kMaxExtent + 1);
    EXPECT_REFUSED(make<Close>(), m.reserved = 1);
    EXPECT_TAKEN(make<Ping>(), m.token = kAll64);
    EXPECT_REFUSED(make<ErrorMessage>(), std::memset(m.text, 'a', sizeof m.text));
    EXPECT_TAKEN(make<ErrorMessage>(), std::memset(m.text, 'a', sizeof m.text - 1));
}

}  // namespace
}  // namespace vdmabuf::stream
