// SPDX-License-Identifier: MIT
#include "runtime/common/raw_messages.hpp"

#include <algorithm>

namespace vdmabuf::raw {
namespace {

using wire::terminated;

template <typename Id>
bool zero(const Id& id) {
    return std::all_of(id.begin(), id.end(), [](std::uint8_t byte) { return byte == 0; });
}

// A topic has no control characters: subscribers compare it byte by byte, people read it.
bool topic_ok(std::span<const char> topic) {
    if (!terminated(topic)) return false;
    return std::none_of(topic.begin(), std::find(topic.begin(), topic.end(), '\0'),
                        [](char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7F; });
}

const char* check(const Offer& m) {
    if (zero(m.buffer)) return "RAW_OFFER buffer";
    if (m.data_size > kMaxData || m.reserved) return "RAW_OFFER size";
    return topic_ok(m.topic) && m.topic[0] ? nullptr : "RAW_OFFER topic";
}
const char* check(const Withdraw& m) {
    return zero(m.buffer) ? "RAW_WITHDRAW buffer" : nullptr;
}
template <Type kNumber>
const char* check(const Message<kNumber>& m) {
    if (m.data_size < 1 || m.data_size > kMaxData) return "RAW_MESSAGE size";
    return m.reserved ? "RAW_MESSAGE reserved" : nullptr;
}
template <Type kNumber>
const char* check(const Ack<kNumber>& m) {
    return m.count == 0 || m.reserved ? "RAW_ACK" : nullptr;
}
template <Type kNumber>
const char* check(const Credit<kNumber>& m) {
    return m.count == 0 || m.count > kWindow || m.reserved ? "RAW_CREDIT" : nullptr;
}
const char* check(const Taken& m) {
    return terminated(m.name) ? nullptr : "RAW_TAKEN name";
}
const char* check(const ReceiverDone& m) {
    return m.flags & ~kReceiverDied ? "RAW_RECEIVER_DONE flags" : nullptr;
}
const char* check(const OfferRefused& m) {
    return m.reserved || !terminated(m.text) ? "RAW_OFFER_REFUSED" : nullptr;
}
const char* check(const Subscribe& m) {
    if (m.flags & ~(kAnyVm | kTopicPrefix)) return "RAW_SUBSCRIBE flags";
    if (!terminated(m.vm) || (m.flags & kAnyVm && m.vm[0])) return "RAW_SUBSCRIBE vm";
    return topic_ok(m.topic) ? nullptr : "RAW_SUBSCRIBE topic";
}
const char* check(const Unsubscribe& m) {
    return m.reserved ? "RAW_UNSUBSCRIBE reserved" : nullptr;
}
const char* check(const Take& m) {
    const bool ok =
        m.memory == 0 || m.memory == static_cast<std::uint32_t>(consumer::MemoryKind::runs);
    return ok && !m.reserved ? nullptr : "RAW_TAKE";
}
const char* check(const Done&) {
    return nullptr;
}
const char* check(const Offered& m) {
    return terminated(m.vm) && terminated(m.app) && topic_ok(m.topic) ? nullptr : "RAW_OFFERED";
}
const char* check(const Gone& m) {
    return m.flags & ~kProducerGone || m.reserved ? "RAW_GONE" : nullptr;
}
const char* check(const Buffer& m) {
    if (m.size == 0 || m.size >= std::uint64_t{1} << 48) return "RAW_BUFFER size";
    if (m.data_size > kMaxData) return "RAW_BUFFER data size";
    if (!terminated(m.reason)) return "RAW_BUFFER reason";
    if (m.memory == static_cast<std::uint32_t>(consumer::MemoryKind::runs)) {
        if (m.run_count < 1 || m.run_count > consumer::kMaxRuns) return "RAW_BUFFER run count";
        if (m.file_count < 1 || m.file_count > consumer::kMaxFiles) return "RAW_BUFFER file count";
    } else if (m.memory != static_cast<std::uint32_t>(consumer::MemoryKind::dmabuf)) {
        return "RAW_BUFFER memory kind";
    }
    return nullptr;
}
const char* check(const TakeRefused& m) {
    return m.reserved || !terminated(m.text) ? "RAW_TAKE_REFUSED" : nullptr;
}
const char* check(const Status& m) {
    if (m.flags & ~kWithdrawn) return "RAW_STATUS flags";
    return terminated(m.vm) && terminated(m.app) && topic_ok(m.topic) ? nullptr : "RAW_STATUS";
}

}  // namespace

Result<Type> type_of(std::span<const std::byte> bytes) {
    auto type = wire::type_of(bytes);
    if (!type) return type.error();
    return static_cast<Type>(*type);
}

template <typename Message>
Result<Message> decode(std::span<const std::byte> bytes) {
    return wire::decode<Message>(bytes, [](const Message& message) { return check(message); });
}

template Result<Offer> decode(std::span<const std::byte>);
template Result<Withdraw> decode(std::span<const std::byte>);
template Result<ProducerSend> decode(std::span<const std::byte>);
template Result<ProducerAck> decode(std::span<const std::byte>);
template Result<Taken> decode(std::span<const std::byte>);
template Result<ReceiverDone> decode(std::span<const std::byte>);
template Result<ProducerMessage> decode(std::span<const std::byte>);
template Result<ProducerCredit> decode(std::span<const std::byte>);
template Result<OfferRefused> decode(std::span<const std::byte>);
template Result<Subscribe> decode(std::span<const std::byte>);
template Result<Unsubscribe> decode(std::span<const std::byte>);
template Result<Take> decode(std::span<const std::byte>);
template Result<Done> decode(std::span<const std::byte>);
template Result<ConsumerSend> decode(std::span<const std::byte>);
template Result<ConsumerAck> decode(std::span<const std::byte>);
template Result<Offered> decode(std::span<const std::byte>);
template Result<Gone> decode(std::span<const std::byte>);
template Result<Buffer> decode(std::span<const std::byte>);
template Result<ConsumerMessage> decode(std::span<const std::byte>);
template Result<ConsumerCredit> decode(std::span<const std::byte>);
template Result<TakeRefused> decode(std::span<const std::byte>);
template Result<Status> decode(std::span<const std::byte>);

}  // namespace vdmabuf::raw
