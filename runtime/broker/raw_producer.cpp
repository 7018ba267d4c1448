// SPDX-License-Identifier: MIT
#include "runtime/broker/raw_producer.hpp"

#include <algorithm>
#include <cstring>
#include <utility>

#include "runtime/broker/raw_consumer.hpp"
#include "runtime/broker/raw_credit.hpp"
#include "runtime/common/clock.hpp"

namespace vdmabuf::broker {

using stream::ErrorCode;

namespace {

template <typename Message>
std::vector<std::byte> copied(const Message& message) {
    const auto bytes = raw::bytes_of(message);
    return {bytes.begin(), bytes.end()};
}

}  // namespace

RawProducer::RawProducer(RawBuffers& buffers, std::shared_ptr<Quota> quota, Host host)
    : buffers_(buffers),
      quota_(std::move(quota)),
      host_(std::move(host)),
      outbox_(kInFlight, host_.send) {}

template <typename Message>
Status RawProducer::handle(std::span<const std::byte> bytes) {
    const auto message = raw::decode<Message>(bytes);
    if (!message) return Error{EPROTO, message.error().text};
    return on(*message);
}

Status RawProducer::message(std::span<const std::byte> bytes) {
    const auto type = raw::type_of(bytes);
    if (!type) return Error{EPROTO, type.error().text};
    switch (*type) {
        case raw::Type::offer:
            return handle<raw::Offer>(bytes);
        case raw::Type::withdraw:
            return handle<raw::Withdraw>(bytes);
        case raw::Type::producer_send:
            return handle<raw::ProducerSend>(bytes);
        case raw::Type::producer_ack:
            return handle<raw::ProducerAck>(bytes);
        default:
            return Error{EPROTO, "unknown type of message"};
    }
}

void RawProducer::reset() {
    buffers_.forget(*this);
    offers_.clear();
    outbox_.clear();
}

void RawProducer::refuse(const stream::BufferId& buffer, ErrorCode code, const std::string& text) {
    auto message = raw::make<raw::OfferRefused>();
    message.buffer = buffer;
    message.code = static_cast<std::uint32_t>(code);
    raw::put_text(message.text, text);
    host_.send(raw::bytes_of(message));
}

Status RawProducer::on(const raw::Offer& message) {
    // Consumers are told of each: as fast as streams may come and go, and no faster.
    if (!quota_->spend_change(now_ns())) {
        return Error{EDQUOT, "raw buffers are offered and withdrawn too fast"};
    }
    if (offers_.contains(message.buffer)) {
        return Error{EPROTO, "RAW_OFFER of a buffer that is offered already"};
    }
    const auto* buffer = host_.find(message.buffer);
    if (!buffer) {
        // It may have been destroyed while its offer waited for a fence.
        refuse(message.buffer, ErrorCode::protocol, "there is no such buffer, or not any more");
        return {};
    }
    if (!*buffer) {
        refuse(message.buffer, ErrorCode::quota, "the buffer itself was refused");
        return {};
    }
    auto share = quota_->take(Quota::Kind::raw_offers, 1);
    if (!share) {
        refuse(message.buffer, ErrorCode::quota,
               "no more than " + std::to_string(quota_->limit(Quota::Kind::raw_offers)) +
                   " raw buffers, those that consumers hold included");
        return {};
    }
    const Origin origin = host_.origin();
    auto offer = std::make_shared<RawOffer>();
    offer->buffer_id = message.buffer;
    offer->buffer = *buffer;
    offer->producer = this;
    offer->vm = origin.vm;
    offer->app = origin.app;
    offer->pid = origin.pid;
    offer->uid = origin.uid;
    offer->topic = message.topic;
    offer->data.assign(message.data, message.data + message.data_size);
    offer->quota = quota_;
    offer->share = std::move(*share);
    if (const auto added = buffers_.add(offer); !added) {
        refuse(message.buffer, ErrorCode::quota, added.error().text);
        return {};
    }
    offers_.emplace(message.buffer, std::move(offer));
    return {};
}

Status RawProducer::on(const raw::Withdraw& message) {
    const auto found = offers_.find(message.buffer);
    if (found == offers_.end()) return {};  // it was refused, which the producer did not know yet
    const auto offer = std::move(found->second);
    offers_.erase(found);
    buffers_.withdraw(offer);
    return {};
}

Status RawProducer::on(const raw::ProducerSend& message) {
    RawLink* link = buffers_.link(message.receiver);
    // Of a receiver that is done, or another's: nothing tells the two apart, and nothing happens.
    if (!link || link->offer->producer != this) return {};
    if (link->to_consumer >= raw::kWindow) {
        return Error{EPROTO, "more messages than the receiver has acknowledged"};
    }
    ++link->to_consumer;
    ++link->offer->messages_to_consumers;
    link->consumer->message_from(message.receiver,
                                 std::span(message.data).first(message.data_size));
    return {};
}

Status RawProducer::on(const raw::ProducerAck& message) {
    return outbox_.acknowledge(message.count, [this](std::uint64_t receiver) {
        RawLink* link = buffers_.link(receiver);
        if (!link || link->to_producer == 0) return;
        --link->to_producer;
        link->consumer->credit(receiver);
    });
}

void RawProducer::taken(const RawOffer& offer, std::uint64_t receiver, const std::string& name) {
    auto message = raw::make<raw::Taken>();
    message.buffer = offer.buffer_id;
    message.receiver = receiver;
    raw::put_text(message.name, name);
    outbox_.push(receiver, RawOutbox::Kind::taken, copied(message));
}

void RawProducer::receiver_done(const RawOffer& offer, std::uint64_t receiver, bool died) {
    if (outbox_.drop(receiver)) return;
    auto message = raw::make<raw::ReceiverDone>();
    message.buffer = offer.buffer_id;
    message.receiver = receiver;
    message.flags = died ? raw::kReceiverDied : 0;
    message.left = offer.receivers;
    outbox_.push(receiver, RawOutbox::Kind::done, copied(message));
}

void RawProducer::message_from(std::uint64_t receiver, std::span<const std::byte> data) {
    auto message = raw::make<raw::ProducerMessage>();
    message.receiver = receiver;
    message.data_size = static_cast<std::uint32_t>(data.size());
    std::copy(data.begin(), data.end(), message.data);
    outbox_.push(receiver, RawOutbox::Kind::message, copied(message));
}

void RawProducer::credit(std::uint64_t receiver) {
    raw_credit<raw::ProducerCredit>(outbox_, receiver);
}

}  // namespace vdmabuf::broker
