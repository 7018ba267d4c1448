// SPDX-License-Identifier: MIT
// Raw buffers: memory that a producer offers to consumers outside of streams, under a topic, with
// small messages both ways. These messages are part of the stream protocol (types 0x20 .. 0x2f and
// 0xa0 .. 0xaf) and of the consumer protocol (0x120 .. 0x12f and 0x1a0 .. 0x1af); the rules are in
// docs/protocol.md.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>

#include "runtime/common/consumer_messages.hpp"
#include "runtime/common/result.hpp"
#include "runtime/common/stream_messages.hpp"
#include "runtime/common/wire.hpp"

namespace vdmabuf::raw {

using stream::BufferId;
using wire::bytes_of;
using wire::get_text;
using wire::Header;
using wire::make;
using wire::put_text;

constexpr std::size_t kMaxData = 1024;  // bytes of one message of the programs
constexpr std::size_t kTopicSize = 64;  // bytes with the NUL, UTF-8
constexpr std::size_t kNameSize = consumer::kNameSize;
constexpr std::size_t kTextSize = stream::kErrorTextSize;

// Messages of a receiver in one direction that its peer has not acknowledged; the sender must not
// send more.
constexpr std::uint32_t kWindow = 16;
// Who has been sent messages acknowledges them in groups of so many, at the latest.
constexpr std::uint32_t kAckEvery = 8;
constexpr std::uint32_t kMaxSubscriptions = 16;  // of a consumer

// WELCOME.features, of both protocols: this broker serves raw buffers.
constexpr std::uint32_t kFeatureRaw = 1u << 0;

// The broker's name for an offer, random: the buffer's own id is the producer's choice.
using OfferId = std::array<std::uint8_t, stream::kIdSize>;

enum class Type : std::uint32_t {
    // producer to broker
    offer = 0x20,
    withdraw = 0x21,
    producer_send = 0x22,
    producer_ack = 0x23,
    // broker to producer
    taken = 0xa0,
    receiver_done = 0xa1,
    producer_message = 0xa2,
    producer_credit = 0xa3,
    offer_refused = 0xa4,
    // consumer to broker
    subscribe = 0x120,
    unsubscribe = 0x121,
    take = 0x122,
    done = 0x123,
    consumer_send = 0x124,
    consumer_ack = 0x125,
    // broker to consumer
    offered = 0x1a0,
    gone = 0x1a1,
    buffer = 0x1a2,
    consumer_message = 0x1a3,
    consumer_credit = 0x1a4,
    take_refused = 0x1a5,
    status = 0x1a6,
};

// Whether the type is one of those above, in the ranges that are kept for raw buffers.
constexpr bool of_producer(std::uint32_t type) {
    return (type & ~0xFu) == 0x20;
}
constexpr bool to_producer(std::uint32_t type) {
    return (type & ~0xFu) == 0xa0;
}
constexpr bool of_consumer(std::uint32_t type) {
    return (type & ~0xFu) == 0x120;
}
constexpr bool to_consumer(std::uint32_t type) {
    return (type & ~0xFu) == 0x1a0;
}

// ---- a producer's

struct Offer {
    static constexpr Type kType = Type::offer;
    Header header{};
    BufferId buffer{};
    std::uint32_t data_size = 0;  // 0 .. kMaxData
    std::uint32_t reserved = 0;
    char topic[kTopicSize] = {};
    std::byte data[kMaxData] = {};  // goes with the buffer to each of its receivers
};

// No further consumer may take it. Those that have it keep it until they are done.
struct Withdraw {
    static constexpr Type kType = Type::withdraw;
    Header header{};
    BufferId buffer{};
};

// A message to, or from, one receiver of a buffer.
template <Type kNumber>
struct Message {
    static constexpr Type kType = kNumber;
    Header header{};
    std::uint64_t receiver = 0;
    std::uint32_t data_size = 0;  // 1 .. kMaxData
    std::uint32_t reserved = 0;
    std::byte data[kMaxData] = {};
};
using ProducerSend = Message<Type::producer_send>;
using ProducerMessage = Message<Type::producer_message>;
using ConsumerSend = Message<Type::consumer_send>;
using ConsumerMessage = Message<Type::consumer_message>;

// So many further messages have been taken up: TAKEN, RECEIVER_DONE, MESSAGE and CREDIT count.
template <Type kNumber>
struct Ack {
    static constexpr Type kType = kNumber;
    Header header{};
    std::uint32_t count = 0;
    std::uint32_t reserved = 0;
};
using ProducerAck = Ack<Type::producer_ack>;
using ConsumerAck = Ack<Type::consumer_ack>;

// The other end has acknowledged so many further messages to, or of, this receiver.
template <Type kNumber>
struct Credit {
    static constexpr Type kType = kNumber;
    Header header{};
    std::uint64_t receiver = 0;
    std::uint32_t count = 0;  // 1 .. kWindow
    std::uint32_t reserved = 0;
};
using ProducerCredit = Credit<Type::producer_credit>;
using ConsumerCredit = Credit<Type::consumer_credit>;

struct Taken {
    static constexpr Type kType = Type::taken;
    Header header{};
    BufferId buffer{};
    std::uint64_t receiver = 0;  // the broker's number of this consumer's hold, never used twice
    char name[kNameSize] = {};   // the consumer's program
};

constexpr std::uint32_t kReceiverDied = 1u << 0;  // it has gone without saying that it is done

struct ReceiverDone {
    static constexpr Type kType = Type::receiver_done;
    Header header{};
    BufferId buffer{};
    std::uint64_t receiver = 0;
    std::uint32_t flags = 0;
    std::uint32_t left = 0;  // receivers of the same offer that are not done
};

struct OfferRefused {
    static constexpr Type kType = Type::offer_refused;
    Header header{};
    BufferId buffer{};
    std::uint32_t code = 0;  // stream::ErrorCode
    std::uint32_t reserved = 0;
    char text[kTextSize] = {};
};

// ---- a consumer's

constexpr std::uint32_t kAnyVm = 1u << 0;        // `vm` is empty and not looked at
constexpr std::uint32_t kTopicPrefix = 1u << 1;  // topics that begin so

// Tell me of offers like this, those that are there and those to come.
struct Subscribe {
    static constexpr Type kType = Type::subscribe;
    Header header{};
    std::uint32_t number = 0;  // the consumer's, for UNSUBSCRIBE
    std::uint32_t flags = 0;
    char vm[kNameSize] = {};  // empty: producers on this kernel
    char topic[kTopicSize] = {};
};

struct Unsubscribe {
    static constexpr Type kType = Type::unsubscribe;
    Header header{};
    std::uint32_t number = 0;
    std::uint32_t reserved = 0;
};

struct Take {
    static constexpr Type kType = Type::take;
    Header header{};
    OfferId id{};
    std::uint32_t memory = 0;  // consumer::MemoryKind::runs, or 0: as the broker thinks best
    std::uint32_t reserved = 0;
};

struct Done {
    static constexpr Type kType = Type::done;
    Header header{};
    std::uint64_t receiver = 0;
};

struct Offered {
    static constexpr Type kType = Type::offered;
    Header header{};
    OfferId id{};
    std::uint64_t size = 0;  // bytes of the buffer
    std::uint32_t pid = 0;   // in the producer's world
    std::uint32_t uid = 0;   // likewise
    char vm[kNameSize] = {};
    char app[kNameSize] = {};
    char topic[kTopicSize] = {};
};

constexpr std::uint32_t kProducerGone = 1u << 0;  // no message of it comes or reaches it any more

struct Gone {
    static constexpr Type kType = Type::gone;
    Header header{};
    OfferId id{};
    std::uint32_t flags = 0;
    std::uint32_t reserved = 0;
};

// Answers TAKE, with the descriptors of an IMAGE (docs/protocol.md).
struct Buffer {
    static constexpr Type kType = Type::buffer;
    Header header{};
    OfferId id{};
    std::uint64_t receiver = 0;
    std::uint64_t size = 0;                   // bytes of the buffer
    std::uint32_t memory = 0;                 // consumer::MemoryKind
    std::uint32_t run_count = 0;              // MemoryKind::runs
    std::uint32_t file_count = 0;             // likewise
    std::uint32_t data_size = 0;              // 0 .. kMaxData
    char reason[consumer::kReasonSize] = {};  // why it is no dmabuf, where one was wanted
    std::byte data[kMaxData] = {};
};

struct TakeRefused {
    static constexpr Type kType = Type::take_refused;
    Header header{};
    OfferId id{};
    std::uint32_t code = 0;  // stream::ErrorCode
    std::uint32_t reserved = 0;
    char text[kTextSize] = {};
};

constexpr std::uint32_t kWithdrawn = 1u << 0;  // there for the receivers that hold it, no others

// Part of the answer to QUERY.
struct Status {
    static constexpr Type kType = Type::status;
    Header header{};
    std::uint64_t number = 0;  // counts offers, from 1
    std::uint64_t size = 0;    // bytes of the buffer
    std::uint32_t run_count = 0;
    std::uint32_t pid = 0;
    std::uint32_t receivers = 0;
    std::uint32_t flags = 0;
    std::uint64_t messages_to_consumers = 0;
    std::uint64_t messages_to_producer = 0;
    char vm[kNameSize] = {};
    char app[kNameSize] = {};
    char topic[kTopicSize] = {};
};

static_assert(sizeof(Offer) == 1120 && sizeof(Withdraw) == 24 && sizeof(ProducerSend) == 1048);
static_assert(sizeof(ProducerAck) == 16 && sizeof(ProducerCredit) == 24 && sizeof(Taken) == 96);
static_assert(sizeof(ReceiverDone) == 40 && sizeof(OfferRefused) == 288);
static_assert(sizeof(Subscribe) == 144 && sizeof(Unsubscribe) == 16 && sizeof(Take) == 32);
static_assert(sizeof(Done) == 16 && sizeof(Offered) == 232 && sizeof(Gone) == 32);
static_assert(sizeof(Buffer) == 1240 && sizeof(TakeRefused) == 288 && sizeof(Status) == 248);

Result<Type> type_of(std::span<const std::byte> bytes);

// As stream::decode().
template <typename Message>
Result<Message> decode(std::span<const std::byte> bytes);

}  // namespace vdmabuf::raw
