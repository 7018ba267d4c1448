// SPDX-License-Identifier: MIT
#include "runtime/common/consumer_messages.hpp"

#include <gtest/gtest.h>

#include <cstring>
#include <limits>

#include "runtime/common/drm_format.hpp"
#include "tests/unit/protocol/cases.hpp"

namespace vdmabuf::consumer {
namespace {

constexpr std::uint32_t kAll32 = std::numeric_limits<std::uint32_t>::max();
constexpr std::uint64_t kAll64 = std::numeric_limits<std::uint64_t>::max();

template <typename Message, typename Change>
bool taken_with(Message good, Change change) {
    change(good);
    return static_cast<bool>(decode<Message>(bytes_of(good)));
}

#define EXPECT_TAKEN(good, change) EXPECT_TRUE(taken_with(good, [](auto& m) { change; }))
#define EXPECT_REFUSED(good, change) EXPECT_FALSE(taken_with(good, [](auto& m) { change; }))
#define EXPECT_TERMINATED(good, field)                               \
    EXPECT_REFUSED(good, std::memset(m.field, 'a', sizeof m.field)); \
    EXPECT_TAKEN(good, std::memset(m.field, 'a', sizeof m.field - 1))

Image good_image() {
    auto m = make<Image>();
    m.fourcc = fourcc_of("XR24");
    m.width = 64;
    m.height = 64;
    m.plane_count = 1;
    m.planes[0].pitch = 256;
    m.buffer_size = 16384;
    m.memory = static_cast<std::uint32_t>(MemoryKind::runs);
    m.run_count = 1;
    m.file_count = 1;
    return m;
}

Welcome good_welcome() {
    auto m = make<Welcome>();
    m.version = 1;
    return m;
}

template <typename Message>
Message good() {
    if constexpr (std::is_same_v<Message, Image>) return good_image();
    if constexpr (std::is_same_v<Message, Welcome>) return good_welcome();
    if constexpr (std::is_same_v<Message, StreamExtent>) {
        auto extent = make<StreamExtent>();
        extent.width = 1;
        extent.height = stream::kMaxExtent;
        return extent;
    }
    return make<Message>();
}

template <typename Message>
class ConsumerEnvelopeTest : public testing::Test {};

using AllMessages =
    testing::Types<Hello, Welcome, StreamAdded, StreamRemoved, StreamTitle, Attach, Detach, Image,
                   ImageGone, Frame, Release, Presented, Configure, CloseStream, Imported,
                   ImageDone, Statistics, Query, StreamStatus, ImageStatus, QueryDone, ErrorMessage,
                   Formats, ImageAgain, StreamHdr, StreamExtent, ShownColourSpaces,
                   StreamColourShown>;
TYPED_TEST_SUITE(ConsumerEnvelopeTest, AllMessages);

TYPED_TEST(ConsumerEnvelopeTest, OnlyTheRightSizeAndType) {
    test::check_envelope(good<TypeParam>(),
                         [](std::span<const std::byte> bytes) { return decode<TypeParam>(bytes); });
}

TEST(ConsumerMessagesTest, TypeOf) {
    const auto query = make<Query>();
    const auto type = type_of(bytes_of(query));
    ASSERT_TRUE(type);
    EXPECT_EQ(*type, Type::query);
    EXPECT_FALSE(type_of(bytes_of(query).first(7)));
    EXPECT_FALSE(type_of({}));
}

TEST(ConsumerMessagesTest, ThoseOfConsumers) {
    EXPECT_REFUSED(make<Hello>(), m.version_min = 0);
    EXPECT_REFUSED(make<Hello>(), m.version_min = 2);
    EXPECT_TAKEN(make<Hello>(), m.version_max = 65535);
    EXPECT_REFUSED(make<Hello>(), m.reserved = 1);
    EXPECT_TERMINATED(make<Hello>(), name);
    EXPECT_TAKEN(make<Attach>(), m.stream = kAll64);
    EXPECT_TAKEN(make<Release>(), m.serial = kAll64);
    EXPECT_TAKEN(make<Presented>(), m.flags = stream::kPresentedShown);
    EXPECT_REFUSED(make<Presented>(), m.flags = 2);
    EXPECT_REFUSED(make<Presented>(), m.reserved = 1);
    EXPECT_TAKEN(make<Presented>(), m.time_ns = m.refresh_ns = kAll64);
    EXPECT_TAKEN(make<Configure>(), m.flags = stream::kConfigureOccluded);
    EXPECT_REFUSED(make<Configure>(), m.flags = 2);
    EXPECT_REFUSED(make<Configure>(), m.reserved = 1);
    EXPECT_TAKEN(make<Configure>(), m.width = m.height = stream::kMaxExtent);
    EXPECT_REFUSED(make<Configure>(), m.width = stream::kMaxExtent + 1);
    EXPECT_REFUSED(make<Configure>(), m.height = stream::kMaxExtent + 1);
    EXPECT_TAKEN(make<Imported>(), m.path = kImportPathCount - 1);
    EXPECT_REFUSED(make<Imported>(), m.path = kImportPathCount);
    EXPECT_REFUSED(make<Imported>(), m.reserved = 1);
    EXPECT_TERMINATED(make<Imported>(), reason);
    EXPECT_TAKEN(make<Statistics>(), m.frames_received = kAll64);
    EXPECT_TAKEN(make<Formats>(), m.format_count = stream::kMaxFormats);
    EXPECT_REFUSED(make<Formats>(), m.format_count = stream::kMaxFormats + 1);
    EXPECT_REFUSED(make<Formats>(), m.reserved = 1);
    EXPECT_TAKEN(make<ShownColourSpaces>(), m.spaces = 0xffffffff);  // unknown ones are ignored
    EXPECT_REFUSED(make<ShownColourSpaces>(), m.reserved = 1);
    EXPECT_TAKEN(make<StreamColourShown>(), m.shown = 2);
    EXPECT_REFUSED(make<StreamColourShown>(), m.shown = 3);
    EXPECT_REFUSED(make<StreamColourShown>(), m.reserved = 1);
    EXPECT_REFUSED(good_image(), m.colour_space = 2);  // of eight bits
    EXPECT_TAKEN(good_image(), (m.fourcc = fourcc_of("AR30"), m.colour_space = 2));
    EXPECT_REFUSED(good_image(), m.colour_space = 5);
    EXPECT_TAKEN(make<ImageAgain>(), m.image = kAll64);
    EXPECT_REFUSED(make<ImageAgain>(), m.memory = 0);
    EXPECT_REFUSED(make<ImageAgain>(), m.memory = 1);
    EXPECT_REFUSED(make<ImageAgain>(), m.memory = 3);
    EXPECT_REFUSED(make<ImageAgain>(), m.reserved = 1);
}

TEST(ConsumerMessagesTest, Image) {
    const auto m0 = good_image();
    EXPECT_TAKEN(m0, m.slot = stream::kMaxSlots - 1);
    EXPECT_REFUSED(m0, m.slot = stream::kMaxSlots);
    EXPECT_REFUSED(m0, m.width = 0);
    EXPECT_REFUSED(m0, m.height = 0);
    EXPECT_REFUSED(m0, m.width = stream::kMaxExtent + 1);
    EXPECT_REFUSED(m0, m.height = stream::kMaxExtent + 1);
    EXPECT_TAKEN(m0, m.flags = stream::kImageFlags);
    EXPECT_REFUSED(m0, m.flags = 1u << 2);
    EXPECT_REFUSED(m0, m.plane_count = 0);
    EXPECT_REFUSED(m0, m.plane_count = stream::kMaxPlanes + 1);
    EXPECT_REFUSED(m0, m.plane_count = 2);
    EXPECT_REFUSED(m0, m.strategy = stream::kStrategyCount);
    EXPECT_TAKEN(m0, m.planes[0].offset = m.buffer_size - 1);
    EXPECT_REFUSED(m0, m.planes[0].offset = m.buffer_size);
    EXPECT_REFUSED(m0, m.planes[0].pitch = 0);
    EXPECT_REFUSED(m0, m.buffer_size = 0);
    EXPECT_TAKEN(m0, m.buffer_size = (std::uint64_t{1} << 48) - 1);
    EXPECT_REFUSED(m0, m.buffer_size = std::uint64_t{1} << 48);
    EXPECT_TAKEN(m0, (m.memory = static_cast<std::uint32_t>(MemoryKind::none),
                      m.run_count = m.file_count = 0));
    EXPECT_REFUSED(m0, m.memory = 3);
    EXPECT_TERMINATED(m0, reason);
    EXPECT_REFUSED(m0, m.run_count = 0);
    EXPECT_TAKEN(m0, m.run_count = kMaxRuns);
    EXPECT_REFUSED(m0, m.run_count = kMaxRuns + 1);
    EXPECT_REFUSED(m0, m.file_count = 0);
    EXPECT_TAKEN(m0, m.file_count = kMaxFiles);
    EXPECT_REFUSED(m0, m.file_count = kMaxFiles + 1);
    EXPECT_TAKEN(m0, (m.memory = static_cast<std::uint32_t>(MemoryKind::dmabuf),
                      m.run_count = m.file_count = 0));
}

TEST(ConsumerMessagesTest, ThoseOfTheBroker) {
    EXPECT_REFUSED(good_welcome(), m.version = 0);
    EXPECT_TERMINATED(good_welcome(), broker_version);
    EXPECT_TERMINATED(make<StreamAdded>(), vm);
    EXPECT_TERMINATED(make<StreamAdded>(), app);
    EXPECT_TERMINATED(make<StreamAdded>(), app_id);
    EXPECT_TERMINATED(make<StreamAdded>(), title);
    EXPECT_REFUSED(make<StreamAdded>(), m.width = stream::kMaxExtent + 1);
    EXPECT_REFUSED(make<StreamAdded>(), m.height = kAll32);
    EXPECT_TERMINATED(make<StreamTitle>(), title);
    EXPECT_TAKEN(make<Frame>(), m.damage_count = stream::kMaxDamage);
    EXPECT_REFUSED(make<Frame>(), m.damage_count = stream::kMaxDamage + 1);
    EXPECT_TAKEN(make<Frame>(), m.mode = 2);
    EXPECT_REFUSED(make<Frame>(), m.mode = 3);
    EXPECT_TERMINATED(make<StreamStatus>(), vm);
    EXPECT_TERMINATED(make<StreamStatus>(), app);
    EXPECT_TERMINATED(make<StreamStatus>(), app_id);
    EXPECT_TERMINATED(make<StreamStatus>(), title);
    EXPECT_TAKEN(make<ImageStatus>(), m.path = kImportPathCount - 1);
    EXPECT_REFUSED(make<ImageStatus>(), m.path = kImportPathCount);
    EXPECT_REFUSED(make<ImageStatus>(), m.strategy = stream::kStrategyCount);
    EXPECT_TERMINATED(make<ImageStatus>(), reason);
    EXPECT_TERMINATED(make<ImageStatus>(), memory_reason);
    EXPECT_TAKEN(make<ImageStatus>(), m.memory = 2);
    EXPECT_REFUSED(make<ImageStatus>(), m.memory = 3);
    EXPECT_TERMINATED(make<ErrorMessage>(), text);
}

TEST(ConsumerMessagesTest, NamesOfImportPaths) {
    EXPECT_STREQ(to_string(ImportPath::none), "none");
    EXPECT_STREQ(to_string(ImportPath::udmabuf), "udmabuf");
    EXPECT_STREQ(to_string(ImportPath::host_pointer), "host-pointer");
    EXPECT_STREQ(to_string(ImportPath::copy), "copy");
}

}  // namespace
}  // namespace vdmabuf::consumer
