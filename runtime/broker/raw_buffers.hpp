// SPDX-License-Identifier: MIT
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "runtime/broker/memory_export.hpp"
#include "runtime/broker/quota.hpp"
#include "runtime/common/raw_messages.hpp"
#include "runtime/common/result.hpp"

namespace vdmabuf::broker {

class RawProducer;
class RawConsumer;

// A buffer that a producer offers outside of streams. Its pages are kept by the offer, until it is
// withdrawn, and by each receiver, until that is done or dead.
struct RawOffer {
    raw::OfferId id{};
    std::uint64_t number = 0;  // for people
    stream::BufferId buffer_id{};
    std::shared_ptr<Buffer> buffer;
    RawProducer* producer = nullptr;  // nullptr: gone, or started anew
    bool open = true;                 // not withdrawn
    std::string vm;
    std::string app;
    std::string topic;
    std::uint32_t pid = 0;
    std::uint32_t uid = 0;
    std::vector<std::byte> data;
    std::shared_ptr<Quota> quota;
    Quota::Share share;
    std::uint32_t receivers = 0;
    std::uint64_t messages_to_consumers = 0;
    std::uint64_t messages_to_producer = 0;
};

// A consumer's hold of a buffer.
struct RawLink {
    std::shared_ptr<RawOffer> offer;
    RawConsumer* consumer = nullptr;
    Quota::Share share;
    // Messages that the sender has no credit for yet.
    std::uint32_t to_consumer = 0;
    std::uint32_t to_producer = 0;
};

// What lies between the two ends of raw buffers: all offers, and who holds them. The ends are
// RawProducer and RawConsumer, one in each session; they must not outlive this.
class RawBuffers {
  public:
    using Export = std::function<Result<ExportedMemory>(Buffer&, bool as_dmabuf)>;

    explicit RawBuffers(Export exporter) : export_(std::move(exporter)) {}

    // ---- producers
    // ENOMEM where the kernel gives no random id.
    Status add(std::shared_ptr<RawOffer> offer);
    // Nobody else may take it. The offer lives on in its links.
    void withdraw(const std::shared_ptr<RawOffer>& offer);
    // As the end of the producer: withdraws all of its offers and cuts its links off.
    void forget(RawProducer& producer);

    // ---- consumers
    void add_consumer(RawConsumer& consumer) { consumers_.push_back(&consumer); }
    void remove_consumer(RawConsumer& consumer);
    const std::map<raw::OfferId, std::shared_ptr<RawOffer>>& offers() const { return offers_; }
    Result<ExportedMemory> export_memory(const RawOffer& offer, bool as_dmabuf) {
        return export_(*offer.buffer, as_dmabuf);
    }
    // Number of the new link. The producer is told.
    std::uint64_t add_link(RawConsumer& consumer, const std::shared_ptr<RawOffer>& offer,
                           Quota::Share share, const std::string& name);
    void end_link(std::uint64_t receiver, bool died);

    // nullptr when there is none of this number.
    RawLink* link(std::uint64_t receiver);

    // One for each offer, those that are withdrawn but held included.
    std::vector<raw::Status> status() const;

  private:
    const Export export_;
    std::map<raw::OfferId, std::shared_ptr<RawOffer>> offers_;  // those that are open
    std::map<std::uint64_t, RawLink> links_;                    // by the receiver's number
    std::vector<RawConsumer*> consumers_;
    std::uint64_t next_offer_ = 1;
    std::uint64_t next_receiver_ = 1;
};

}  // namespace vdmabuf::broker
