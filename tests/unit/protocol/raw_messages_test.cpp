// SPDX-License-Identifier: MIT
#include "runtime/common/raw_messages.hpp"

#include <gtest/gtest.h>

#include <cstring>
#include <limits>

#include "tests/unit/protocol/cases.hpp"

namespace vdmabuf::raw {
namespace {

constexpr std::uint64_t kAll64 = std::numeric_limits<std::uint64_t>::max();

template <typename Change, typename Message>
bool taken_with(Message good, Change change) {
    change(good);
    return static_cast<bool>(decode<Message>(bytes_of(good)));
}

#define EXPECT_TAKEN(good, change) EXPECT_TRUE(taken_with(good, [](auto& m) { change; }))
#define EXPECT_REFUSED(good, change) EXPECT_FALSE(taken_with(good, [](auto& m) { change; }))
#define EXPECT_TERMINATED(good, field)                               \
    EXPECT_REFUSED(good, std::memset(m.field, 'a', sizeof m.field)); \
    EXPECT_TAKEN(good, std::memset(m.field, 'a', sizeof m.field - 1))

// A message that is right.
template <typename Message>
Message good() {
    auto m = make<Message>();
    if constexpr (requires { m.buffer; }) m.buffer[0] = 1;
    if constexpr (std::is_same_v<Message, Offer>) m.topic[0] = 't';
    if constexpr (requires { m.receiver, m.data; }) m.data_size = 1;
    if constexpr (requires { m.count; }) m.count = 1;
    if constexpr (std::is_same_v<Message, Buffer>) {
        m.size = 4096;
        m.memory = static_cast<std::uint32_t>(consumer::MemoryKind::runs);
        m.run_count = m.file_count = 1;
    }
    return m;
}

template <typename Message>
class RawEnvelopeTest : public testing::Test {};

using AllMessages =
    testing::Types<Offer, Withdraw, ProducerSend, ProducerAck, Taken, ReceiverDone, ProducerMessage,
                   ProducerCredit, OfferRefused, Subscribe, Unsubscribe, Take, Done, ConsumerSend,
                   ConsumerAck, Offered, Gone, Buffer, ConsumerMessage, ConsumerCredit, TakeRefused,
                   Status>;
TYPED_TEST_SUITE(RawEnvelopeTest, AllMessages);

TYPED_TEST(RawEnvelopeTest, OnlyTheRightSizeAndType) {
    test::check_envelope(good<TypeParam>(),
                         [](std::span<const std::byte> bytes) { return decode<TypeParam>(bytes); });
}

TEST(RawMessagesTest, TypesLieInTheirRanges) {
    for (std::uint32_t type = 0; type < 0x200; ++type) {
        const int ranges =
            of_producer(type) + to_producer(type) + of_consumer(type) + to_consumer(type);
        const std::uint32_t low = type & 0xF0;
        EXPECT_EQ(ranges, low == 0x20 || low == 0xa0 ? 1 : 0) << type;
    }
    EXPECT_TRUE(of_producer(static_cast<std::uint32_t>(Type::producer_ack)));
    EXPECT_TRUE(to_producer(static_cast<std::uint32_t>(Type::offer_refused)));
    EXPECT_TRUE(of_consumer(static_cast<std::uint32_t>(Type::subscribe)));
    EXPECT_TRUE(to_consumer(static_cast<std::uint32_t>(Type::status)));
}

TEST(RawMessagesTest, ThoseOfProducers) {
    EXPECT_REFUSED(good<Offer>(), m.buffer[0] = 0);
    EXPECT_TAKEN(good<Offer>(), m.data_size = kMaxData);
    EXPECT_REFUSED(good<Offer>(), m.data_size = kMaxData + 1);
    EXPECT_REFUSED(good<Offer>(), m.reserved = 1);
    EXPECT_REFUSED(good<Offer>(), m.topic[0] = 0);
    EXPECT_REFUSED(good<Offer>(), m.topic[1] = '\n');
    EXPECT_REFUSED(good<Offer>(), m.topic[1] = 0x7F);
    EXPECT_TERMINATED(good<Offer>(), topic);
    EXPECT_REFUSED(good<Withdraw>(), m.buffer[0] = 0);
    EXPECT_REFUSED(good<ProducerSend>(), m.data_size = 0);
    EXPECT_TAKEN(good<ProducerSend>(), m.data_size = kMaxData);
    EXPECT_REFUSED(good<ProducerSend>(), m.data_size = kMaxData + 1);
    EXPECT_REFUSED(good<ProducerSend>(), m.reserved = 1);
    EXPECT_TAKEN(good<ProducerSend>(), m.receiver = kAll64);
    EXPECT_REFUSED(good<ProducerAck>(), m.count = 0);
    EXPECT_REFUSED(good<ProducerAck>(), m.reserved = 1);
}

TEST(RawMessagesTest, ThoseToProducers) {
    EXPECT_TERMINATED(good<Taken>(), name);
    EXPECT_TAKEN(good<ReceiverDone>(), m.flags = kReceiverDied);
    EXPECT_REFUSED(good<ReceiverDone>(), m.flags = 2);
    EXPECT_REFUSED(good<ProducerMessage>(), m.data_size = 0);
    EXPECT_TAKEN(good<ProducerCredit>(), m.count = kWindow);
    EXPECT_REFUSED(good<ProducerCredit>(), m.count = kWindow + 1);
    EXPECT_REFUSED(good<ProducerCredit>(), m.count = 0);
    EXPECT_REFUSED(good<OfferRefused>(), m.reserved = 1);
    EXPECT_TERMINATED(good<OfferRefused>(), text);
}

TEST(RawMessagesTest, ThoseOfConsumers) {
    EXPECT_TAKEN(good<Subscribe>(), m.flags = kAnyVm | kTopicPrefix);
    EXPECT_REFUSED(good<Subscribe>(), m.flags = 4);
    EXPECT_REFUSED(good<Subscribe>(), (m.flags = kAnyVm, m.vm[0] = 'a'));
    EXPECT_TERMINATED(good<Subscribe>(), vm);
    EXPECT_TERMINATED(good<Subscribe>(), topic);
    EXPECT_REFUSED(good<Subscribe>(), m.topic[0] = '\t');
    EXPECT_REFUSED(good<Unsubscribe>(), m.reserved = 1);
    EXPECT_TAKEN(good<Take>(), m.memory = 2);
    EXPECT_REFUSED(good<Take>(), m.memory = 1);
    EXPECT_REFUSED(good<Take>(), m.reserved = 1);
    EXPECT_TAKEN(good<Done>(), m.receiver = kAll64);
    EXPECT_REFUSED(good<ConsumerSend>(), m.data_size = 0);
    EXPECT_REFUSED(good<ConsumerAck>(), m.count = 0);
}

TEST(RawMessagesTest, ThoseToConsumers) {
    EXPECT_TERMINATED(good<Offered>(), vm);
    EXPECT_TERMINATED(good<Offered>(), app);
    EXPECT_TERMINATED(good<Offered>(), topic);
    EXPECT_TAKEN(good<Gone>(), m.flags = kProducerGone);
    EXPECT_REFUSED(good<Gone>(), m.flags = 2);
    EXPECT_REFUSED(good<Gone>(), m.reserved = 1);
    EXPECT_REFUSED(good<Buffer>(), m.size = 0);
    EXPECT_REFUSED(good<Buffer>(), m.size = std::uint64_t{1} << 48);
    EXPECT_REFUSED(good<Buffer>(), m.memory = 0);
    EXPECT_REFUSED(good<Buffer>(), m.memory = 3);
    EXPECT_REFUSED(good<Buffer>(), m.run_count = 0);
    EXPECT_REFUSED(good<Buffer>(), m.run_count = consumer::kMaxRuns + 1);
    EXPECT_REFUSED(good<Buffer>(), m.file_count = 0);
    EXPECT_REFUSED(good<Buffer>(), m.file_count = consumer::kMaxFiles + 1);
    EXPECT_TAKEN(good<Buffer>(), (m.memory = 1, m.run_count = m.file_count = 0));
    EXPECT_REFUSED(good<Buffer>(), m.data_size = kMaxData + 1);
    EXPECT_TERMINATED(good<Buffer>(), reason);
    EXPECT_TERMINATED(good<TakeRefused>(), text);
    EXPECT_REFUSED(good<Status>(), m.flags = 2);
    EXPECT_TERMINATED(good<Status>(), topic);
}

}  // namespace
}  // namespace vdmabuf::raw
