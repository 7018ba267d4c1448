// SPDX-License-Identifier: MIT
#include "runtime/broker/raw_consumer.hpp"

#include <algorithm>
#include <utility>
#include <vector>

#include "runtime/broker/raw_credit.hpp"
#include "runtime/broker/raw_producer.hpp"

namespace vdmabuf::broker {

using stream::ErrorCode;

RawConsumer::RawConsumer(RawBuffers& buffers, Send send)
    : buffers_(buffers),
      send_(std::move(send)),
      outbox_(kInFlight, [this](std::span<const std::byte> bytes) { send_(bytes, {}); }) {
    buffers_.add_consumer(*this);
}

bool RawConsumer::Subscription::matches(const RawOffer& offer) const {
    if (!any_vm && offer.vm != vm) return false;
    return prefix ? offer.topic.starts_with(topic) : offer.topic == topic;
}

bool RawConsumer::subscribed_to(const RawOffer& offer) const {
    return std::any_of(subscriptions_.begin(), subscriptions_.end(),
                       [&](const auto& item) { return item.second.matches(offer); });
}

// ---- what the hub tells

void RawConsumer::tell(const RawOffer& offer) {
    if (!told_.insert(offer.id).second) return;
    auto message = raw::make<raw::Offered>();
    message.id = offer.id;
    message.size = offer.buffer->memory->size;
    message.pid = offer.pid;
    message.uid = offer.uid;
    raw::put_text(message.vm, offer.vm);
    raw::put_text(message.app, offer.app);
    raw::put_text(message.topic, offer.topic);
    send_(raw::bytes_of(message), {});
}

void RawConsumer::offer_added(const RawOffer& offer) {
    if (subscribed_to(offer)) tell(offer);
}

void RawConsumer::offer_gone(const RawOffer& offer) {
    const bool told = told_.erase(offer.id) > 0;
    if (!told && !holding_.contains(offer.id)) return;
    auto message = raw::make<raw::Gone>();
    message.id = offer.id;
    message.flags = offer.producer ? 0 : raw::kProducerGone;
    send_(raw::bytes_of(message), {});
}

void RawConsumer::producer_gone(const RawOffer& offer) {
    offer_gone(offer);
}

void RawConsumer::message_from(std::uint64_t receiver, std::span<const std::byte> data) {
    auto message = raw::make<raw::ConsumerMessage>();
    message.receiver = receiver;
    message.data_size = static_cast<std::uint32_t>(data.size());
    std::copy(data.begin(), data.end(), message.data);
    const auto bytes = raw::bytes_of(message);
    outbox_.push(receiver, RawOutbox::Kind::message, {bytes.begin(), bytes.end()});
}

void RawConsumer::credit(std::uint64_t receiver) {
    raw_credit<raw::ConsumerCredit>(outbox_, receiver);
}

// ---- what the consumer says

template <typename Message>
Status RawConsumer::handle(std::span<const std::byte> bytes) {
    const auto message = raw::decode<Message>(bytes);
    if (!message) return Error{EPROTO, message.error().text};
    return on(*message);
}

Status RawConsumer::message(std::span<const std::byte> bytes) {
    const auto type = raw::type_of(bytes);
    if (!type) return Error{EPROTO, type.error().text};
    switch (*type) {
        case raw::Type::subscribe:
            return handle<raw::Subscribe>(bytes);
        case raw::Type::unsubscribe:
            return handle<raw::Unsubscribe>(bytes);
        case raw::Type::take:
            return handle<raw::Take>(bytes);
        case raw::Type::done:
            return handle<raw::Done>(bytes);
        case raw::Type::consumer_send:
            return handle<raw::ConsumerSend>(bytes);
        case raw::Type::consumer_ack:
            return handle<raw::ConsumerAck>(bytes);
        default:
            return Error{EPROTO, "unknown type of message"};
    }
}

Status RawConsumer::on(const raw::Subscribe& message) {
    if (subscriptions_.contains(message.number)) {
        return Error{EPROTO, "RAW_SUBSCRIBE with a number that is in use"};
    }
    if (subscriptions_.size() >= raw::kMaxSubscriptions) {
        return Error{EDQUOT, "no more than " + std::to_string(raw::kMaxSubscriptions) +
                                 " subscriptions of a consumer"};
    }
    Subscription& subscription = subscriptions_[message.number];
    subscription.any_vm = message.flags & raw::kAnyVm;
    subscription.prefix = message.flags & raw::kTopicPrefix;
    subscription.vm = message.vm;
    subscription.topic = message.topic;
    // In the order in which they came.
    std::map<std::uint64_t, const RawOffer*> matching;
    for (const auto& [id, offer] : buffers_.offers()) {
        if (subscription.matches(*offer)) matching[offer->number] = offer.get();
    }
    for (const auto& [number, offer] : matching) tell(*offer);
    return {};
}

Status RawConsumer::on(const raw::Unsubscribe& message) {
    if (subscriptions_.erase(message.number) == 0) {
        return Error{EPROTO, "RAW_UNSUBSCRIBE of what is not subscribed to"};
    }
    std::erase_if(told_, [this](const raw::OfferId& id) {
        const auto found = buffers_.offers().find(id);
        return found == buffers_.offers().end() || !subscribed_to(*found->second);
    });
    return {};
}

void RawConsumer::refuse(const raw::OfferId& id, ErrorCode code, const std::string& text) {
    auto message = raw::make<raw::TakeRefused>();
    message.id = id;
    message.code = static_cast<std::uint32_t>(code);
    raw::put_text(message.text, text);
    send_(raw::bytes_of(message), {});
}

Status RawConsumer::on(const raw::Take& message) {
    const auto found = buffers_.offers().find(message.id);
    // One answer for what is over and for what never was this consumer's: it learns nothing of
    // others' ids.
    if (!told_.contains(message.id) || found == buffers_.offers().end()) {
        refuse(message.id, ErrorCode::policy, "not offered to this consumer, or not any more");
        return {};
    }
    const std::shared_ptr<RawOffer> offer = found->second;
    if (holding_.contains(message.id)) return Error{EPROTO, "RAW_TAKE of what it has already"};
    auto share = offer->quota->take(Quota::Kind::raw_receivers, 1);
    if (!share) {
        refuse(message.id, ErrorCode::quota,
               "the buffers of this VM have as many receivers as they may have");
        return {};
    }
    auto exported = buffers_.export_memory(*offer, takes_dmabufs_ && message.memory == 0);
    if (!exported || exported->kind == consumer::MemoryKind::none) {
        refuse(message.id, ErrorCode::policy, exported ? exported->reason : exported.error().text);
        return {};
    }
    auto answer = raw::make<raw::Buffer>();
    answer.id = message.id;
    answer.receiver = buffers_.add_link(*this, offer, std::move(*share), name_);
    answer.size = offer->buffer->memory->size;
    answer.memory = static_cast<std::uint32_t>(exported->kind);
    answer.run_count = exported->run_count;
    answer.file_count = exported->file_count;
    raw::put_text(answer.reason, exported->reason);
    answer.data_size = static_cast<std::uint32_t>(offer->data.size());
    std::copy(offer->data.begin(), offer->data.end(), answer.data);
    holding_[message.id] = answer.receiver;
    send_(raw::bytes_of(answer), std::move(exported->fds));
    return {};
}

Status RawConsumer::on(const raw::Done& message) {
    RawLink* link = buffers_.link(message.receiver);
    if (!link || link->consumer != this) {
        return Error{EPROTO, "RAW_DONE of a buffer that it does not hold"};
    }
    outbox_.drop(message.receiver);
    holding_.erase(link->offer->id);
    buffers_.end_link(message.receiver, false);
    return {};
}

Status RawConsumer::on(const raw::ConsumerSend& message) {
    RawLink* link = buffers_.link(message.receiver);
    if (!link || link->consumer != this) {
        return Error{EPROTO, "a message about a buffer that it does not hold"};
    }
    if (!link->offer->producer) return {};  // it crossed the news
    if (link->to_producer >= raw::kWindow) {
        return Error{EPROTO, "more messages than the producer has acknowledged"};
    }
    ++link->to_producer;
    ++link->offer->messages_to_producer;
    link->offer->producer->message_from(message.receiver,
                                        std::span(message.data).first(message.data_size));
    return {};
}

Status RawConsumer::on(const raw::ConsumerAck& message) {
    return outbox_.acknowledge(message.count, [this](std::uint64_t receiver) {
        RawLink* link = buffers_.link(receiver);
        if (!link || link->to_consumer == 0) return;
        --link->to_consumer;
        if (link->offer->producer) link->offer->producer->credit(receiver);
    });
}

void RawConsumer::send_status() {
    for (const raw::Status& status : buffers_.status()) send_(raw::bytes_of(status), {});
}

}  // namespace vdmabuf::broker
