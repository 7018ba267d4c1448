// SPDX-License-Identifier: MIT
#include "runtime/broker/raw_buffers.hpp"

#include <sys/random.h>

#include <algorithm>
#include <set>
#include <utility>

#include "runtime/broker/raw_consumer.hpp"
#include "runtime/broker/raw_producer.hpp"

namespace vdmabuf::broker {
namespace {

raw::Status status_of(const RawOffer& offer) {
    auto message = raw::make<raw::Status>();
    message.number = offer.number;
    message.size = offer.buffer->memory->size;
    message.run_count = static_cast<std::uint32_t>(offer.buffer->memory->runs.size());
    message.pid = offer.pid;
    message.receivers = offer.receivers;
    message.flags = offer.open ? 0 : raw::kWithdrawn;
    message.messages_to_consumers = offer.messages_to_consumers;
    message.messages_to_producer = offer.messages_to_producer;
    raw::put_text(message.vm, offer.vm);
    raw::put_text(message.app, offer.app);
    raw::put_text(message.topic, offer.topic);
    return message;
}

}  // namespace

Status RawBuffers::add(std::shared_ptr<RawOffer> offer) {
    // Not the buffer's own id: a guest may choose that one, and may choose another's.
    const ssize_t got = ::getrandom(offer->id.data(), offer->id.size(), 0);
    if (got != static_cast<ssize_t>(offer->id.size())) return system_error("getrandom");
    offer->number = next_offer_++;
    offers_.emplace(offer->id, offer);
    for (RawConsumer* consumer : consumers_) consumer->offer_added(*offer);
    return {};
}

void RawBuffers::withdraw(const std::shared_ptr<RawOffer>& offer) {
    if (!offer->open) return;
    offer->open = false;
    offers_.erase(offer->id);
    for (RawConsumer* consumer : consumers_) consumer->offer_gone(*offer);
}

void RawBuffers::forget(RawProducer& producer) {
    // First the links: their consumers are then told the whole truth by one message.
    std::set<RawOffer*> cut;
    for (auto& [receiver, link] : links_) {
        if (link.offer->producer != &producer && !cut.contains(link.offer.get())) continue;
        cut.insert(link.offer.get());
        link.offer->producer = nullptr;
        if (!link.offer->open) link.consumer->producer_gone(*link.offer);
    }
    std::vector<std::shared_ptr<RawOffer>> open;
    for (const auto& [id, offer] : offers_) {
        if (offer->producer == &producer || cut.contains(offer.get())) open.push_back(offer);
    }
    for (const auto& offer : open) {
        offer->producer = nullptr;
        withdraw(offer);
    }
}

void RawBuffers::remove_consumer(RawConsumer& consumer) {
    std::erase(consumers_, &consumer);
    std::vector<std::uint64_t> ending;
    for (const auto& [receiver, link] : links_) {
        if (link.consumer == &consumer) ending.push_back(receiver);
    }
    for (const std::uint64_t receiver : ending) end_link(receiver, true);
}

std::uint64_t RawBuffers::add_link(RawConsumer& consumer, const std::shared_ptr<RawOffer>& offer,
                                   Quota::Share share, const std::string& name) {
    const std::uint64_t receiver = next_receiver_++;
    RawLink& link = links_[receiver];
    link.offer = offer;
    link.consumer = &consumer;
    link.share = std::move(share);
    ++offer->receivers;
    if (offer->producer) offer->producer->taken(*offer, receiver, name);
    return receiver;
}

void RawBuffers::end_link(std::uint64_t receiver, bool died) {
    const auto found = links_.find(receiver);
    if (found == links_.end()) return;
    const RawLink link = std::move(found->second);
    links_.erase(found);
    --link.offer->receivers;
    if (link.offer->producer) link.offer->producer->receiver_done(*link.offer, receiver, died);
}

RawLink* RawBuffers::link(std::uint64_t receiver) {
    const auto found = links_.find(receiver);
    return found == links_.end() ? nullptr : &found->second;
}

std::vector<raw::Status> RawBuffers::status() const {
    std::map<std::uint64_t, const RawOffer*> all;
    for (const auto& [id, offer] : offers_) all[offer->number] = offer.get();
    for (const auto& [receiver, link] : links_) all[link.offer->number] = link.offer.get();
    std::vector<raw::Status> statuses;
    statuses.reserve(all.size());
    for (const auto& [number, offer] : all) statuses.push_back(status_of(*offer));
    return statuses;
}

}  // namespace vdmabuf::broker
